"""Bringing a volume's arbitrary intensities onto a common scale, over its brain."""

from __future__ import annotations

import numpy as np

SCALINGS = ("percentile", "median", "minmax", "zscore")
CT_WINDOW = (-1000.0, 2000.0)
"""Hounsfield units that all but "zscore" map like the ends of an MR volume: CT has a true scale."""


def background(scaling: str) -> float:
    """The value outside the brain after `scaling`: -1 for "minmax", else 0."""
    return -1.0 if scaling == "minmax" else 0.0


def scale_and_shift(image: np.ndarray, brain: np.ndarray, scaling: str, modality: str) -> tuple[float, float]:
    """(a, b) so that a * image + b is the scaled volume.

    image: (X, Y, Z) in arbitrary units; brain: (X, Y, Z) bool, not empty.
    "percentile" v / P99.5, so a brain lies in about [0, 1] and is never clipped; "median" v / (2 P50): ordinary
    tissue lies near 0.5 whatever lights up elsewhere, where the 99.5th percentile of an enhancing tumour would darken
    the rest; "minmax" brain to [-1, 1]; "zscore" mean 0 and standard deviation 1 over the brain. CT uses its fixed
    window for all but the last.
    Raises ValueError for a volume without contrast.
    """
    values = image[brain].astype(np.float64)  # (V,)
    if scaling == "zscore":
        low, span = float(values.mean()), float(values.std())
    elif modality == "ct":
        low, span = CT_WINDOW[0], CT_WINDOW[1] - CT_WINDOW[0]
    elif scaling == "minmax":
        low, span = float(values.min()), float(np.ptp(values))
    elif scaling == "median":
        low, span = 0.0, 2 * float(np.median(values))
    else:
        low, span = 0.0, float(np.percentile(values, 99.5))
    if not span > 0:
        raise ValueError(f"{modality} has no contrast inside the brain, so it cannot be scaled.")
    if scaling == "minmax":
        return 2.0 / span, -2.0 * low / span - 1.0
    return 1.0 / span, -low / span
