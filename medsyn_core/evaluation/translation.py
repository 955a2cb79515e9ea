"""How near a synthetic image is to the real one: MAE, PSNR and SSIM, one row a subject."""

from __future__ import annotations

import math

import numpy as np
from scipy.ndimage import uniform_filter

REGIONS_OF_A_SLICE = ("", "_brain", "_tumour", "_box")
METRICS = tuple(name + region for region in REGIONS_OF_A_SLICE for name in ("mae", "psnr", "ssim"))
PSNR_CEILING = 100.0  # dB given to an exact copy: a mean over subjects has to stay finite
WINDOW = 7  # pixels; the default of scikit-image


def ssim_map(predicted: np.ndarray, target: np.ndarray, data_range: float = 1.0) -> np.ndarray:
    """Structural similarity at every pixel of a stack of slices, in scikit-image's default form.

    Uniform 7 x 7 window in the plane, sample covariance (n / (n - 1)), K1 = 0.01, K2 = 0.03, mirrored
    borders. predicted, target: (N, H, W) -> (N, H, W) float64. Slices smaller than the window raise
    ValueError.
    """
    if min(predicted.shape[1:]) < WINDOW:
        raise ValueError(
            f"SSIM needs slices of at least {WINDOW} x {WINDOW} pixels, got {predicted.shape[1:]}; "
            "prepare the cohort with a larger px."
        )
    x, y = np.asarray(predicted, np.float64), np.asarray(target, np.float64)
    local_mean = lambda image: uniform_filter(image, size=(1, WINDOW, WINDOW))
    mx, my = local_mean(x), local_mean(y)
    unbias = WINDOW**2 / (WINDOW**2 - 1)
    vx = unbias * (local_mean(x * x) - mx * mx)
    vy = unbias * (local_mean(y * y) - my * my)
    cov = unbias * (local_mean(x * y) - mx * my)
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    return (2 * mx * my + c1) * (2 * cov + c2) / ((mx * mx + my * my + c1) * (vx + vy + c2))


def tumour_boxes(seg: np.ndarray) -> np.ndarray:
    """The smallest rectangle round the whole tumour of each slice: (N, H, W) BraTS codes -> (N, H, W) bool.

    A slice without tumour has no box.
    """
    tumour = np.asarray(seg) > 0
    span = lambda there: np.maximum.accumulate(there, 1) & np.maximum.accumulate(there[:, ::-1], 1)[:, ::-1]
    rows, columns = span(tumour.any(axis=2)), span(tumour.any(axis=1))  # (N, H), (N, W): from the first to the last
    return rows[:, :, None] & columns[:, None, :]


def translation_metrics(
    predicted: np.ndarray,
    target: np.ndarray,
    brain: np.ndarray,
    seg: np.ndarray,
    subject: np.ndarray,
    data_range: float = 1.0,
) -> list[dict]:
    """MAE, PSNR and SSIM of every subject: over whole images, over the brain, inside the whole tumour.

    predicted, target: (N, H, W) in units where the brain spans about `data_range`; brain: (N, H, W) bool;
    seg: (N, H, W) BraTS codes, 0 = no tumour; subject: (N,) the number of each slice's subject.

    A subject's slices are pooled: one mean square error a subject, PSNR = 10 log10(data_range^2 / MSE), at
    most 100 dB. MAE is in grey levels, 255 * |error| / data_range. SSIM is the mean of `ssim_map` over the
    region; over whole images a border of 3 pixels is left out, as scikit-image does. "mae", "psnr", "ssim"
    include the background, as the papers do (the background is easy: it flatters); "_brain" and "_tumour" do
    not. "_box" is UTAD-Net's local score: the smallest rectangle round the whole tumour, slice by slice. A subject
    without tumour has None in the last two; slices without are left out of them. Returns one dict a subject, in
    order of first appearance, with "subject" and "slices" (a count).

    Raises ValueError for shapes that disagree, values that are not finite, and a subject whose brain mask is
    empty.
    """
    predicted, target = np.asarray(predicted, np.float64), np.asarray(target, np.float64)
    brain, seg, subject = np.asarray(brain, bool), np.asarray(seg), np.asarray(subject)
    _check(predicted, target, brain, seg, subject, data_range)

    error = predicted - target
    similarity = ssim_map(predicted, target, data_range)
    inside = np.zeros(predicted.shape[1:], bool)  # (H, W)
    edge = WINDOW // 2
    inside[edge:-edge, edge:-edge] = True
    boxes = tumour_boxes(seg)

    rows = []
    for number in dict.fromkeys(subject.tolist()):
        own = subject == number  # (N,)
        everywhere = np.ones_like(brain[own])  # (n, H, W)
        if not brain[own].any():
            raise ValueError(f"subject {number} has an empty brain mask; leave it out or mend its mask.")
        row: dict = {"subject": int(number)}
        for suffix, mask, ssim_mask in (
            ("", everywhere, everywhere & inside),
            ("_brain", brain[own], brain[own]),
            ("_tumour", seg[own] > 0, seg[own] > 0),
            ("_box", boxes[own], boxes[own]),
        ):
            row |= _scores(error[own], similarity[own], mask, ssim_mask, suffix, data_range)
        rows.append(row | {"slices": int(own.sum())})
    return rows


def _scores(error, similarity, mask, ssim_mask, suffix: str, data_range: float) -> dict:
    """The three scores of one subject's region; None where the region has no pixel."""
    if not mask.any():
        return {f"{name}{suffix}": None for name in ("mae", "psnr", "ssim")}
    mse = float(np.mean(error[mask] ** 2))
    least = data_range**2 * 10 ** (-PSNR_CEILING / 10)
    return {
        f"mae{suffix}": 255 / data_range * float(np.mean(np.abs(error[mask]))),
        f"psnr{suffix}": 10 * math.log10(data_range**2 / max(mse, least)),
        f"ssim{suffix}": float(np.mean(similarity[ssim_mask])),
    }


def _check(predicted, target, brain, seg, subject, data_range) -> None:
    if predicted.ndim != 3 or not len(predicted):
        raise ValueError(f"predicted has shape {predicted.shape}; it must be (N, H, W) with N >= 1.")
    for name, array in (("target", target), ("brain", brain), ("seg", seg)):
        if array.shape != predicted.shape:
            raise ValueError(f"{name} has shape {array.shape}, predicted has {predicted.shape}; they must agree.")
    if subject.shape != predicted.shape[:1]:
        raise ValueError(f"subject has shape {subject.shape}; it must be ({len(predicted)},), one number a slice.")
    if not data_range > 0:
        raise ValueError(f"data_range={data_range} must be positive: the span of intensities of the images.")
    for name, array in (("predicted", predicted), ("target", target)):
        bad = ~np.isfinite(array).all(axis=(1, 2))  # (N,)
        if bad.any():
            first = int(np.argmax(bad))
            raise ValueError(
                f"{name} has values that are not finite in {int(bad.sum())} slices, first in slice {first} "
                f"(subject {subject[first]}); look at the network's output or the prepared cohort."
            )
