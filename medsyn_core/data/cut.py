"""One subject's volume to the slices a cohort stores: scale over the volume, choose planes, resample in plane."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .errors import DataError
from .planes import PlaneGrid, choose_planes, nearest, plane_grid
from .scaling import CT_WINDOW, SCALINGS, background, scale_and_shift
from .volume import MODALITIES, Volume

ORDER = (*MODALITIES, "ct")


@dataclass(frozen=True)
class Settings:
    """How volumes become slices; part of the cohort's hash.

    px: pixels a side; fov_mm: millimetres a side; slices: planes a subject, "all" of them, or "cubic": planes as far
    apart as pixels are wide, so that a subject is a volume of cubes; scaling: see `scaling.SCALINGS`.

    "cubic" takes the nearest plane as it is, so thinner ones are skipped and thicker ones repeated. Where planes have
    that distance already it cuts what "all" cuts; but the hash tells of settings, so that it still is another one.
    """

    px: int = 64
    slices: int | str = 12
    scaling: str = "percentile"
    fov_mm: float = 192.0

    def __post_init__(self) -> None:
        whole = isinstance(self.slices, int) and not isinstance(self.slices, bool) and self.slices >= 1
        if not (whole or self.slices in ("all", "cubic")):
            raise ValueError(f'slices={self.slices!r} must be a whole number of at least 1, "all" or "cubic".')
        if not (isinstance(self.px, int) and self.px >= 8):
            raise ValueError(f"px={self.px!r} must be a whole number of at least 8 pixels.")
        if not self.fov_mm > 0:
            raise ValueError(f"fov_mm={self.fov_mm!r} must be a positive number of millimetres.")
        if self.scaling not in SCALINGS:
            raise ValueError(f"scaling={self.scaling!r} does not exist; choose one of: {', '.join(SCALINGS)}.")


@dataclass(frozen=True)
class Slices:
    """What one subject adds to a cohort: n planes, H = W = px, row 0 anterior, column 0 the patient's right.

    images: (n, m, H, W) float16 of the m modalities named; brain: (n, H, W) bool; seg, tissue: (n, H, W) uint8;
    z_mm: (n,) float32, height of the slice's middle in the volume's own space; notes: what was found on the way.
    """

    modalities: tuple[str, ...]
    images: np.ndarray
    brain: np.ndarray
    seg: np.ndarray
    tissue: np.ndarray
    z_mm: np.ndarray
    labelled: bool
    has_tissue: bool
    notes: tuple[str, ...]


def brain_mask(volume: Volume) -> np.ndarray:
    """(X, Y, Z) bool: voxels where any MR modality (CT only if there is no MR) differs from the background 0.

    Where the skull is still on, this is the head.
    """
    magnetic = [image for name, image in volume.images.items() if name != "ct"]
    return np.logical_or.reduce([image != 0 for image in magnetic or volume.images.values()])


@dataclass(frozen=True)
class Layout:
    """Where a volume's slices lie in it.

    brain: (X, Y, Z) bool; affine: (4, 4) voxel to mm; grid: of each slice in its plane; heights: (n,) float, the
    slices' middles along Z in voxels; thickness: from one of neighbouring slices to the next, in voxels; fits: whether
    the brain lies within the field of view.
    """

    brain: np.ndarray
    affine: np.ndarray
    grid: PlaneGrid
    heights: np.ndarray
    thickness: float
    fits: bool


def lay_out(volume: Volume, settings: Settings) -> Layout:
    """Where the slices of a volume are cut; DataError if there is no image or no brain."""
    if not any(name in volume.images for name in ORDER):
        raise DataError(volume.subject, None, "has no usable image.", "Leave the subject out.")
    brain = brain_mask(volume)
    if not brain.any():
        raise DataError(volume.subject, None, "every voxel is background.", "Leave the subject out.")
    affine = np.eye(4) if volume.affine is None else np.asarray(volume.affine, float)
    voxel_mm = np.linalg.norm(affine[:3, :3], axis=0)
    grid, fits = plane_grid(brain, voxel_mm, settings.px, settings.fov_mm)
    cube = settings.fov_mm / settings.px / float(voxel_mm[2])  # how many planes thick
    thickness = cube if settings.slices == "cubic" and abs(cube - 1) >= 1e-3 else 1.0
    return Layout(brain, affine, grid, choose_planes(brain, settings.slices, thickness), thickness, fits)


def cut(volume: Volume, settings: Settings) -> Slices:
    """Scale, choose planes and resample one volume.

    Raises DataError where there is nothing to cut: no image, no brain, or no contrast in a modality.
    """
    names = tuple(name for name in ORDER if name in volume.images)
    layout = lay_out(volume, settings)
    brain, grid, planes = layout.brain, layout.grid, nearest(layout.heights)  # (n,)
    px, empty = settings.px, background(settings.scaling)
    images = np.full((len(planes), len(names), px, px), empty, np.float16)
    masks = np.stack([grid.mask(brain[:, :, z]) for z in planes])  # (n, H, W)
    for m, name in enumerate(names):
        try:
            gain, shift = scale_and_shift(volume.images[name], brain, settings.scaling, name)
        except ValueError as error:
            advice = "Leave the modality or the subject out."
            raise DataError(volume.subject, None, str(error), advice) from error
        for k, z in enumerate(planes):
            # CT shows skull and scalp, so it is not cut to the brain, and beyond its edge there is air, not 0.
            inside, beyond = (None, CT_WINDOW[0]) if name == "ct" else (brain[:, :, z], 0.0)
            plane = gain * (grid.image(volume.images[name][:, :, z] - beyond, inside) + beyond) + shift
            images[k, m] = plane if inside is None else np.where(masks[k], plane, empty)
    labels = {
        kind: np.zeros((len(planes), px, px), np.uint8)
        if array is None
        else np.stack([grid.labels(array[:, :, z]) for z in planes])
        for kind, array in (("seg", volume.seg), ("tissue", volume.tissue))
    }
    centre = [(size - 1) / 2 for size in brain.shape[:2]]
    z_mm = np.array([(layout.affine @ [*centre, z, 1])[2] for z in layout.heights], np.float32)
    notes = volume.problems
    if not layout.fits:
        notes += (f"brain is larger than the field of view of {settings.fov_mm:g} mm; pass a larger fov_mm",)
    return Slices(
        names, images, masks, labels["seg"], labels["tissue"], z_mm,
        volume.seg is not None, volume.tissue is not None, notes,
    )  # fmt: skip
