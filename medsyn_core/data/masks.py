"""Stand-ins for tools that are not here: a head mask and tissue classes, both rough and said to be so."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

LARGEST_BRAIN = 2.2
"""Litres: where more than this is not zero, the skull is still on."""


def brain_or_head(image: np.ndarray, affine: np.ndarray, mask: np.ndarray | None) -> tuple[np.ndarray, bool]:
    """Where the brain is, (X, Y, Z) bool, and whether that is without the skull.

    mask: is taken if given; else it is where `image` is not 0, if that is no larger than a brain, else the head.
    affine: (4, 4) voxel to mm.
    """
    if mask is not None:
        return mask, True
    litres = abs(np.linalg.det(affine[:3, :3])) * np.count_nonzero(image) / 1e6
    return (image != 0, True) if litres <= LARGEST_BRAIN else (head_mask(image), False)


def head_mask(image: np.ndarray) -> np.ndarray:
    """(X, Y, Z) bool: the largest bright body of a T1 or T2 with air around it, holes filled.

    Otsu's threshold on the smoothed image, which must not be constant; keeps skull and scalp.
    """
    smooth = ndimage.gaussian_filter(image.astype(np.float32), 1.5)
    counts, edges = np.histogram(smooth, 256)
    centres = (edges[:-1] + edges[1:]) / 2
    below = np.cumsum(counts)
    above = below[-1] - below
    sums = np.cumsum(counts * centres)
    # Between-class variance at every cut but the last, which leaves one class empty.
    gap = sums[:-1] / below[:-1] - (sums[-1] - sums[:-1]) / np.maximum(above[:-1], 1)
    cut = centres[np.argmax(below[:-1] * above[:-1] * gap**2)]
    parts, _ = ndimage.label(smooth > cut)
    sizes = np.bincount(parts.ravel())
    sizes[0] = 0
    return ndimage.binary_fill_holes(parts == sizes.argmax())


def tissue_classes(t1: np.ndarray, brain: np.ndarray, rounds: int = 40) -> np.ndarray:
    """(X, Y, Z) uint8: 0 background, 1 CSF, 2 GM, 3 WM from a mixture of three Gaussians on a skull-stripped T1.

    Expectation-maximisation on the histogram, started at the 10th, 45th and 85th percentile. No bias field and no
    neighbourhood, unlike the FAST tool HiFi-Syn used.
    """
    low, high = np.percentile(t1[brain], [0.5, 99.5])
    counts, edges = np.histogram(np.clip(t1[brain], low, high), 128)
    x = ((edges[:-1] + edges[1:]) / 2)[:, None]  # (128, 1)
    mean = np.percentile(t1[brain], [10, 45, 85])
    sd = np.full(3, (high - low) / 6 + 1e-6)
    share = np.full(3, 1 / 3)
    for _ in range(rounds):
        density = share / sd * np.exp(-0.5 * ((x - mean) / sd) ** 2) + 1e-30  # (128, 3)
        weight = density / density.sum(1, keepdims=True) * counts[:, None]
        total = weight.sum(0) + 1e-9
        mean = (weight * x).sum(0) / total
        sd = np.sqrt((weight * (x - mean) ** 2).sum(0) / total) + (high - low) * 1e-3
        share = total / total.sum()
    class_of = np.argsort(np.argsort(mean))[density.argmax(1)] + 1  # (128,) darkest class is CSF
    place = np.clip(np.digitize(t1, edges) - 1, 0, len(class_of) - 1)
    return np.where(brain, class_of[place], 0).astype(np.uint8)
