"""Labels on their way back: from a prepared block to the grid of the subject, and from there into a file."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .cut import Settings, lay_out
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
    if isinstance(settings.slices, int):
        raise ValueError(
            f'slices={settings.slices} leaves planes out, so that labels cannot be brought back; use "all" or "cubic".'
        )
    layout = lay_out(volume, settings)
    block = (len(layout.heights), settings.px, settings.px)
    if labels.shape != block:
        raise ValueError(f"labels are {labels.shape}, but {volume.subject} is {block} under {settings}.")
    cells = labels[:, ::-1, ::-1].transpose(2, 1, 0)  # (D, H, W), as a picture is shown -> (px, px, D), RAS
    places = (*layout.grid.places, layout.heights)
    steps = (*(middles[1] - middles[0] for middles in layout.grid.places), layout.thickness)
    taken = [  # of each voxel along an axis the number of its cell, below 0 or too large beyond them
        nearest((np.arange(voxels) - middles[0]) / step)
        for voxels, middles, step in zip(layout.brain.shape, places, steps, strict=True)
    ]
    inside = [(cell >= 0) & (cell < many) for cell, many in zip(taken, cells.shape, strict=True)]
    back = np.zeros(layout.brain.shape, labels.dtype)
    back[np.ix_(*inside)] = cells[np.ix_(*(cell[within] for cell, within in zip(taken, inside, strict=True)))]
    return back


def write_labels(path: str | Path, labels: np.ndarray, volume: Volume) -> Path:
    """Write labels (X, Y, Z) on a volume's grid as NIfTI (.nii.gz or .nii), atomically, uint8; returns the path.

    volume: what a source has read; its affine is written, and its files' order of axes, or BraTS' where it has none, so
    that the file lies on the subject's images voxel by voxel. Codes are BraTS' 0, 1, 2 and 4; releases from 2023 on,
    which are read into these, call the enhancing tumour 3. Raises ValueError for other codes, another shape or another
    ending of the path.
    """
    path, labels = Path(path), np.asarray(labels)
    if not path.name.lower().endswith((".nii", ".nii.gz")):
        raise ValueError(f"path={str(path)!r} must end in .nii.gz or .nii.")
    shape = next(array.shape for array in (*volume.images.values(), volume.seg, volume.tissue) if array is not None)
    if labels.shape != shape:
        raise ValueError(
            f"labels are {labels.shape}, but the grid of {volume.subject} is {shape}; bring them back to it first "
            "with data.bring_back()."
        )
    unknown = [code for code in np.unique(labels).tolist() if code not in LABELS]
    if unknown:
        known = ", ".join(map(str, LABELS))
        raise ValueError(f"labels hold {unknown[0]}; BraTS uses {known}, where 4 is the enhancing tumour. Recode them.")
    affine = np.eye(4) if volume.affine is None else np.asarray(volume.affine, float)
    write_image(path, labels.astype(np.uint8), affine, volume.axes or LPS)
    return path
