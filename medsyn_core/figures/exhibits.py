"""The tables of an exhibit on a page: results, claims and the paper's own numbers, each with its provenance
under it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from medsyn_core.experiments import exhibits
from medsyn_core.experiments.tables import ANSWER
from medsyn_core.experiments.tables import Table as Plain
from medsyn_core.figures.tables import Table, listing


def written(table: Plain) -> Table:
    """One table as Markdown: its title above, its notes below, a line each, those on how it was measured behind a
    click; columns of numbers are set to the right. A claim's answer, a table's last column, stands beside the claim,
    where a phone shows it unscrolled."""
    places = list(range(len(table.columns)))
    if table.columns[-1] == ANSWER:
        places = [places[0], places[-1], *places[1:-1]]
    table = replace(
        table,
        columns=tuple(table.columns[i] for i in places),
        rows=tuple(tuple(row[i] for i in places) for row in table.rows),
    )
    keys = [str(i) for i in places]
    rows = [dict(zip(keys, map(unbroken, row), strict=True)) for row in table.rows]
    align = "".join("r" if _numbers(column) else "l" for column in zip(*table.rows, strict=True))
    body = listing(rows, dict(zip(keys, table.columns, strict=True)), align)
    return Table(f"**{table.id}: {table.title}**\n\n{body}\n\n{_under(table)}\n")


def _under(table: Plain) -> str:
    """The notes. A page has dozens of tables that are measured alike: of each one reads at once what its numbers are
    and where they come from; claims are judged by one rule."""
    judged = ANSWER in table.columns
    notes = list(map(set_note, table.notes))
    first, rest = notes[: not judged], notes[not judged :]
    last = rest[-2:] if len(rest) > 1 and rest[-2].startswith(exhibits.TO_RECORD) else rest[-1:]
    lines = "\n".join(f"<br><small>{note}</small>" for note in (*first, *last)).removeprefix("<br>")
    told = rest[: len(rest) - len(last)]
    how = folded("How these claims are judged", told, "judged") if judged else folded("How it was measured", told)
    return f"{lines}\n\n{how}" if told else lines


def folded(title: str, lines: Iterable[str], kind: str = "told") -> str:
    """A list behind a click; paper has it open, unless it is of the kind "judged"."""
    head = f'<details class="{kind}"><summary>{title}</summary>\n'
    return "\n".join((head, *(f"- {line}" for line in lines), "\n</details>"))


def _numbers(cells) -> bool:
    return all(any(c.isdigit() or c == "–" for c in cell) and not any(c.isalpha() for c in cell) for cell in cells)


def set_note(note: str) -> str:
    """A line under a table, its commands as code: in running text their double hyphens would become dashes."""
    return re.sub(r"python -m medsyn_core [\w &-]*\w", lambda command: f"`{command[0]}`", note)


def unbroken(cell: str) -> str:
    """A cell whose numbers stay on one line with their spread, interval or total."""
    cell = re.sub(r"(?<=\d) of (?=\d)", "\u00a0of\u00a0", cell)
    cell = re.sub(r"\[(\S+), (\S+)\]", "[\\1,\u00a0\\2]", cell)
    cell = re.sub(r"(?<=\de)-(?=\d)", "-\u2060", cell)  # a power of ten does not break at its sign
    return cell.replace(" ± ", "\u00a0±\u00a0").replace("< ", "<\u00a0")


def exhibit(id: str, profile: str = "laptop") -> Table:
    """All tables of an exhibit, from its recorded runs at one profile.

    Raises ExhibitError if it is not recorded, with the command that records it.
    """
    return Table("\n".join(written(table).markdown for table in exhibits.tables(id, profile)))
