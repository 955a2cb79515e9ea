"""Dice of tumour regions, with every empty case defined."""

from __future__ import annotations

import numpy as np

REGIONS = {"WT": (1, 2, 4), "TC": (1, 4), "ET": (4,)}  # BraTS codes: 1 necrosis / non-enhancing, 2 oedema, 4 enhancing


def region(seg: np.ndarray, name: str) -> np.ndarray:
    """The bool mask of a BraTS region (WT, TC or ET) in a label map of any shape."""
    if name not in REGIONS:
        raise ValueError(f"region {name!r} does not exist; choose one of: {', '.join(REGIONS)}.")
    return np.isin(seg, REGIONS[name])


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
