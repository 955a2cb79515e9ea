"""One subject's scans onto one grid, with what is wrong in them mended, remarked or refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import nibabel as nib
import numpy as np
from scipy import ndimage

from .errors import DataError
from .nifti import AFFINE_TOLERANCE, Scan, recode
from .releases import TISSUE_CODES
from .volume import MODALITIES, SubjectRef, Volume


@dataclass(frozen=True)
class Grid:
    """The grid of a subject, as stored and in RAS, and the file it comes from."""

    scan: Scan
    shape: tuple[int, ...]
    affine: np.ndarray

    @classmethod
    def of(cls, scan: Scan) -> Grid:
        data, affine = scan.ras()
        return cls(scan, data.shape, affine)


def assemble(
    ref: SubjectRef, images: Mapping[str, Scan], labels: Mapping[str, Scan], codes: Mapping[int, int], what: str
) -> Volume:
    """A Volume in RAS of scans that should share a grid; `labels` may hold "seg" and "tissue".

    The same axes stored in another order are turned. The same shape and voxels under another affine is taken for a
    slip of the header: the first modality's is used, with a remark; any other difference is refused. NaN and inf
    outside the brain become 0, inside they are refused; a volume of one value counts as missing.
    """
    notes = [*ref.notes, *(note for scan in (*images.values(), *labels.values()) for note in scan.notes)]
    order = sorted(images, key=lambda m: (*MODALITIES, "ct").index(m))
    if not order:
        raise DataError(ref.id, None, "has no image.", "Leave the subject out, or add its modalities.")
    grid = Grid.of(images[order[0]])
    arrays = {m: onto_grid(images[m], grid, ref.id, notes) for m in order}
    _mend(arrays, images, ref.id, notes)
    for m in [m for m in order if np.ptp(arrays[m]) == 0]:
        notes.append(f"{m} has the same value everywhere and counts as missing")
        del arrays[m]
    if not arrays:
        raise DataError(ref.id, grid.scan.path, "no modality holds an image.", "Leave the subject out.")
    found = {}
    for kind, table, title in (("seg", codes, what), ("tissue", TISSUE_CODES, "a tissue map")):
        if kind in labels:
            scan = labels[kind]
            coded = Scan(scan.path, recode(scan, ref.id, table, title), scan.affine)
            found[kind] = onto_grid(coded, grid, ref.id, notes)
    return Volume(
        ref.id,
        ref.patient,
        arrays,
        found.get("seg"),
        found.get("tissue"),
        grid.affine,
        ref.site,
        ref.grade,
        tuple(dict.fromkeys(notes)),
        nib.aff2axcodes(grid.scan.affine),
    )


def onto_grid(scan: Scan, grid: Grid, subject: str, notes: list[str]) -> np.ndarray:
    """The scan's voxels in the grid's RAS order, (X, Y, Z); appends to `notes` if its affine had to be overruled."""
    data, affine = scan.ras()
    if data.shape == grid.shape and np.allclose(affine, grid.affine, atol=AFFINE_TOLERANCE):
        return data
    first = grid.scan
    if scan.data.shape != first.data.shape:
        sizes = " but ".join("x".join(map(str, s.data.shape)) for s in (scan, first))
        problem = f"has {sizes} voxels in {first.path.name}."
        raise DataError(subject, scan.path, problem, "Resample the subject's files onto one grid first.")
    if not np.allclose(scan.voxel_mm, first.voxel_mm, rtol=AFFINE_TOLERANCE):
        sizes = " but ".join("x".join(f"{v:.3g}" for v in s.voxel_mm) for s in (scan, first))
        problem = f"has voxels of {sizes} mm in {first.path.name}."
        raise DataError(subject, scan.path, problem, "Resample the subject's files onto one grid first.")
    notes.append(f"{scan.path.name} lies elsewhere than {first.path.name} by its affine; the latter's is taken")
    return Scan(scan.path, scan.data, first.affine).ras()[0]


def _mend(arrays: dict[str, np.ndarray], images: Mapping[str, Scan], subject: str, notes: list[str]) -> None:
    """Set NaN and inf outside the brain to 0 in place; refuse them inside."""
    bad = {m: ~np.isfinite(array) for m, array in arrays.items()}
    if not any(mask.any() for mask in bad.values()):
        return
    # CT is not 0 in air, so it tells of the brain only where there is nothing else.
    telling = [m for m in arrays if m != "ct"] or list(arrays)
    known = [(arrays[m] != 0) & ~bad[m] for m in telling]
    brain = ndimage.binary_fill_holes(np.logical_or.reduce(known))
    for m in [m for m, mask in bad.items() if mask.any()]:
        inside = int((bad[m] & brain).sum())
        if inside:
            problem = f"has {inside} voxels inside the brain that are NaN or infinite."
            advice = "Repeat the step that made the file, or leave the subject out."
            raise DataError(subject, images[m].path, problem, advice)
        notes.append(f"{images[m].path.name}: {int(bad[m].sum())} NaN or infinite voxels outside the brain set to 0")
        arrays[m] = np.where(bad[m], np.float32(0), arrays[m])
