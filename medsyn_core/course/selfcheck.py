"""What the cells of an assignment's notebook call. None of it raises for what a student has written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from medsyn_core.course import assignments, submission
from medsyn_core.course.marking import Marks, mark, unreadable
from medsyn_core.course.parts import Assignment, Wrong
from medsyn_core.figures.tables import Table, listing


def check(name: str, *functions: Callable) -> Table:
    """The parts of an assignment, what each gives now, and which step went wrong. Raises ValueError for an unknown name
    of an assignment, and nothing for whatever the functions do."""
    return _table(_marked(assignments.load(name), functions, probe=False))


def probe(name: str, *functions: Callable) -> Any:
    """Train for a while with the student's functions and show what that did. Raises as `check`."""
    return _table(_marked(assignments.load(name), functions, parts=False))


def points(name: str, *functions: Callable) -> float:
    """The points of an assignment without its questions; nbgrader takes a number that a cell shows for its points.
    Raises as `check`."""
    return _marked(assignments.load(name), functions).points


def _marked(assignment: Assignment, functions: tuple[Callable, ...], **which: bool) -> Marks:
    try:
        if len(functions) != len(assignment.functions):
            raise Wrong(f"hand over {', '.join(assignment.functions)}")
        source = submission.of(dict(zip(assignment.functions, functions, strict=True)))
    except Wrong as wrong:
        return unreadable(assignment, str(wrong))
    return mark(assignment, source, **which)


def _table(marks: Marks) -> Table:
    rows = [{"part": p.title, "points": f"{p.points} of {p.of}", "word": p.word or "right"} for p in marks.parts]
    heads = {"part": "part", "points": "points", "word": "what was seen"}
    return Table(listing(rows, heads, "lrl").markdown, f"{marks.points} of {marks.of} points.")
