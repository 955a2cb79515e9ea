"""Dice of masks, with every empty case defined."""

from __future__ import annotations

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
    """HD95 and ASSD in mm between the surfaces of two bool masks (D, H, W), as MONAI measures them.

    HD95: of the distances from each surface to the other, the larger of the two 95th percentiles; ASSD: the mean of
    all of them. Both empty: 0. One empty: the diagonal of the volume, the largest distance there could be (BraTS does
    the same with its own volume's diagonal).
    """
    predicted, reference = np.asarray(predicted, bool), np.asarray(reference, bool)
    if predicted.any() != reference.any():
        diagonal = float(np.linalg.norm(np.multiply(predicted.shape, voxel_mm)))
        return diagonal, diagonal
    if not reference.any():
        return 0.0, 0.0
    import torch
    from monai.metrics import compute_average_surface_distance, compute_hausdorff_distance

    # Far from both masks nothing can change a distance between them, and the transform costs by the voxel.
    where = np.nonzero(predicted | reference)
    box = tuple(slice(axis.min(), axis.max() + 1) for axis in where)
    pair = [torch.from_numpy(np.pad(mask[box], 1))[None, None] for mask in (predicted, reference)]
    options = {"include_background": True, "spacing": list(voxel_mm)}
    hd95 = compute_hausdorff_distance(*pair, percentile=95, **options)
    assd = compute_average_surface_distance(*pair, symmetric=True, **options)
    return float(hd95), float(assd)
