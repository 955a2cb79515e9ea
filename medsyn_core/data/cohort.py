"""The prepared cohort: memory-mapped slices with who they come from and how they are divided."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from .splits import SETS, Split, identity, split
from .store import ARRAYS


@dataclass(frozen=True)
class SubjectInfo:
    """A subject of a cohort. present: one bool a modality, in the cohort's order."""

    id: str
    patient: str
    site: str | None
    grade: str | None
    present: tuple[bool, ...]
    labelled: bool
    has_tissue: bool


@dataclass(frozen=True)
class Cohort:
    """Slices of many subjects on one grid, read from disk only where they are looked at.

    images: (N, M, H, W) float16, scaled as `settings` says; brain: (N, H, W) bool; seg: (N, H, W) uint8 in BraTS
    codes; tissue: (N, H, W) uint8 (0 background, 1 CSF, 2 GM, 3 WM); subject: (N,) int32, index into `subjects`;
    z_mm: (N,) float32. Row 0 is anterior, column 0 the patient's right; a subject's planes are neighbours,
    ascending. A modality that a subject lacks holds the background value, see SubjectInfo.present.

    skipped: subjects that could not be read, as {"subject", "path", "problem", "advice"}; notes: id -> remarks.
    """

    root: Path
    source: str
    hash: str
    notice: str
    modalities: tuple[str, ...]
    subjects: tuple[SubjectInfo, ...]
    settings: dict = field(hash=False)
    skipped: list[dict] = field(default_factory=list, hash=False)
    notes: dict[str, list[str]] = field(default_factory=dict, hash=False)
    split: Split | None = None

    def _map(self, name: str) -> np.ndarray:
        return np.load(self.root / f"{name}.npy", mmap_mode="r")

    @cached_property
    def images(self) -> np.ndarray:
        return self._map("images")

    @cached_property
    def brain(self) -> np.ndarray:
        return self._map("brain")

    @cached_property
    def seg(self) -> np.ndarray:
        return self._map("seg")

    @cached_property
    def tissue(self) -> np.ndarray:
        return self._map("tissue")

    @cached_property
    def subject(self) -> np.ndarray:
        return np.asarray(self._map("subject"))

    @cached_property
    def z_mm(self) -> np.ndarray:
        return np.asarray(self._map("z_mm"))

    def __getstate__(self) -> dict:
        # A pickled memory map would carry the whole array; the copy maps the files again.
        return {name: value for name, value in self.__dict__.items() if name not in ARRAYS}

    def __len__(self) -> int:
        return len(self.subject)

    def __repr__(self) -> str:
        return (
            f"Cohort({self.source} {self.hash}: {len(self.subjects)} subjects, {len(self)} slices of "
            f"{self.settings['px']} x {self.settings['px']}, {'/'.join(self.modalities)}"
            + (f", {len(self.skipped)} skipped)" if self.skipped else ")")
        )

    def modality(self, name: str) -> int:
        """Place of a modality on the M axis; ValueError names those that exist."""
        if name not in self.modalities:
            raise ValueError(f"this cohort has no modality {name!r}; it has: {', '.join(self.modalities)}.")
        return self.modalities.index(name)

    def subset(self, name: str) -> Subset:
        """The slices of one set of the split: "train", "val" or "test"; ValueError if the set is empty."""
        if self.split is None:
            raise ValueError("this cohort is not divided; use cohort.divide(...) first.")
        if name not in SETS:
            raise ValueError(f"{name!r} is no set; choose one of: {', '.join(SETS)}.")
        wanted = set(getattr(self.split, name))
        if not wanted:
            raise ValueError(f"the split {self.split.name!r} has no {name} set; choose another with split=.")
        return self.select([k for k, info in enumerate(self.subjects) if info.id in wanted], name)

    @property
    def identity(self) -> str:
        """12 hex digits of the arrays and of the split: two cohorts that train the same way have the same one."""
        return identity(self.hash, self.split)

    def select(self, subjects: Sequence[int], name: str = "selection") -> Subset:
        """The slices of the subjects with these indices."""
        return Subset(self, name, np.flatnonzero(np.isin(self.subject, list(subjects))))

    def divide(self, how: str | Sequence[int] | Split = "dual", seed: int = 0) -> Cohort:
        """The same cohort with another split; see `splits.split`."""
        return replace(self, split=how if isinstance(how, Split) else split(self.subjects, how, seed))

    def volume(self, subject: int | str) -> dict[str, np.ndarray]:
        """One subject's planes as a block: images (M, D, H, W), brain, seg, tissue (D, H, W), z_mm (D,).

        subject: its index or id. The D planes are neighbours only in a cohort prepared with slices="all" or "cubic".
        """
        ids = [info.id for info in self.subjects]
        number = ids.index(subject) if subject in ids else subject
        if not isinstance(number, (int, np.integer)) or not 0 <= number < len(ids):
            raise ValueError(f"this cohort has no subject {subject!r}; ids run from {ids[0]!r} to {ids[-1]!r}.")
        rows = slice(*np.searchsorted(self.subject, [number, number + 1]))
        block = {name: getattr(self, name)[rows] for name in ("brain", "seg", "tissue", "z_mm")}
        return {"images": self.images[rows].swapaxes(0, 1), **block}  # (D, M, H, W) -> (M, D, H, W)

    def report(self) -> str:
        """What was found while preparing: one line a remark or a skipped subject, empty if all went well."""
        lines = [f"{subject}: {note}" for subject, notes in self.notes.items() for note in notes]
        lines += [f"{s['subject']}: skipped: {s['problem']} {s['advice']}" for s in self.skipped]
        return "\n".join(lines)


@dataclass(frozen=True)
class Subset:
    """Some slices of a cohort. indices: ascending int array into the cohort's N."""

    cohort: Cohort
    name: str
    indices: np.ndarray = field(hash=False, compare=False)

    def __len__(self) -> int:
        return len(self.indices)

    def __repr__(self) -> str:
        return f"Subset({self.name}: {len(self.subjects)} subjects, {len(self)} slices of {self.cohort!r})"

    @cached_property
    def numbers(self) -> tuple[int, ...]:
        """Indices of the subjects into `cohort.subjects`, ascending."""
        return tuple(int(k) for k in np.unique(self.cohort.subject[self.indices]))

    @cached_property
    def subjects(self) -> tuple[SubjectInfo, ...]:
        """The subjects of these slices."""
        return tuple(self.cohort.subjects[k] for k in self.numbers)
