"""Tables as Markdown: they follow the page's theme, take formulas, and read well in Jupyter and Colab."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from medsyn_core.evaluation import Summary
from medsyn_core.experiments.results import METRICS

SPREADS = {"subjects": "standard deviation over subjects", "seeds": "standard deviation over seeds"}
EMPTY = "–"


@dataclass(frozen=True)
class Table:
    """Markdown of a table and of the lines under it; the last expression of a cell shows both.

    To number a table on the page, glue its `body` into a {table} directive, which takes nothing but a table.
    """

    markdown: str
    under: str = ""

    @property
    def body(self) -> Table:
        """The table without the lines under it."""
        return Table(self.markdown)

    def _repr_markdown_(self) -> str:
        return f"{self.markdown}\n\n{self.under}".strip()

    def __str__(self) -> str:
        return self._repr_markdown_()


def _markdown(head: Sequence[str], rows: Sequence[Sequence[str]], align: str) -> str:
    bars = {"l": ":--", "r": "--:", "c": ":-:"}
    lines = [head, [bars[a] for a in align], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def cell(text: object) -> str:
    """`text` as it may stand in a cell: bars escaped, no line breaks, a dash for nothing."""
    return EMPTY if text in (None, "") else str(text).replace("|", "\\|").replace("\n", " ")


def listing(rows: Sequence[Mapping[str, object]], columns: Mapping[str, str], align: str | None = None) -> Table:
    """Plain rows: columns maps a key of each row to its heading; align: one of l, r, c for each column.

    Raises ValueError without rows, and for a column without a heading, of which a screen reader could say nothing.
    """
    if not rows:
        raise ValueError("no rows; an empty table says nothing.")
    if nameless := [key for key, heading in columns.items() if not heading.strip()]:
        raise ValueError(f"columns without a heading: {nameless}.")
    body = [[cell(row[key]) for key in columns] for row in rows]
    return Table(_markdown(list(columns.values()), body, align or "l" * len(columns)))


def provenance(*, profile: str, device: str, seeds: int, subjects: int, note: str = "") -> str:
    """The line that stands under a table of results: what its numbers were made on and how many there are."""
    if profile == "smoke":
        note = f"{note} These are smoke numbers, made to test the page: they are no results.".strip()
    count = f"{seeds} seed{'s' * (seeds != 1)}, {subjects} test subject{'s' * (subjects != 1)}"
    return f"Profile {profile}, {device}, {count}.{' ' + note if note else ''}"


def scores(
    rows: Mapping[str, Mapping[str, Summary | None]],
    columns: Sequence[str],
    *,
    spread: str = "subjects",
    under: str = "",
    heading: str = "method",
    rank: Sequence[str] | None = None,
) -> Table:
    """Rows by scores as mean ± spread, the best of each column in bold, a line of provenance below.

    rows: name -> score -> Summary (None shows a dash); columns: keys of METRICS; spread: "subjects" or "seeds";
    under: the line of `provenance`; rank: rows that take part in the bold (default all; references that no method
    competes with are left out). Raises ValueError for an unknown score or spread.
    """
    if unknown := [c for c in columns if c not in METRICS]:
        raise ValueError(f"unknown scores {unknown}; those that exist: {', '.join(METRICS)}.")
    if spread not in SPREADS:
        raise ValueError(f"spread={spread!r}; choose one of: {', '.join(SPREADS)}.")
    best = {c: _best(rows, c, rows if rank is None else rank) for c in columns}
    body = []
    for name, row in rows.items():
        shown = [_shown(row.get(c), c, spread) for c in columns]
        body.append([cell(name), *(f"**{s}**" if name in best[c] else s for s, c in zip(shown, columns, strict=True))])
    head = [heading, *(_heading(c) for c in columns)]
    foot = f"Mean ± {SPREADS[spread]}. {under}".strip()
    return Table(_markdown(head, body, "l" + "r" * len(columns)), f"*{foot}*")


def _heading(score: str) -> str:
    metric = METRICS[score]
    unit = f" ({metric.unit})" if metric.unit else ""
    return f"{metric.title}{unit} {'↑' if metric.higher else '↓'}"


def _shown(value: Summary | None, score: str, spread: str) -> str:
    if value is None:
        return EMPTY
    digits, sd = METRICS[score].decimals, value.sd_subjects if spread == "subjects" else value.sd_seeds
    return f"{value.mean:.{digits}f}" + ("" if sd is None else f"\u00a0±\u00a0{sd:.{digits}f}")


def _best(rows: Mapping[str, Mapping[str, Summary | None]], score: str, rank: Sequence[str]) -> set[str]:
    """Names of the best rows, as far as the shown digits tell them apart; nobody is best alone."""
    metric = METRICS[score]
    means = {name: round(rows[name][score].mean, metric.decimals) for name in rank if rows[name].get(score)}
    if len(means) < 2:
        return set()
    top = (max if metric.higher else min)(means.values())
    return {name for name, mean in means.items() if mean == top}
