"""One axial plane of a phantom person as fractions of its classes, before any scanner looked at it."""

from __future__ import annotations

import numpy as np

from medsyn_core.data.phantom.acquisition import average_over_voxels
from medsyn_core.data.phantom.anatomy import Anatomy
from medsyn_core.data.phantom.composition import compose
from medsyn_core.data.phantom.distractors import Distractors
from medsyn_core.data.phantom.fields import Points, SmoothField
from medsyn_core.data.phantom.grid import FIELD_OF_VIEW, Grid
from medsyn_core.data.phantom.lesion import Lesion
from medsyn_core.data.phantom.template import template


def grid(step: float, z: float) -> Grid:
    """One plane at height `z` with square voxels of `step` mm."""
    side = round(FIELD_OF_VIEW / step)
    return Grid((side, side), step, (z,))


def hung(plane: np.ndarray) -> np.ndarray:
    """RAS (X, Y) -> (H, W) with the front of the head in row 0 and the patient's right in column 0."""
    return plane.T[::-1, ::-1]


def fractions(
    person: Anatomy, tumour: Lesion | None = None, *, step: float = 2.0, z: float = 16.0, seed: int = 0
) -> dict[str, np.ndarray]:
    """Class of `tissues.CLASSES` -> its fraction of every voxel, (H, W); they add to one inside the brain.

    step: voxel size, mm; z: height, mm; seed: of the person's veins, age lesions and choroid plexus.
    """
    where = grid(step, z)
    extras = Distractors(np.random.default_rng(seed), person)
    made = compose(Points.on(*where.fine_axes(0)), person, extras, tumour)
    average = average_over_voxels(where, made.tissue.points)
    return {name: hung(average(share * made.tissue.inside)) for name, share in made.fractions.items()}


def average_brain(step: float = 2.0, z: float = 16.0) -> dict[str, np.ndarray]:
    """The ICBM 152 template's CSF, GM and WM at height `z` of its own space, (H, W) each."""
    where = grid(step, z)
    points = Points.on(*where.axes, where.z)
    gm, wm, surface = template().sample(points.positions(), "gm", "wm", "surface")  # each (P,)
    shares = {"csf": 1 - gm - wm, "gm": gm, "wm": wm}
    return {name: hung((share * (surface > 0)).reshape(where.shape)) for name, share in shares.items()}


def tumour_labels(shares: dict[str, np.ndarray]) -> np.ndarray:
    """BraTS codes (H, W) uint8 of a plane's `fractions`: the largest part where the tumour fills half a voxel."""
    parts = np.stack([shares["ncr"] + shares["net"], shares["ed"], shares["et"]])  # (3, H, W)
    codes = np.array([1, 2, 4], np.uint8)[parts.argmax(0)]
    return np.where(parts.sum(0) > 0.5, codes, 0).astype(np.uint8)


def shading(strength: float, *, step: float = 2.0, z: float = 16.0, seed: int = 0) -> np.ndarray:
    """A coil's bias field exp(strength · b) on the plane, (H, W); b is smooth over 80 mm with variance 1."""
    where = grid(step, z)
    field = SmoothField(np.random.default_rng(seed), 80)(Points.on(*where.axes, where.z))  # (P,)
    return np.exp(strength * hung(field.reshape(where.shape)))
