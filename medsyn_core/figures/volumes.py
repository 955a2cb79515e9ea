"""One subject as a block of voxels that can be looked at from all sides: from a cohort, or from NIfTI files."""

from __future__ import annotations

import gzip
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from medsyn_core.data.errors import DataError
from medsyn_core.data.scaling import background
from medsyn_core.data.volume import LABELS, NAMES, SubjectRef
from medsyn_core.figures.d2_shown import grey
from medsyn_core.figures.gallery import PARTS

if TYPE_CHECKING:
    from medsyn_core.data import Cohort

LABEL_INTENT = "label"  # tells viewers that 1, 2 and 4 are names and not amounts


@dataclass(frozen=True)
class Block:
    """An image and its labels on one grid, axes to the patient's right, anterior, superior (RAS).

    image: (X, Y, Z) in 0 … 1, background 0; labels: (X, Y, Z) uint8 in BraTS codes; affine: (4, 4) voxel to mm;
    name: of the subject; modality: what the image is; others: further labels by name, to be seen in place of the
    first. Raises ValueError for arrays that do not fit.
    """

    image: np.ndarray = field(repr=False)
    labels: np.ndarray = field(repr=False)
    affine: np.ndarray = field(repr=False)
    name: str
    modality: str
    others: Mapping[str, np.ndarray] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        for name, labels in {"the reference": self.labels, **self.others}.items():
            if np.ndim(self.image) != 3 or np.shape(labels) != np.shape(self.image):
                raise ValueError(
                    f"an image {np.shape(self.image)} and labels {np.shape(labels)} ({name}); both must be (X, Y, Z)."
                )
            if unknown := set(np.unique(labels).tolist()) - set(LABELS):
                codes = ", ".join(map(str, LABELS))
                raise ValueError(f"{name} holds the labels {sorted(unknown)}; BraTS codes are {codes}.")
        if not 0 <= np.min(self.image) <= np.max(self.image) <= 1:
            raise ValueError(f"the image runs from {np.min(self.image):g} to {np.max(self.image):g}, not within 0 … 1.")
        if np.shape(self.affine) != (4, 4):
            raise ValueError(f"affine has shape {np.shape(self.affine)}; (4, 4) is due.")

    def beside(self, name: str, labels: np.ndarray) -> Block:
        """The same block with further labels, (X, Y, Z) in BraTS codes, under a name."""
        return replace(self, others={**self.others, name: np.asarray(labels, np.uint8)})

    @property
    def title(self) -> str:
        """What the image is called on a page: "FLAIR"."""
        return NAMES[self.modality]

    @property
    def voxel_mm(self) -> np.ndarray:
        """(3,) sides of a voxel."""
        return np.linalg.norm(np.asarray(self.affine)[:3, :3], axis=0)

    def middle(self) -> np.ndarray:
        """(3,) mm: the labelled voxel that is nearest to the middle of all labelled ones; of the head without any."""
        found = np.argwhere(self.labels > 0)
        found = found if len(found) else np.argwhere(self.image > 0)
        nearest = found[np.square(found - found.mean(axis=0)).sum(axis=1).argmin()]
        return (np.asarray(self.affine) @ [*nearest, 1])[:3]

    def said(self) -> str:
        """The block in words, from its data: what is labelled, how large, on which side."""
        if not (self.labels > 0).any():
            return f"{self.title} of {self.name}: no tumour is labelled"
        sizes = {name: int((self.labels == code).sum()) for name, (code, _) in PARTS.items()}
        ml = {name: many * self.voxel_mm.prod() / 1000 for name, many in sizes.items() if many}
        amounts = (f"{amount:.0f}" if amount >= 1 else "less than 1" for amount in ml.values())
        parts = ", ".join(f"{amount} ml of {name}" for name, amount in zip(ml, amounts, strict=True))
        across = [np.nonzero(mask)[0].mean() for mask in (self.labels > 0, self.image > 0)]
        side = "right" if across[0] > across[1] else "left"
        return f"{self.title} of {self.name} with {parts}; the middle of the tumour is on the patient's {side}"

    def files(self) -> dict[str, bytes]:
        """Compressed NIfTI: the "image" in 0 … 255, the "reference" and the other labels; the same bytes each time."""
        image = (255 * np.asarray(self.image, np.float32)).round().astype(np.uint8)
        layers = {"reference": self.labels, **self.others}
        return {"image": _nifti(image, self.affine, "none")} | {
            name: _nifti(np.asarray(labels, np.uint8), self.affine, LABEL_INTENT) for name, labels in layers.items()
        }


def _nifti(array: np.ndarray, affine: np.ndarray, intent: str) -> bytes:
    import nibabel as nib

    picture = nib.Nifti1Image(array, affine)
    picture.header.set_xyzt_units("mm")
    picture.header.set_intent(intent)
    return gzip.compress(picture.to_bytes(), mtime=0)


def of_cohort(cohort: Cohort, subject: int | str = 0, modality: str = "flair") -> Block:
    """A subject of a cohort whose planes are neighbours (slices="all" or "cubic"), by index or id.

    Heights are the volume's own; across, 0 mm is the middle of the field of view, for a cohort keeps no other.
    Raises ValueError for a cohort of single slices, an unknown subject or modality, and for one that was not scanned.
    """
    how = cohort.settings
    if how["slices"] not in ("all", "cubic"):
        raise ValueError(
            f'this cohort has {how["slices"]} single slices a subject; load one with slices="all" to see volumes.'
        )
    place = cohort.modality(modality)
    planes = cohort.volume(subject)
    info = next(one for k, one in enumerate(cohort.subjects) if subject in (k, one.id))
    if not info.present[place]:
        has = ", ".join(m for m, there in zip(cohort.modalities, info.present, strict=True) if there)
        raise ValueError(f"{info.id} has no {modality}; it has: {has}.")
    ras = lambda stack: stack[:, ::-1, ::-1].transpose(2, 1, 0)  # (D, H, W) -> (X, Y, Z)
    image = planes["images"][place].astype(np.float32) - background(how["scaling"])  # (D, H, W)
    heights, across = planes["z_mm"], how["fov_mm"] / how["px"]
    apart = float(heights[1] - heights[0]) if len(heights) > 1 else across
    affine = np.diag([across, across, apart, 1.0])
    corner = -(how["px"] - 1) / 2 * across
    affine[:3, 3] = corner, corner, heights[0]
    return Block(grey(ras(image)).astype(np.float32), ras(planes["seg"]), affine, info.id, modality)


def of_files(image: str | Path, labels: str | Path | None = None, modality: str = "flair") -> Block:
    """A NIfTI image, and its labels in BraTS codes 1, 2 and 4 where there are some, turned to RAS; warns of what had to
    be mended.

    Raises DataError (a ValueError) naming the file, what is wrong with it and what to do, also where the two lie on
    different grids; ValueError for a modality that is none.
    """
    from medsyn_core.data.assemble import assemble
    from medsyn_core.data.nifti import AFFINE_TOLERANCE, read_scan
    from medsyn_core.data.releases import OTHER

    if modality not in NAMES:
        raise ValueError(f"{modality!r} is no modality; choose one of: {', '.join(NAMES)}.")
    path = Path(image).expanduser()
    name = path.name.removesuffix(".gz").removesuffix(".nii")
    scan, found = read_scan(path, name), {}
    if labels is not None:
        seg = found["seg"] = read_scan(Path(labels).expanduser(), name, labels=True)
        if seg.data.shape == scan.data.shape and not np.allclose(seg.ras()[1], scan.ras()[1], atol=AFFINE_TOLERANCE):
            problem = f"lies elsewhere than {path.name} by its affine."
            raise DataError(name, seg.path, problem, "Write the labels with the image's own header.")
    volume = assemble(SubjectRef(name, name), {modality: scan}, found, OTHER.codes, "BraTS")
    if volume.problems:
        warnings.warn(f"{name}: {'; '.join(volume.problems)}", stacklevel=2)
    picture = volume.images[modality]
    seg = np.zeros(picture.shape, np.uint8) if volume.seg is None else volume.seg
    return Block(grey(picture).astype(np.float32), seg, volume.affine, name, modality)
