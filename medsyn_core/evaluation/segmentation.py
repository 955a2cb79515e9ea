"""Dice of masks and distances between their surfaces, with every empty case defined."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage
from scipy.spatial import KDTree


def dice(predicted: np.ndarray, reference: np.ndarray, both_empty: float | None = 1.0) -> float | None:
    """Dice = 2 |A and B| / (|A| + |B|) of two bool masks of one shape.

    One mask empty: 0. Both empty: `both_empty`, which is 1 as in the BraTS challenge, or None to leave such a
    subject out of a mean; the choice moves the mean of small regions by many points, so a page has to state
    it.
    """
    predicted, reference = np.asarray(predicted, bool), np.asarray(reference, bool)
    if predicted.shape != reference.shape:
        raise ValueError(f"predicted has shape {predicted.shape}, reference {reference.shape}; they must agree.")
    total = int(predicted.sum()) + int(reference.sum())
    return 2 * int((predicted & reference).sum()) / total if total else both_empty


def surface_distances(predicted: np.ndarray, reference: np.ndarray, voxel_mm: Sequence[float]) -> tuple[float, float]:
    """HD95 and ASSD in mm between the surfaces of two bool masks (D, H, W) whose voxels are voxel_mm (3,) apart.

    A surface is the voxels of a mask that lack one of their six neighbours, beyond the array's edge too. From each
    voxel of either surface it is so far to the nearest of the other: HD95 is the larger of the two directions' 95th
    percentiles (linear between neighbours), ASSD the mean over both directions' voxels together, in which the larger
    surface weighs more (as in MONAI, and unlike a mean of two means). Both empty: 0. One empty: the diagonal of the
    volume, the largest distance there could be (BraTS does the same with its own volume's diagonal).
    """
    predicted, reference = np.asarray(predicted, bool), np.asarray(reference, bool)
    if predicted.shape != reference.shape or predicted.ndim != len(voxel_mm):
        raise ValueError(
            f"predicted has shape {predicted.shape}, reference {reference.shape}, voxel_mm {len(voxel_mm)} numbers; "
            "the shapes must agree, with one number an axis."
        )
    if predicted.any() != reference.any():
        diagonal = float(np.linalg.norm(np.multiply(predicted.shape, voxel_mm)))
        return diagonal, diagonal
    if not reference.any():
        return 0.0, 0.0
    ours, theirs = (_surface(mask) * np.asarray(voxel_mm, float) for mask in (predicted, reference))  # (V, 3) mm
    there, back = KDTree(theirs).query(ours)[0], KDTree(ours).query(theirs)[0]
    hd95 = max(np.percentile(there, 95), np.percentile(back, 95))
    return float(hd95), float(np.concatenate([there, back]).mean())


def _surface(mask: np.ndarray) -> np.ndarray:
    """Indices (V, 3) of the voxels that have a neighbour outside the mask."""
    # Eroding costs by the voxel of the array, and a tumour fills little of it.
    box = tuple(slice(axis.min(), axis.max() + 1) for axis in np.nonzero(mask))
    inside = mask[box]
    return np.argwhere(inside & ~ndimage.binary_erosion(inside)) + [side.start for side in box]
