"""How much fine structure images hold, without asking whether it lies in the right place."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter


def power_spectrum(images: np.ndarray) -> np.ndarray:
    """Mean power at each spatial frequency, averaged over directions and images.

    images: (N, H, W), square. Returns (H // 2,): entry k is the power at k cycles an image side; entry H // 2 - 1 is
    the finest. Each image is faded out towards its border (Hann window), else the border counts as structure.
    Raises ValueError for images that are not square.
    """
    images = np.asarray(images, np.float64)
    if images.ndim != 3 or images.shape[1] != images.shape[2]:
        raise ValueError(f"images have shape {images.shape}; square images (N, H, H) are needed.")
    size = images.shape[1]
    window = np.hanning(size)
    spectrum = np.fft.fft2(images * window[:, None] * window[None, :])  # (N, H, H)
    power = (np.abs(spectrum) ** 2).mean(axis=0)  # (H, H)
    cycles = np.fft.fftfreq(size) * size
    ring = np.hypot(cycles[:, None], cycles[None, :]).round().astype(int)  # (H, H)
    total = np.bincount(ring.ravel(), power.ravel())
    return (total / np.bincount(ring.ravel()))[: size // 2]


def gradient_energy(images: np.ndarray, mask: np.ndarray) -> float:
    """Mean length of the intensity gradient (difference to the next pixel, both directions) over a mask.

    images: (N, H, W); mask: (N, H, W) bool, of which only pixels count whose two neighbours lie inside as well: the
    mask's own border is no texture. Raises ValueError if no such pixel exists.
    """
    images, mask = np.asarray(images, np.float64), np.asarray(mask, bool)
    inside = mask[:, :-1, :-1] & mask[:, 1:, :-1] & mask[:, :-1, 1:]  # (N, H - 1, W - 1)
    if not inside.any():
        raise ValueError("the mask is empty, or one pixel thin; give a region with an inside.")
    down, right = images[:, 1:, :-1] - images[:, :-1, :-1], images[:, :-1, 1:] - images[:, :-1, :-1]
    return float(np.hypot(down, right)[inside].mean())


def texture_scores(predicted: np.ndarray, target: np.ndarray, mask: np.ndarray) -> dict[str, float]:
    """How the fine structure of synthetic images compares with that of the real ones; 1 is best in all three.

    predicted, target: (N, H, W), square; mask: (N, H, W) bool. "fine": power of the finest quarter of the spectrum,
    "energy": gradient energy over the mask, both as shares of the target's; "agreement": correlation, over the mask, of
    what a Gaussian blur of one pixel takes away. The first two do not ask whether structure lies in its place.
    """
    spectrum = power_spectrum(predicted) / power_spectrum(target)
    detail = [(x - gaussian_filter(np.asarray(x, np.float64), (0, 1, 1)))[mask] for x in (predicted, target)]
    return {
        "fine": float(spectrum[len(spectrum) * 3 // 4 :].mean()),
        "energy": gradient_energy(predicted, mask) / gradient_energy(target, mask),
        "agreement": float(np.corrcoef(*detail)[0, 1]),
    }
