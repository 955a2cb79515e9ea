"""Dividing subjects into training, validation and test sets, by patient, the same on every machine."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Protocol

SETS = ("train", "val", "test")

PRESETS: Mapping[str, tuple[int, int, int]] = {
    "dual": (200, 60, 94),
    "utad": (180, 30, 159),
    "hifi": (70, 0, 30),
    "ixi": (60, 0, 20),
}
"""Subjects for training, validation and testing as the papers print them; a cohort is divided in these ratios."""

FOLDS: Mapping[str, int] = {"d2net": 3}
"""Cross-validation presets; "d2net" is its first fold, "d2net-2" the third."""


class Person(Protocol):
    """What a split needs to know of a subject."""

    id: str
    patient: str
    site: str | None
    grade: str | None


@dataclass(frozen=True)
class Split:
    """Subject ids of the three sets; `patients` maps every id to its patient.

    Raises ValueError if a patient would be in two sets, so a split that leaks cannot exist.
    """

    name: str
    seed: int
    train: tuple[str, ...]
    val: tuple[str, ...]
    test: tuple[str, ...]
    patients: Mapping[str, str] = field(repr=False)

    def __post_init__(self) -> None:
        owner: dict[str, str] = {}
        for part in SETS:
            for subject in getattr(self, part):
                patient = self.patients[subject]
                if owner.setdefault(patient, part) != part:
                    raise ValueError(
                        f"patient {patient!r} would be in {owner[patient]} and in {part} (subject {subject!r}); "
                        "all subjects of one patient belong in one set."
                    )

    def of(self, subject: str) -> str | None:
        """Name of the set that holds `subject`, None if it is in no set."""
        return next((part for part in SETS if subject in getattr(self, part)), None)


def rank(seed: int, name: str) -> int:
    """A number that depends on nothing but the seed and the name: sha256 as an integer."""
    return int.from_bytes(hashlib.sha256(f"{seed}|{name}".encode()).digest()[:8], "big")


def _spread(people: Sequence[Person], seed: int) -> list[str]:
    """Patients in an order whose every stretch has about the cohort's mixture of grades and sites."""
    strata: dict[tuple[str, str], set[str]] = {}
    seen: set[str] = set()
    for person in sorted(people, key=lambda person: person.id):
        if person.patient not in seen:  # a patient's first subject decides its stratum
            seen.add(person.patient)
            strata.setdefault((person.grade or "", person.site or ""), set()).add(person.patient)
    placed = []
    for patients in strata.values():
        ordered = sorted(patients, key=lambda patient: (rank(seed, patient), patient))
        placed += [((k + 0.5) / len(ordered), rank(seed, p), p) for k, p in enumerate(ordered)]
    return [patient for _, _, patient in sorted(placed)]


def _counts(total: int, ratio: Sequence[int]) -> list[int]:
    """Whole numbers that add to `total` in about `ratio`, at least one wherever the ratio is not zero."""
    wanted = [part for part in ratio if part]
    if total < len(wanted):
        raise ValueError(f"{total} patient(s) cannot be divided into {len(wanted)} sets; load more subjects.")
    exact = [total * part / sum(ratio) for part in ratio]
    counts = [int(share) if not part else max(1, int(share)) for share, part in zip(exact, ratio, strict=True)]
    while sum(counts) != total:
        step = 1 if sum(counts) < total else -1
        # The set furthest from its share moves; a set of one is never emptied.
        movable = [k for k, part in enumerate(ratio) if part and counts[k] + step >= 1]
        chosen = max(movable, key=lambda k: (step * (exact[k] - counts[k]), -k))
        counts[chosen] += step
    return counts


def _collect(people: Sequence[Person], sets: Mapping[str, Sequence[str]], name: str, seed: int) -> Split:
    where = {patient: part for part, patients in sets.items() for patient in patients}
    chosen = {part: tuple(p.id for p in people if where[p.patient] == part) for part in SETS}
    return Split(name, seed, patients={p.id: p.patient for p in people}, **chosen)


def identity(cohort_hash: str, division: Split | None) -> str:
    """12 hex digits of a prepared cohort together with who is in which set: what a trained run depends on."""
    sets = None if division is None else [list(getattr(division, part)) for part in SETS]
    return hashlib.sha256(f"{cohort_hash} {sets}".encode()).hexdigest()[:12]


def split(people: Sequence[Person], how: str | Sequence[int] = "dual", seed: int = 0) -> Split:
    """Divide `people` by patient.

    how: a preset's name, or three numbers (train, val, test) whose ratio counts; a zero leaves a set empty, every
    other set gets at least one patient. The order of patients is that of sha256(seed | patient) inside each
    stratum of grade and site: it depends neither on the machine nor on the order of `people`, and a further
    patient moves only those at the borders between sets. Raises ValueError for an unknown preset or too few patients.
    """
    if isinstance(how, str):
        base, _, number = how.partition("-")
        if base in FOLDS and (not number or number in map(str, range(FOLDS[base]))):
            return folds(people, FOLDS[base], seed, name=base)[int(number or 0)]
        if how not in PRESETS:
            raise ValueError(f"split={how!r} is no preset; choose one of: {', '.join([*PRESETS, *FOLDS])}.")
        name, ratio = how, PRESETS[how]
    else:
        ratio = tuple(how)
        if len(ratio) != 3 or min(ratio) < 0 or sum(ratio) <= 0:
            raise ValueError(f"split={how!r} must be three numbers (train, val, test), none negative.")
        name = "/".join(map(str, ratio))
    order, sets, start = _spread(people, seed), {}, 0
    for part, count in zip(SETS, _counts(len(order), ratio), strict=True):
        sets[part] = order[start : start + count]
        start += count
    return _collect(people, sets, name, seed)


def folds(people: Sequence[Person], count: int = 3, seed: int = 0, name: str = "fold") -> tuple[Split, ...]:
    """`count` splits for cross-validation: every patient is tested exactly once; there is no validation set."""
    order = _spread(people, seed)
    if len(order) < count:
        raise ValueError(f"{len(order)} patient(s) cannot make {count} folds; load more subjects.")
    # Stretches, not every third: where a grade is every third patient too, one fold would have it all to itself.
    borders = [k * len(order) // count for k in range(count + 1)]
    pieces = [order[a:b] for a, b in pairwise(borders)]
    return tuple(
        _collect(
            people,
            {"train": [p for j in range(count) if j != k for p in pieces[j]], "test": pieces[k]},
            f"{name}-{k}",
            seed,
        )
        for k in range(count)
    )
