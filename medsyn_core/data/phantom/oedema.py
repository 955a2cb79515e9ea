"""Vasogenic oedema: fluid that seeps out of the tumour along white matter."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from medsyn_core.data.phantom.fields import CoarseMap

STEPS = 260
RATE = 0.16  # of an explicit scheme in three dimensions: stable below 1/6


def seep(core: np.ndarray, white: np.ndarray, grey: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """log concentration of fluid that diffuses from `core`: ∂u/∂t = ∇·(D ∇u), u = 1 in the core.

    D = wm² + 0.025 gm, none through fluid, so it follows white matter, spares cortex and does not jump a sulcus.
    All arrays (X, Y, Z): core bool, white and grey fractions, inside bool; gives float32.
    """
    conduct = ((white**2 + 0.025 * grey) * inside).astype(np.float32)
    conduct = np.maximum(conduct, 0.5 * core)
    faces = [_between(conduct, axis) for axis in range(3)]
    u = core.astype(np.float32)
    for _ in range(STEPS):
        change = np.zeros_like(u)
        for axis, face in enumerate(faces):
            flow = face * np.diff(u, axis=axis)
            change[_cut(axis, 0, -1)] += flow
            change[_cut(axis, 1, None)] -= flow
        u += RATE * change
        u[core] = 1
    return np.log(u + 1e-5)


def level_for_volume(fluid: np.ndarray, free: np.ndarray, voxels: int) -> float:
    """The level of `fluid` above which `voxels` of the `free` voxels lie (fewer where it does not reach so far)."""
    candidates = np.sort(fluid[free])[::-1]
    if not len(candidates):
        return float(np.log(2e-4))
    return float(max(candidates[min(len(candidates) - 1, voxels)], np.log(2e-4)))


def as_map(fluid: np.ndarray, origin: np.ndarray, spacing: float) -> CoarseMap:
    """The fluid as a function of position, smoothed a little against the coarse grid's steps."""
    return CoarseMap(ndimage.gaussian_filter(fluid, 0.4), origin, spacing)


def _between(conduct: np.ndarray, axis: int) -> np.ndarray:
    """Harmonic mean of neighbours along `axis`: a barrier on either side stops the flow."""
    a, b = conduct[_cut(axis, 0, -1)], conduct[_cut(axis, 1, None)]
    return 2 * a * b / (a + b + 1e-6)


def _cut(axis: int, start: int, stop: int | None) -> tuple[slice, ...]:
    return tuple(slice(start, stop) if i == axis else slice(None) for i in range(3))
