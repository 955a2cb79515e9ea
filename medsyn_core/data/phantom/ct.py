"""One plane of a whole head on MR and on CT: the brain as ever, skull and scalp round it."""

from __future__ import annotations

import numpy as np

from medsyn_core.data.phantom.acquisition import Physics, acquire, average_over_voxels, noise_key, sample, scan_noise
from medsyn_core.data.phantom.anatomy import Anatomy
from medsyn_core.data.phantom.composition import Composition
from medsyn_core.data.phantom.fields import Points
from medsyn_core.data.phantom.grid import Grid
from medsyn_core.data.phantom.head import RELAXATION, Head, Shells, hounsfield

CT_NOISE = 9.0  # Hounsfield units, sd for a 1 mm voxel
CT_BLUR = 0.6  # mm
AIR = -1000


def render_head(
    anatomy: Anatomy,
    head: Head,
    physics: Physics,
    composition: Composition,
    signals: dict[str, np.ndarray],
    grid: Grid,
    k: int,
    key: int,
) -> dict[str, np.ndarray]:
    """Plane `k`, (X, Y) float32 of whole numbers: the MR modalities with the head round the brain, 0 in the air
    round it, and "ct" in Hounsfield units, −1000 there.

    signals: the brain's, (P,) a modality. MR and CT are exactly aligned, which real pairs never are.
    """
    points = Points.on(*grid.fine_axes(k))
    tissue = composition.tissue
    brain = tissue.points.put(tissue.inside).reshape(-1)  # P: all sub-samples
    shells = head.shells(points, anatomy.position(points, octaves=2), brain)
    mask = average_over_voxels(grid, points)(shells.head) > 0.5
    images = {}
    for modality, signal in signals.items():
        fine = (tissue.points.put(signal) + points.put(_signal(physics, modality, shells))).mean(0)
        images[modality] = acquire(physics, modality, fine, mask, grid, k, key)
    numbers = hounsfield(composition, shells, head.texture(points)).mean(0)
    numbers = sample(numbers, grid, k, CT_BLUR)
    numbers = numbers + CT_NOISE * scan_noise(1, numbers.shape, grid, noise_key(key, "ct", grid, k))[0]
    images["ct"] = np.where(mask, np.maximum(np.round(numbers), AIR), AIR).astype(np.float32)
    return images


def _signal(physics: Physics, modality: str, shells: Shells) -> np.ndarray:
    """The head's MR signal in units of white matter, (P,); air gives none."""
    sequence = physics.scans[modality].sequence
    value = lambda times: float(sequence.signal(times.t1, times.t2, times.pd))
    white = value(physics.relaxation["wm"])
    fluid = shells.parts["csf"] * value(physics.relaxation["csf"])
    return (fluid + sum(shells.parts[name] * value(times) for name, times in RELAXATION.items())) / white
