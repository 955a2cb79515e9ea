"""What a translation costs nothing to reach: references without training, and one that peeks at the
answer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


def copy_source(source: np.ndarray) -> np.ndarray:
    """The source image as its own translation: (N, H, W) -> (N, H, W), a fresh array."""
    return np.array(source, np.float32)


def training_mean(
    target: np.ndarray, z_mm: np.ndarray, at_mm: np.ndarray, brain: np.ndarray, width_mm: float = 4.0
) -> np.ndarray:
    """An atlas: the mean of the training targets at the height of each test slice, cut to the test brain.

    target: (N, H, W) training slices; z_mm: (N,) their heights; at_mm: (K,) and brain: (K, H, W) of the test
    slices. Training slices weigh exp(-(dz / width_mm)^2 / 2), so neighbouring planes share. The brain's
    outline is known from the source, so it is used; nothing else of the test subject is. Returns (K, H, W)
    float32.
    """
    target, z_mm, at_mm = np.asarray(target, np.float32), np.asarray(z_mm), np.asarray(at_mm)
    if len(target) != len(z_mm) or len(brain) != len(at_mm) or not len(target):
        raise ValueError(
            f"{len(target)} training slices have {len(z_mm)} heights and {len(brain)} test masks {len(at_mm)}; "
            "each slice needs one, and there must be training slices."
        )
    square = ((at_mm[:, None] - z_mm[None, :]) / width_mm) ** 2  # (K, N)
    weight = np.exp(-0.5 * (square - square.min(axis=1, keepdims=True)))  # the nearest plane weighs 1: no 0 / 0
    weight /= weight.sum(axis=1, keepdims=True)
    mean = (weight @ target.reshape(len(target), -1)).reshape(len(at_mm), *target.shape[1:])  # (K, H, W)
    return (mean * np.asarray(brain, bool)).astype(np.float32)


@dataclass(frozen=True)
class Lookup:
    """One intensity curve for all of the brain: the mean target of each source intensity, background stays
    0.
    """

    knots: np.ndarray
    values: np.ndarray

    def __call__(self, source: np.ndarray, brain: np.ndarray) -> np.ndarray:
        """Translate (N, H, W) by the curve; beyond its ends the last value holds."""
        return (np.interp(source, self.knots, self.values) * np.asarray(brain, bool)).astype(np.float32)


def fit_lookup(source: np.ndarray, target: np.ndarray, brain: np.ndarray, bins: int = 256) -> Lookup:
    """The best global look-up in the least-squares sense, fitted on training slices.

    source, target: (N, H, W); brain: (N, H, W) bool. The curve's knots are means of `bins` equally filled
    intensity bins, its values the mean targets there. No context, no place: what a network adds beyond this
    is what it has learnt. Raises ValueError for an empty brain mask.
    """
    inside = np.asarray(brain, bool)
    x, y = np.asarray(source, np.float64)[inside], np.asarray(target, np.float64)[inside]  # (voxels,)
    if not len(x):
        raise ValueError("the brain mask of the training slices is empty; a look-up cannot be fitted.")
    order = np.argsort(x, kind="stable")
    parts = np.array_split(order, min(bins, len(x)))
    knots = np.array([x[part].mean() for part in parts])
    values = np.array([y[part].mean() for part in parts])
    knots, first = np.unique(knots, return_inverse=True)  # bins of one single intensity fall together
    values = np.bincount(first, values) / np.bincount(first)
    return Lookup(knots, values)


def affine_matched_copy(source: np.ndarray, target: np.ndarray, brain: np.ndarray, subject: np.ndarray) -> np.ndarray:
    """An oracle: the source, scaled and shifted per subject so that it fits the *test* target best over the
    brain.

    It reads the answer (two numbers a subject), so it is no method; it shows how far a score can be reached
    without any anatomy of the target modality, contrast inversion included. Shapes as `translation_metrics`;
    (N, H, W) out.
    """
    source, target = np.asarray(source, np.float64), np.asarray(target, np.float64)
    brain, subject = np.asarray(brain, bool), np.asarray(subject)
    out = np.zeros(source.shape, np.float32)
    for number in np.unique(subject):
        own = (subject == number)[:, None, None] & brain  # (N, H, W)
        if not own.any():
            raise ValueError(f"subject {number} has an empty brain mask; leave it out or mend its mask.")
        design = np.stack([source[own], np.ones(int(own.sum()))], axis=1)  # (voxels, 2)
        (scale, shift), *_ = np.linalg.lstsq(design, target[own], rcond=None)
        out[own] = scale * source[own] + shift
    return out


def own_lookup(source: np.ndarray, target: np.ndarray, brain: np.ndarray, subject: np.ndarray) -> np.ndarray:
    """An oracle: the best intensity curve of each subject, fitted on its own *test* target.

    What is left between it and one look-up for all is what a subject's protocol costs whoever does not know it.
    Shapes as `translation_metrics`; (N, H, W) float32 out.
    """
    source, target = np.asarray(source), np.asarray(target)
    brain, subject = np.asarray(brain, bool), np.asarray(subject)
    out = np.zeros(source.shape, np.float32)
    for number in np.unique(subject):
        own = subject == number  # (N,)
        curve = fit_lookup(source[own], target[own], brain[own])
        out[own] = curve(source[own], brain[own])
    return out


def nearest_slice(known: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """Pure memory: for each slice of `asked`, the place of the slice of `known` with the least squared distance.

    known: (N, H, W) source images of training; asked: (K, H, W) of the test. Returns (K,) int64. The target image at
    that place is the translation of something that only remembers, so its score tells how much a split leaks.
    """
    a, b = (np.asarray(x, np.float32).reshape(len(x), -1) for x in (known, asked))  # (N, HW), (K, HW)
    return ((a**2).sum(axis=1) - 2 * b @ a.T).argmin(axis=1)  # |b|^2 is the same for every candidate
