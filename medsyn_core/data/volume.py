"""What a source of images hands over: subjects, their volumes, and the BraTS label codes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np

MODALITIES = ("t1", "t1ce", "t2", "flair")
"""The order of the modality axis in every array, as far as a cohort has them; "ct" comes fifth."""

NAMES = {"t1": "T1", "t1ce": "T1ce", "t2": "T2", "flair": "FLAIR", "ct": "CT"}
"""As readers know them."""

NCR, ED, ET = 1, 2, 4
"""BraTS codes: necrotic and non-enhancing core, oedema, enhancing tumour (3 is not used)."""

LABELS = (0, NCR, ED, ET)
REGIONS = ("WT", "TC", "ET")
TISSUES = ("background", "CSF", "GM", "WM")


@dataclass(frozen=True)
class SubjectRef:
    """A subject before anything of it is read.

    id: unique in its source; patient: who it is (several time points share one patient); paths: modality
    (or "seg", "tissue") -> file, None for generated subjects; notes: remarks of the scan, for the reports.
    """

    id: str
    patient: str
    site: str | None = None
    grade: str | None = None
    paths: Mapping[str, Path] | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Volume:
    """One subject's images on one grid, axes to the patient's right, anterior, superior (RAS).

    images: modality -> (X, Y, Z) float32, background exactly 0; a missing modality is simply not there.
    seg: (X, Y, Z) uint8 in BraTS codes, or None; tissue: (X, Y, Z) uint8, 0 background, 1 CSF, 2 GM, 3 WM,
    or None; affine: (4, 4) voxel to mm; axes: where the axes of the subject's files point, e.g. ("L", "P", "S"), None
    if there are no files; problems: what was found and mended while reading.
    """

    subject: str
    patient: str
    images: Mapping[str, np.ndarray]
    seg: np.ndarray | None = None
    tissue: np.ndarray | None = None
    affine: np.ndarray | None = None
    site: str | None = None
    grade: str | None = None
    problems: tuple[str, ...] = ()
    axes: tuple[str, str, str] | None = None


@runtime_checkable
class Source(Protocol):
    """Anything that lists subjects and reads one of them; must survive pickling (workers get a copy).

    name: short word, e.g. "phantom"; key: JSON-able parameters that, with the subjects' ids, identify the
    data; notice: licence and provenance in one or two sentences.
    """

    name: str
    key: dict
    notice: str

    def subjects(self) -> list[SubjectRef]: ...

    def read(self, ref: SubjectRef) -> Volume: ...


def region(seg: Any, name: str) -> Any:
    """One BraTS region of `seg` (array or tensor of codes) as bool, same shape: WT = {1, 2, 4}, TC = {1, 4}, ET = {4}.

    Raises ValueError for a region that does not exist.
    """
    if name == "WT":
        return seg > 0
    if name == "TC":
        return (seg == NCR) | (seg == ET)
    if name == "ET":
        return seg == ET
    raise ValueError(f"{name!r} is no tumour region; choose one of: {', '.join(REGIONS)}.")


def regions(seg: np.ndarray) -> dict[str, np.ndarray]:
    """The nested BraTS regions WT ⊇ TC ⊇ ET of `seg` as bool arrays of its shape."""
    return {name: region(seg, name) for name in REGIONS}
