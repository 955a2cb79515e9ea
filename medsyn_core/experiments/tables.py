"""A table as plain data: headings, cells and what has to stand under it."""

from __future__ import annotations

from dataclasses import dataclass

from medsyn_core.evaluation import Summary

ANSWER = "holds here?"
"""The last column of a table of claims."""


@dataclass(frozen=True)
class Table:
    """columns: headings; rows: one tuple of written cells a row; notes: lines to print under it, provenance
    last.
    """

    id: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if any(len(row) != len(self.columns) for row in self.rows):
            raise ValueError(f"{self.id}: every row needs {len(self.columns)} cells.")
        if not all(map(str.strip, self.columns)):
            raise ValueError(f"{self.id}: every column needs a heading: {self.columns}.")

    def text(self) -> str:
        """The table for a terminal."""
        cells = [self.columns, *self.rows]
        widths = [max(len(row[i]) for row in cells) for i in range(len(self.columns))]
        line = lambda row: "  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip()
        head = [f"{self.id}: {self.title}", line(self.columns), "  ".join("-" * w for w in widths)]
        return "\n".join([*head, *map(line, self.rows), *self.notes])


def written(value: Summary, decimals: int) -> str:
    """ "mean ± sd over subjects (sd over seeds)"; what has no spread is left out."""
    text = f"{value.mean:.{decimals}f}"
    if value.sd_subjects is not None:
        text += f" ± {value.sd_subjects:.{decimals}f}"
    if value.sd_seeds is not None:
        text += f" ({value.sd_seeds:.{decimals}f})"
    return text


def p_value(p: float) -> str:
    """A p-value as it is printed: two significant digits, never rounded to nothing."""
    return "< 0.0001" if p < 1e-4 else f"{p:.2g}"
