"""The command `python -m medsyn_core check`: mark submissions."""

from __future__ import annotations

import argparse
import csv
from pathlib import Path
from typing import TYPE_CHECKING

from medsyn_core.course import assignments
from medsyn_core.files import atomic

if TYPE_CHECKING:
    from medsyn_core.course.marking import Marks


def add_arguments(subparsers: argparse._SubParsersAction) -> None:
    """Add `check` to a parser's subcommands; it sets `run`, a function of the arguments."""
    command = subparsers.add_parser("check", help="mark submissions of an assignment of the course")
    command.add_argument("assignment", choices=list(assignments.MODULES))
    command.add_argument("files", nargs="+", type=Path, metavar="file", help="notebook (.ipynb) or Python file")
    command.add_argument("--no-probe", dest="probe", action="store_false", help="leave the short training out")
    command.add_argument("--jobs", type=_at_least_one, default=1, help="submissions at a time (default 1)")
    command.add_argument("--csv", type=Path, help="write the points into this table, a row a submission")
    command.set_defaults(run=_check)


def _at_least_one(text: str) -> int:
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number


def _check(arguments: argparse.Namespace) -> None:
    from medsyn_core.course.marking import mark_many

    if arguments.csv and not arguments.csv.resolve().parent.is_dir():
        raise ValueError(f"--csv {arguments.csv}: there is no folder {arguments.csv.resolve().parent}; make it first.")
    rows = []
    marked = mark_many(arguments.assignment, arguments.files, probe=arguments.probe, jobs=arguments.jobs)
    for path, marks in zip(arguments.files, marked, strict=True):
        print(report(path, marks), flush=True)
        rows.append(row(path, marks))
    if arguments.csv:
        write(rows, arguments.csv)
        print(f"{len(rows)} submissions in {arguments.csv}")


def report(path: Path, marks: Marks) -> str:
    """A submission's marks, a line a part."""
    lines = [f"{path}: {marks.points} of {marks.of} points"]
    for part in marks.parts:
        lines.append(f"  {part.points}/{part.of}  {part.title}" + (f": {part.word}" if part.word else ""))
    if marks.assignment.questions:
        lines.append(f"  and up to {marks.assignment.questions} for the answers in words, which a person reads")
    return "\n".join(lines)


def row(path: Path, marks: Marks) -> dict[str, object]:
    """A submission's marks as a row of a table."""
    points = {part.name: part.points for part in marks.parts}
    words = "; ".join(f"{part.name}: {part.word}" for part in marks.parts if part.points < part.of)
    return {"file": str(path), **points, "points": marks.points, "of": marks.of, "words": words}


def write(rows: list[dict[str, object]], path: Path) -> None:
    """Write rows as CSV; the file appears whole or not at all."""
    with atomic(path) as part, open(part, "w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, list(rows[0]))
        table.writeheader()
        table.writerows(rows)
