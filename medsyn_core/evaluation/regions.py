"""What a region looks like in each subject: mean and spread, and how well two regions can be told apart."""

from __future__ import annotations

import numpy as np


def moments(
    images: np.ndarray, mask: np.ndarray, subject: np.ndarray, least: int = 20
) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of the voxels in `mask` for each subject, ascending: two arrays (subjects,).

    images: (N, H, W) of one modality; mask: (N, H, W) bool; subject: (N,) whose slice it is. A subject with fewer
    than `least` voxels in the mask gets nan: so few say nothing.
    """
    numbers, place = np.unique(subject, return_inverse=True)  # place: (N,) in 0 ... subjects - 1
    values = np.asarray(images[mask], np.float64)  # (V,)
    owner = np.broadcast_to(place[:, None, None], mask.shape)[mask]  # (V,)
    sums = lambda weights: np.bincount(owner, weights, len(numbers))  # (V,) -> (subjects,)
    count = sums(None).astype(float)
    count[count < least] = np.nan
    mean = sums(values) / count
    square = sums((values - np.nan_to_num(mean)[owner]) ** 2) / count
    return mean, np.sqrt(square)


def contrast_to_noise(first: tuple[np.ndarray, np.ndarray], second: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """|μ_a − μ_b| / √((σ_a² + σ_b²) / 2) for each subject, (subjects,); arguments as `moments` gives them."""
    (mean_a, sd_a), (mean_b, sd_b) = first, second
    return np.abs(mean_a - mean_b) / np.sqrt((sd_a**2 + sd_b**2) / 2)


def atlas_agreement(
    labels: np.ndarray, z_mm: np.ndarray, test_labels: np.ndarray, test_z_mm: np.ndarray, reach_mm: float = 6.0
) -> float:
    """Share of labelled test voxels whose label is the commonest one at their place among the training slices.

    labels: (N, H, W) integers, 0 background, with heights z_mm (N,); the test's (K, H, W) and (K,). Training slices
    within `reach_mm` of a test slice vote, the nearest one where there is none. No image is looked at: it says how
    much alike the subjects are.
    """
    right = total = 0
    codes = np.unique(labels[labels > 0])
    for truth, height in zip(test_labels, test_z_mm, strict=True):
        distance = np.abs(z_mm - height)
        voters = labels[distance <= max(reach_mm, distance.min())]  # (votes, H, W)
        guess = codes[np.stack([(voters == code).sum(0) for code in codes]).argmax(0)]  # (H, W)
        right += int((guess == truth)[truth > 0].sum())
        total += int((truth > 0).sum())
    return right / total


def over_subjects(values: np.ndarray) -> tuple[float, float]:
    """Mean and standard deviation over the subjects who have a value; nan for both where nobody has."""
    there = values[np.isfinite(values)]
    return (float(there.mean()), float(there.std())) if len(there) else (float("nan"), float("nan"))
