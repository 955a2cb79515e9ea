"""Loss terms and the loss table: what a recipe minimises, term by term."""

from __future__ import annotations

import functools
import html
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from numbers import Real

import torch

from medsyn_core.training.fingerprint import fingerprint
from medsyn_core.training.trace import Trace


class LossError(ValueError):
    """A loss term is unknown, badly made, or gave something that cannot be minimised."""


def _number(name: str, weight: object) -> float:
    if isinstance(weight, bool) or not isinstance(weight, Real) or not math.isfinite(weight):
        raise LossError(f"the weight of {name!r} must be a finite number, not {weight!r}")
    return float(weight)


@dataclass(frozen=True)
class LossTerm:
    """A plain function from a trace to a scalar, with what the table needs to know of it.

    name: its key in the table; fn: trace -> scalar tensor, smaller is better for `player`;
    weight: its factor in the player's total (0 switches it off: nothing is computed for it);
    player: whose total it belongs to; equation: id in the equation ledger, None for one's own.
    """

    name: str
    fn: Callable[[Trace], torch.Tensor]
    weight: float = 1.0
    player: str = "generator"
    equation: str | None = None

    def __post_init__(self) -> None:
        if not (isinstance(self.name, str) and self.name.isidentifier()):
            raise LossError(f"a term's name must be a Python identifier (it becomes an argument), not {self.name!r}")
        if not callable(self.fn):
            raise LossError(f"term {self.name!r} needs a function from a trace to a scalar, not {self.fn!r}")
        object.__setattr__(self, "weight", _number(self.name, self.weight))

    def __call__(self, trace: Trace) -> torch.Tensor:
        """The unweighted value, a scalar tensor. Raises LossError if the function gives anything else."""
        try:
            value = self.fn(trace)
        except Exception as error:
            error.add_note(f"(raised while computing the loss term {self.name!r})")
            raise
        if not isinstance(value, torch.Tensor) or value.numel() != 1 or value.is_complex():
            got = f"a tensor of shape {tuple(value.shape)}" if isinstance(value, torch.Tensor) else f"{value!r}"
            raise LossError(
                f"the loss term {self.name!r} must return a scalar tensor, but returned {got}; "
                "reduce it, for example with .mean()"
            )
        return value.reshape(())

    def describe(self) -> dict:
        """What a run record keeps of this term. A function from outside the package is told apart by its code, its
        closure and its arguments too."""
        fn = self.fn.func if isinstance(self.fn, functools.partial) else self.fn
        where = f"{getattr(fn, '__module__', '?')}.{getattr(fn, '__qualname__', type(fn).__qualname__)}"
        described = {"weight": self.weight, "player": self.player, "equation": self.equation, "function": where}
        own = where.startswith("medsyn_core.") and fn is self.fn
        return described if own else described | {"source": fingerprint(self.fn)}


@dataclass(frozen=True)
class LossTable(Mapping[str, LossTerm]):
    """An ordered mapping of loss terms that prints itself.

    terms: the terms in order; players: the names a term may belong to; values: last values by name,
    filled in by a run. Edits give a new table, the old one is unchanged.
    """

    terms: tuple[LossTerm, ...]
    players: tuple[str, ...] = ("generator", "critic")
    values: Mapping[str, float] = field(default_factory=dict, compare=False)

    def __post_init__(self) -> None:
        names = [t.name for t in self.terms]
        for name in names:
            if names.count(name) > 1:
                raise LossError(f"the loss table has two terms called {name!r}")
        for term in self.terms:
            if term.player not in self.players:
                raise LossError(
                    f"term {term.name!r} belongs to {term.player!r}; the players are: {', '.join(self.players)}"
                )

    def __getitem__(self, name: str) -> LossTerm:
        for term in self.terms:
            if term.name == name:
                return term
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return (t.name for t in self.terms)

    def __len__(self) -> int:
        return len(self.terms)

    def edit(self, **weights: float) -> LossTable:
        """The same table with other weights. Raises LossError for a term that does not exist."""
        unknown = [name for name in weights if name not in self]
        if unknown:
            raise LossError(f"unknown loss term {unknown[0]!r}; the terms are: {', '.join(self)}")
        terms = tuple(replace(t, weight=_number(t.name, weights.get(t.name, t.weight))) for t in self.terms)
        return replace(self, terms=terms, values={})

    def add(self, term: LossTerm) -> LossTable:
        """The same table with one more term at its end. Raises LossError if its name is taken."""
        if term.name in self:
            raise LossError(
                f"there is a term called {term.name!r} already; use edit({term.name}=…) to change its weight"
            )
        return replace(self, terms=(*self.terms, term), values={})

    def active(self, player: str) -> tuple[LossTerm, ...]:
        """The terms of one player whose weight is not zero."""
        return tuple(t for t in self.terms if t.player == player and t.weight != 0)

    def parts(self, trace: Trace, player: str) -> dict[str, torch.Tensor]:
        """The unweighted value of each active term of one player, by name (scalars)."""
        return {term.name: term(trace) for term in self.active(player)}

    def total(self, parts: Mapping[str, torch.Tensor]) -> torch.Tensor:
        r"""What a player minimises: $\sum_k w_k L_k$, a scalar.

        It is every paper's total, dual-7, utad-7, utad-11, utad-12 and utad-13 among them: which one depends on the
        parts.
        """
        return torch.stack([self[name].weight * value for name, value in parts.items()]).sum()

    def rows(self) -> list[dict]:
        """One dict a term: term, equation, player, weight, last value (None before a run)."""
        return [
            {
                "term": t.name,
                "equation": t.equation,
                "player": t.player,
                "weight": t.weight,
                "last value": self.values.get(t.name),
            }
            for t in self.terms
        ]

    def _cells(self) -> list[list[str]]:
        def show(row: dict) -> list[str]:
            last = "–" if row["last value"] is None else f"{row['last value']:.4g}"
            return [row["term"], row["equation"] or "–", row["player"], f"{row['weight']:g}", last]

        return [["term", "equation", "player", "weight", "last value"], *map(show, self.rows())]

    def __repr__(self) -> str:
        cells = self._cells()
        widths = [max(len(row[i]) for row in cells) for i in range(5)]
        return "\n".join("  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in cells)

    def _repr_html_(self) -> str:
        head, *rows = self._cells()
        line = lambda row, tag: "<tr>" + "".join(f"<{tag}>{html.escape(c)}</{tag}>" for c in row) + "</tr>"
        return f"<table><thead>{line(head, 'th')}</thead><tbody>{''.join(line(r, 'td') for r in rows)}</tbody></table>"
