"""What an assignment consists of: parts that are checked, a probe that trains, questions that a person reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch import Tensor

if TYPE_CHECKING:
    from medsyn_core.course.remote import Student

NOT_YET = "not written yet"  # the word for a stub
NOTHING = "nothing came back (None): is a return missing?"
LEVELS = ("an hour or two", "an afternoon", "a small project")
Result = Mapping[str, Tensor | float]


class Wrong(AssertionError):
    """What a check raises. Its message is for the student: what was expected, what came, which step to look at."""


@dataclass(frozen=True)
class Part:
    """Something that is right or wrong. title: in words; check: raises Wrong; hint: where to look if it is wrong."""

    name: str
    points: int
    title: str
    check: Callable[[Student], None]
    hint: str = ""


@dataclass(frozen=True)
class Probe:
    """A short training with the student's functions.

    train: name of function -> function, in; what is to be judged and shown, out. It runs in the student's process, so
    it must be seeded and cheap (15 to 40 s on one quiet core), and it trains its own baseline, so that both stand side
    by side. Its keys are words for a reader, who is shown them: a tensor (N,) is a curve, (H, W) an image, a number or
    0-dim tensor a row of a table; "slope, your penalty" and "slope, no penalty" share a picture of the slope. judge:
    the same, in the marker's process; says in a sentence what is seen, or raises Wrong. Its margin is measured over
    seeds. seconds: processor time after which training is stopped.
    """

    points: int
    title: str
    train: Callable[[Mapping[str, Callable]], dict[str, Tensor | float]]
    judge: Callable[[Result], str]
    seconds: float


@dataclass(frozen=True)
class Assignment:
    """One assignment. name: of its notebook; functions: what the student writes; minutes: how long a student needs;
    level: one of LEVELS; chapters: what to read first, as paths in the book (part1/adversarial); questions: points for
    answers in words, which a person gives; own: dotted names of the package's functions that would be the solution,
    which the student's code may not call."""

    name: str
    title: str
    functions: tuple[str, ...]
    parts: tuple[Part, ...]
    probe: Probe | None
    minutes: int
    level: str
    chapters: tuple[str, ...]
    questions: int
    own: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.level not in LEVELS:
            raise ValueError(f"{self.name}: level={self.level!r}; choose one of: {', '.join(LEVELS)}.")
        names = [part.name for part in self.parts]
        if len(set(names)) < len(names) or "probe" in names:
            raise ValueError(f'{self.name}: its parts need names of their own, other than "probe", not {names}.')

    @property
    def points(self) -> int:
        """What the checks and the probe give together; the questions come on top."""
        return sum(part.points for part in self.parts) + (self.probe.points if self.probe else 0)
