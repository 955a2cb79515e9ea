"""Dice of masks, with every empty case defined."""

from __future__ import annotations

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
