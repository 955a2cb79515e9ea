"""Dice of masks and distances between their surfaces, with every empty case defined."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np


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

    MONAI's measures. A surface is the voxels of a mask that lack one of their six neighbours, beyond the array's edge
    too. From each voxel of either surface it is so far to the nearest of the other: HD95 is the larger of the two
    directions' 95th percentiles, ASSD the mean over both directions' voxels together, in which the larger surface
    weighs more (unlike a mean of two means). Both empty: 0. One empty: the diagonal of the volume, the largest distance
    there could be (BraTS does the same with its own volume's diagonal).
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
    import torch
    from monai.metrics import compute_average_surface_distance, compute_hausdorff_distance

    # The box of both masks, for the transforms cost by the voxel; and a rim, or MONAI sees no surface at the edge.
    box = tuple(slice(axis.min(), axis.max() + 1) for axis in np.nonzero(predicted | reference))
    pair = [torch.from_numpy(np.pad(mask[box], 1))[None, None] for mask in (predicted, reference)]
    options = {"include_background": True, "spacing": [float(side) for side in voxel_mm]}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # one part of MONAI calls another with an outdated argument
        hd95 = compute_hausdorff_distance(*pair, percentile=95, **options)
        assd = compute_average_surface_distance(*pair, symmetric=True, **options)
    return float(hd95), float(assd)
