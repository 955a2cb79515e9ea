"""A recipe: networks + the trace of one step + a table of loss terms, as one value that can be edited."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor, nn

from medsyn_core.training.table import LossTable, LossTerm
from medsyn_core.training.trace import Trace

if TYPE_CHECKING:
    from medsyn_core.training.run import Run


class Method(ABC):
    """What the engine asks of a method: a frozen dataclass of settings with these five answers."""

    name: ClassVar[str]
    memory_format: ClassVar[torch.memory_format] = torch.channels_last  # of the weights; what measured faster

    @abstractmethod
    def networks(self, example: Mapping[str, Tensor]) -> dict[str, nn.Module]:
        """Freshly initialised networks by name, for batches like `example`."""

    @abstractmethod
    def view(self, subset: Any) -> Any:
        """The training examples: an object with `len` and `batch(indices) -> {name: (B, ...) tensor}`."""

    @abstractmethod
    def trace(self, networks: Mapping[str, nn.Module], batch: Mapping[str, Tensor]) -> Trace:
        """The record of one step on one batch."""

    @abstractmethod
    def model(self, networks: Mapping[str, nn.Module]) -> nn.Module:
        """The network that is used once training is over."""

    @abstractmethod
    def evaluate(self, networks: Mapping[str, nn.Module], subset: Any) -> list[dict]:
        """Metrics, one dict a subject and direction."""

    def untrained_model(self) -> nn.Module:
        """What `model` gives, with fresh weights: saved ones can be loaded into it."""
        raise NotImplementedError(f"{self.name} does not say how its model is built")

    def settings(self) -> dict[str, Any]:
        """The method's settings by name: its fields, but for those whose metadata say that they are none."""
        fields = [f.name for f in dataclasses.fields(self) if f.metadata.get("setting", True)]
        return {name: getattr(self, name) for name in fields}

    def draws(self, size: int, generator: torch.Generator) -> dict[str, Tensor]:
        """Random numbers of one step, the first axis `size`: they belong to samples, so that splitting a batch
        changes nothing."""
        return {}

    def after_turn(  # noqa: B027 (most methods leave nothing behind)
        self, networks: Mapping[str, nn.Module], trace: Trace, player: str, gather: Callable[[Tensor], Tensor]
    ) -> None:
        """What a turn leaves behind in buffers (a memory, a running mean), once its player has moved.

        trace: the turn's; gather: from this process's (B, ...) to the whole batch's, so that every process writes the
        same. A network that is written to must belong to some player, or the engine takes it for a frozen one.
        """


@dataclass(frozen=True)
class Player:
    """Who moves which networks, and how: one optimiser (Adam), `updates` turns a step.

    learning_rate, betas, weight_decay: Adam's; clip: largest gradient norm, None for none.
    """

    name: str
    networks: tuple[str, ...]
    learning_rate: float = 1e-4
    betas: tuple[float, float] = (0.9, 0.999)
    updates: int = 1
    weight_decay: float = 0.0
    clip: float | None = None


@dataclass(frozen=True)
class Training:
    """How long and on how much: steps, samples a turn, and the learning rate's end.

    From `decay_from` (a fraction of the run) the rate falls linearly to `decay_to` times its start.
    """

    steps: int
    batch_size: int
    decay_from: float = 1.0
    decay_to: float = 0.01

    def __post_init__(self) -> None:
        for name in ("steps", "batch_size"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ValueError(f"{name} must be a whole number of at least 1, not {value!r}")
        if not 0 <= self.decay_from <= 1:
            raise ValueError(f"decay_from is a fraction of the run, between 0 and 1, not {self.decay_from!r}")

    def rate(self, step: int) -> float:
        """The factor on every learning rate at one step (0-based)."""
        start = self.decay_from * self.steps
        if step < start:
            return 1.0
        done = (step - start) / max(self.steps - start, 1)
        return 1.0 + (self.decay_to - 1.0) * done


@dataclass(frozen=True)
class Recipe:
    """Everything that defines a training but its data and seed. Edits return a new recipe; the old one is unchanged.

    method: settings and networks; losses: the loss table; players: in the order of their turns; training: sizes.
    """

    method: Method
    losses: LossTable
    players: tuple[Player, ...]
    training: Training

    def __post_init__(self) -> None:
        missing = set(self.losses.players) - {p.name for p in self.players}
        if missing:
            raise ValueError(f"the loss table has terms for {', '.join(sorted(missing))}, but no such player moves")

    def edit(self, **weights: float) -> Recipe:
        """Re-weight terms: `recipe.edit(local_adversarial=0)` drops one. Raises LossError for an unknown term."""
        return replace(self, losses=self.losses.edit(**weights))

    def add(
        self,
        name: str,
        fn: Callable[[Trace], Tensor],
        weight: float = 1.0,
        player: str = "generator",
        equation: str | None = None,
    ) -> Recipe:
        """Add a term of one's own: `fn` gets the trace and returns a scalar. Raises LossError if it cannot be
        added."""
        return replace(self, losses=self.losses.add(LossTerm(name, fn, weight, player, equation)))

    def configure(self, **settings: Any) -> Recipe:
        """Change settings of the method or of the training by name: `recipe.configure(beta=1.0, steps=50)`.

        Raises ValueError for a name that neither has.
        """
        ours = {f.name for f in dataclasses.fields(self.training)}
        theirs = {f.name for f in dataclasses.fields(self.method)}
        unknown = [name for name in settings if name not in ours | theirs]
        if unknown:
            raise ValueError(f"unknown setting {unknown[0]!r}; there are: {', '.join(sorted(ours | theirs))}")
        return replace(
            self,
            training=replace(self.training, **{k: v for k, v in settings.items() if k in ours}),
            method=replace(self.method, **{k: v for k, v in settings.items() if k in theirs}),
        )

    def player(self, name: str, **settings: Any) -> Recipe:
        """Change a player: `recipe.player("critic", updates=5)`. Raises ValueError for an unknown player or
        setting."""
        names = [p.name for p in self.players]
        fields = [f.name for f in dataclasses.fields(Player) if f.name != "name"]
        if name not in names:
            raise ValueError(f"unknown player {name!r}; the players are: {', '.join(names)}")
        unknown = [s for s in settings if s not in fields]
        if unknown:
            raise ValueError(f"unknown player setting {unknown[0]!r}; there are: {', '.join(fields)}")
        return replace(self, players=tuple(replace(p, **settings) if p.name == name else p for p in self.players))

    def fit(self, cohort: Any, seed: int = 0, **options: Any) -> Run:
        """Train on the cohort's training subset; see `medsyn_core.training.fit.fit` for the options."""
        from medsyn_core.training.fit import fit

        return fit(self, cohort, seed, **options)

    def config(self) -> dict:
        """The whole recipe as plain JSON-able data: what a run record keeps, and what must match to load it."""
        config = {
            "method": {"name": self.method.name, **self.method.settings()},
            "losses": {name: term.describe() for name, term in self.losses.items()},
            "players": {p.name: {k: v for k, v in dataclasses.asdict(p).items() if k != "name"} for p in self.players},
            "training": dataclasses.asdict(self.training),
        }
        return json.loads(json.dumps(config))  # tuples become lists, as they will be after a round trip

    @property
    def config_hash(self) -> str:
        """12 hex digits that change whenever anything in the recipe does."""
        return hashlib.sha256(json.dumps(self.config(), sort_keys=True).encode()).hexdigest()[:12]

    def _repr_html_(self) -> str:
        return f"<p><strong>{self.method.name}</strong>: {self.method}, {self.training}</p>{self.losses._repr_html_()}"
