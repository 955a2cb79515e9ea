"""Labels and images on their way back: from a prepared block to the grid of the subject, and from there into a file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy import ndimage

from .cut import Layout, Settings, lay_out
from .planes import nearest
from .volume import LABELS, Volume
from .write import LPS, write_image


def bring_back(labels: np.ndarray, volume: Volume, settings: Settings) -> np.ndarray:
    """Labels (D, H, W) on the grid that `cut(volume, settings)` gives -> (X, Y, Z) on the volume's own, RAS.

    Each voxel takes the label of the cell that its middle lies in, 0 beyond the block. The cells' sides lie along the
    volume's axes, so that this is one choice an axis, exact for any affine. Raises ValueError for labels of another
    shape and where slices were left out, DataError as `cut`.
    """
    labels = np.asarray(labels)
    layout = _layout("labels", labels, volume, settings)
    cells = _as_ras(labels)
    taken = [nearest(places) for places in _places(layout)]
    inside = [(cell >= 0) & (cell < many) for cell, many in zip(taken, cells.shape, strict=True)]
    back = np.zeros(layout.brain.shape, labels.dtype)
    back[np.ix_(*inside)] = cells[np.ix_(*(cell[within] for cell, within in zip(taken, inside, strict=True)))]
    return back


def bring_back_image(images: np.ndarray, volume: Volume, settings: Settings) -> np.ndarray:
    """An image (D, H, W) on the grid that `cut(volume, settings)` gives -> (X, Y, Z) float32 on the volume's own, RAS.

    Linear between the middles of cells in the brain, of which those at its edge hold on outwards; 0 outside the
    volume's brain and beyond the block. Grey values stay as they are, in the units of the settings' scaling. Raises
    ValueError for images of another shape, where slices were left out and where no cell lies in the brain, DataError as
    `cut`.
    """
    images = np.asarray(images, np.float32)
    layout = _layout("images", images, volume, settings)
    planes = nearest(layout.heights)
    known = _as_ras(np.stack([layout.grid.mask(layout.brain[:, :, z]) for z in planes]))  # (px, px, D) bool
    if not known.any():
        raise ValueError(f"no pixel of {volume.subject} lies in the brain under {settings}; take a larger px.")
    # Cells outside the brain are background; mixed in, they would darken its edge.
    nearby = ndimage.distance_transform_edt(~known, return_distances=False, return_indices=True)
    back, inside = _as_ras(images)[tuple(nearby)], layout.brain.copy()
    for axis, places in enumerate(_places(layout)):
        last = back.shape[axis] - 1
        within = (places >= -0.5) & (places < last + 0.5)
        inside &= within.reshape(-1, *[1] * (2 - axis))
        below = np.clip(np.floor(places).astype(int), 0, max(last - 1, 0))
        part = np.clip(places - below, 0, 1 if last else 0).astype(np.float32).reshape(-1, *[1] * (2 - axis))
        above = np.minimum(below + 1, last)
        back = back.take(below, axis) * (1 - part) + back.take(above, axis) * part  # this axis: cells -> voxels
    return np.where(inside, back, np.float32(0))


def write_labels(path: str | Path, labels: np.ndarray, volume: Volume) -> Path:
    """Write labels (X, Y, Z) on a volume's grid as NIfTI (.nii.gz or .nii), atomically, uint8; returns the path.

    volume: what a source has read; its affine is written, and its files' order of axes, or BraTS' where it has none, so
    that the file lies on the subject's images voxel by voxel. Codes are BraTS' 0, 1, 2 and 4; releases from 2023 on,
    which are read into these, call the enhancing tumour 3. Raises ValueError for other codes, another shape or another
    ending of the path.
    """
    labels = np.asarray(labels)
    path = _checked("labels", path, labels, volume)
    unknown = [code for code in np.unique(labels).tolist() if code not in LABELS]
    if unknown:
        known = ", ".join(map(str, LABELS))
        raise ValueError(f"labels hold {unknown[0]}; BraTS uses {known}, where 4 is the enhancing tumour. Recode them.")
    return _write(path, labels.astype(np.uint8), volume)


def write_volume(path: str | Path, image: np.ndarray, volume: Volume) -> Path:
    """Write an image (X, Y, Z) on a volume's grid as `write_labels` writes labels, float32; returns the path.

    Raises ValueError for values that are not finite, another shape or another ending of the path.
    """
    image = np.asarray(image, np.float32)
    path = _checked("values", path, image, volume)
    if not np.isfinite(image).all():
        raise ValueError(f"{int((~np.isfinite(image)).sum())} values are not finite; see what made them.")
    return _write(path, image, volume)


def _layout(what: str, block: np.ndarray, volume: Volume, settings: Settings) -> Layout:
    """Where the slices of a volume lie. Raises ValueError where a block cannot be these slices."""
    if isinstance(settings.slices, int):
        raise ValueError(
            f'slices={settings.slices} leaves planes out, so that {what} cannot be brought back; use "all" or "cubic".'
        )
    layout = lay_out(volume, settings)
    shape = (len(layout.heights), settings.px, settings.px)
    if block.shape != shape:
        raise ValueError(f"{what} are {block.shape}, but {volume.subject} is {shape} under {settings}.")
    return layout


def _as_ras(block: np.ndarray) -> np.ndarray:
    """(D, H, W), as a picture is shown -> (px, px, D), RAS."""
    return block[:, ::-1, ::-1].transpose(2, 1, 0)


def _places(layout: Layout) -> list[np.ndarray]:
    """Along each axis the voxels' middles, in cells: 0 is the middle of the first, below it there is none."""
    middles = (*layout.grid.places, layout.heights)
    steps = (*(along[1] - along[0] for along in layout.grid.places), layout.thickness)
    return [
        (np.arange(voxels) - along[0]) / step
        for voxels, along, step in zip(layout.brain.shape, middles, steps, strict=True)
    ]


def _checked(what: str, path: str | Path, array: np.ndarray, volume: Volume) -> Path:
    """The path. Raises ValueError where its ending or the array's shape does not fit."""
    path = Path(path)
    if not path.name.lower().endswith((".nii", ".nii.gz")):
        raise ValueError(f"path={str(path)!r} must end in .nii.gz or .nii.")
    shape = next(a.shape for a in (*volume.images.values(), volume.seg, volume.tissue) if a is not None)
    if array.shape != shape:
        raise ValueError(
            f"{what} are {array.shape}, but the grid of {volume.subject} is {shape}; bring them back to it first, with "
            "data.bring_back() or data.bring_back_image()."
        )
    return path


def _write(path: Path, array: np.ndarray, volume: Volume) -> Path:
    affine = np.eye(4) if volume.affine is None else np.asarray(volume.affine, float)
    write_image(path, array, affine, volume.axes or LPS)
    return path
