"""What the cells of an assignment's notebook call. None of it raises for what a student has written."""

from __future__ import annotations

import csv
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Callable
from pathlib import Path

from medsyn_core.course import assignments, submission
from medsyn_core.course.marking import Mark, Marks, mark, unreadable
from medsyn_core.course.parts import Wrong
from medsyn_core.course.shown import pictures, rows
from medsyn_core.figures.tables import Table, listing

WIDTH = 100  # letters of a line that is printed below a cell
HEADS = {"part": "part", "points": "points", "word": "what was seen"}


def check(name: str, *functions: Callable) -> Table:
    """The parts of an assignment, what each gives now, and which step went wrong.

    Raises ValueError for an unknown name of an assignment, and nothing for whatever the functions do.
    """
    marks = _marked(name, functions, probe=False)
    return Table(_table(marks.parts), f"{marks.points} of {marks.of} points.")


def probe(name: str, *functions: Callable) -> Table:
    """Train for a while with the student's functions and show what that did, beside the package's own plain baseline.

    It trains as soon as one part of `check` is right. Raises as `check`.
    """
    marks = _marked(name, functions, probe=True)
    for picture in pictures(marks.shown):
        _display(picture)
    last = [part for part in marks.parts if part.name == "probe"]
    return Table("\n\n".join([*(table.markdown for table in rows(marks.shown)), _table(last)]))


def points(name: str, *functions: Callable) -> int:
    """The points of an assignment without its questions; nbgrader takes the number that a cell shows for its points.

    Prints each part as well. Marking has an interpreter of its own: what was patched in this one does not count. Raises
    as `check`.
    """
    assignments.load(name)
    try:
        source = _source(name, functions)
    except Wrong as wrong:
        print(wrong)
        return 0
    with tempfile.TemporaryDirectory(prefix="medsyn-") as folder:
        file, table = Path(folder, "submission.py"), Path(folder, "marks.csv")
        file.write_text(source, encoding="utf-8")
        command = [sys.executable, "-m", "medsyn_core", "check", name, file.name, "--csv", table.name]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
        if done.returncode:
            print(f"marking failed: {done.stderr.strip()}")
            return 0
        for line in done.stdout.splitlines()[1:-1]:  # without the names of the temporary files
            print(textwrap.fill(line, WIDTH, subsequent_indent=" " * 7))  # a notebook would break within words
        with open(table, newline="", encoding="utf-8") as lines:
            return int(next(csv.DictReader(lines))["points"])


def _source(name: str, functions: tuple[Callable, ...]) -> str:
    names = assignments.load(name).functions
    if len(functions) != len(names):
        raise Wrong(f"hand over {', '.join(names)}")
    return submission.of(dict(zip(names, functions, strict=True)))


def _marked(name: str, functions: tuple[Callable, ...], probe: bool) -> Marks:
    assignment = assignments.load(name)
    try:
        source = _source(name, functions)
    except Wrong as wrong:
        return unreadable(assignment, str(wrong), probe=probe)
    return mark(assignment, source, probe=probe)


def _table(parts: list[Mark] | tuple[Mark, ...]) -> str:
    lines = [{"part": p.title, "points": f"{p.points} of {p.of}", "word": p.word or "right"} for p in parts]
    return listing(lines, HEADS, "lrl").markdown


def _display(picture: object) -> None:
    """Show something above what the cell returns; nothing where there is no notebook."""
    if "IPython" in sys.modules:
        from IPython.display import display

        display(picture)
