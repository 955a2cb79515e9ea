"""Marking: every part of an assignment, each on its own, and the probe."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from medsyn_core.course import assignments, submission
from medsyn_core.course.parts import NOT_YET, NOTHING, Assignment, Wrong
from medsyn_core.course.remote import Student


@dataclass(frozen=True)
class Mark:
    """What one part got. word: what is wrong and where to look, or what the probe saw; empty for a right part."""

    name: str
    title: str
    points: int
    of: int
    word: str = ""


@dataclass(frozen=True)
class Marks:
    """What a submission got. shown: what the probe's training gave, for a picture; seconds: by the clock."""

    assignment: Assignment
    parts: tuple[Mark, ...]
    shown: dict[str, Any] = field(default_factory=dict, repr=False)
    seconds: float = 0.0

    @property
    def points(self) -> int:
        """What was given."""
        return sum(part.points for part in self.parts)

    @property
    def of(self) -> int:
        """What could have been given."""
        return sum(part.of for part in self.parts)

    @property
    def lost(self) -> list[str]:
        """Names of the parts that are wrong."""
        return [part.name for part in self.parts if part.points < part.of]


def mark(assignment: Assignment, source: str, *, probe: bool = True) -> Marks:
    """Mark somebody's source, with the probe or without. A part that fails takes nothing from the others."""
    start = time.perf_counter()
    marks: list[Mark] = []
    shown: dict[str, Any] = {}
    with Student(source, own=assignment.own) as student:
        for part in assignment.parts:
            word = _word(lambda part=part: part.check(student))
            advice = f"{_sentence(word)} {_sentence(part.hint)}" if word and word not in (NOT_YET, NOTHING) else word
            marks.append(Mark(part.name, part.title, 0 if word else part.points, part.points, advice.strip()))
        if probe and assignment.probe:
            worth_it = any(mark.points for mark in marks)
            marks.append(_probed(assignment, student, shown) if worth_it else _untrained(assignment))
    return Marks(assignment, tuple(marks), shown, time.perf_counter() - start)


def _sentence(text: str) -> str:
    return text if not text or text[-1] in ".?!" else f"{text}."


def _word(check: Callable[[], object]) -> str:
    """What a check has to say; nothing if all is well."""
    try:
        check()
    except Wrong as wrong:
        return str(wrong) or "wrong"
    except Exception as error:  # it choked on what came back: that is no reason to lose the other marks
        return f"what came back cannot be checked ({type(error).__name__}: {error})"
    return ""


def _probed(assignment: Assignment, student: Student, shown: dict[str, Any]) -> Mark:
    probe, sentence = assignment.probe, []

    def run() -> None:
        shown.update(student.train(assignment.name, probe.seconds))
        sentence.append(probe.judge(shown))

    word = _word(run)
    return Mark("probe", probe.title, 0 if word else probe.points, probe.points, word or sentence[0])


def _untrained(assignment: Assignment) -> Mark:
    probe = assignment.probe
    return Mark("probe", probe.title, 0, probe.points, "not trained: none of the parts above is right yet")


def unreadable(assignment: Assignment, word: str, *, probe: bool = True) -> Marks:
    """No points, and one word for all parts: the submission itself cannot be read."""
    parts = [Mark(part.name, part.title, 0, part.points, word) for part in assignment.parts]
    if probe and assignment.probe:
        parts.append(Mark("probe", assignment.probe.title, 0, assignment.probe.points, word))
    return Marks(assignment, tuple(parts))


def mark_file(name: str, path: Path, *, probe: bool = True) -> Marks:
    """Mark a notebook or a .py file; what cannot be read gets no points and a word."""
    assignment = assignments.load(name)
    try:
        source = submission.read(path, assignment.functions)
    except Wrong as wrong:
        return unreadable(assignment, str(wrong), probe=probe)
    return mark(assignment, source, probe=probe)


def mark_many(name: str, paths: Sequence[Path], *, probe: bool = True, jobs: int = 1) -> Iterator[Marks]:
    """The marks of many files in their order, `jobs` of them at a time."""
    with ThreadPoolExecutor(jobs) as pool:
        yield from pool.map(lambda path: mark_file(name, path, probe=probe), paths)
