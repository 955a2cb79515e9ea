"""One person's healthy brain: the average brain deformed, then given a cortex of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from medsyn_core.data.phantom.fields import Points, SmoothField, normal, sigmoid
from medsyn_core.data.phantom.template import template

Displacement = Callable[[np.ndarray], np.ndarray]
"""Positions (3, P) in mm -> displacement (3, P) in mm, e.g. the mass effect of a tumour."""

_FLOOR = {"csf": 0.004, "gm": 0.015, "wm": 0.015}
_SHARPNESS = 2.0


@dataclass(frozen=True)
class Tissue:
    """Healthy tissue at the P points of `points` that may be brain.

    csf, gm, wm: (P,) fractions that add to one; inside: (P,) 1 in the stripped brain, 0 outside;
    position: (3, P) in the template's mm; depth: (P,) mm below the average brain's surface;
    ventricles: (P,) mm from the average brain's ventricles.
    """

    points: Points
    csf: np.ndarray
    gm: np.ndarray
    wm: np.ndarray
    inside: np.ndarray
    position: np.ndarray
    depth: np.ndarray
    ventricles: np.ndarray


class Anatomy:
    """A person: size, shape, age, atrophy, folds; a continuous function of position."""

    def __init__(self, rng: np.random.Generator):
        self.age = float(rng.uniform(25, 75))
        self.matrix, self.offset = _affine(rng)
        self.warps = [
            (SmoothField(rng, spacing, 3), float(rng.uniform(low, high)))
            for spacing, low, high in ((55, 2.0, 3.6), (24, 1.4, 2.2), (11, 0.9, 1.3))
        ]
        self.atrophy = float(np.clip((self.age - 25) / 50 + rng.normal(0, 0.25), 0, 1.3))
        self.folds = [(SmoothField(rng, 7, 2), 0.55), (SmoothField(rng, 3.5, 2), 0.85)]
        self.widening = float(0.2 + rng.uniform(-1.2, 1.2) + 2.2 * self.atrophy)
        self.edge = SmoothField(rng, 12)
        self.rim = float(rng.uniform(-0.3, 1.2) + 0.8 * self.atrophy)

    def position(self, points: Points, displaced: Displacement | None = None, octaves: int = 3) -> np.ndarray:
        """Where `points` lie in the average brain, (3, P) in the template's mm, after an optional displacement.

        octaves: how many of the three warps, coarse to fine, take part; the skull bends less than the cortex.
        """
        position = points.positions()  # 3, P: the subject's mm
        if displaced is not None:
            position = position - displaced(position)
        warp = sum(size * f(points) for f, size in self.warps[:octaves])  # 3, P
        position = np.einsum("ij,jp->ip", self.matrix, position)  # not @: BLAS threads cost more than they give here
        return position + self.offset[:, None] + warp

    def tissue(self, points: Points, displaced: Displacement | None = None) -> Tissue:
        """Tissue fractions at those of `points` that may be brain, after an optional displacement."""
        position = self.position(points, displaced)
        (surface,) = template().sample(position, "surface")
        surface = surface + self.rim + 1.3 * self.edge(points)
        near = surface > -2.5
        kept = points.within(points.put(near.astype(np.float32)) > 0)
        return self._fractions(kept, position[:, near], surface[near])

    def _fractions(self, points: Points, position: np.ndarray, edge: np.ndarray) -> Tissue:
        gm, wm, surface, ventricles = template().sample(position, "gm", "wm", "surface", "ventricles")
        depth = np.maximum(surface, 0)
        csf = np.clip(1 - gm - wm, 0, 1)
        # age: the ventricles' margin becomes fluid
        wide = sigmoid((self.widening - ventricles) / 0.6) * (depth > 14) * sigmoid((position[2] + 12) / 3)
        csf, gm, wm = np.maximum(csf, wide), gm * (1 - wide), wm * (1 - wide)
        # an average of 152 brains has no folds of its own: noise on the log-odds, then a sharp softmax, makes some
        noise = sum(size * f(points) for f, size in self.folds)  # 2, P
        deep = np.clip((depth - 22) / 10, 0, 1)  # basal ganglia stay as the template has them
        keep = 1 - 0.75 * deep
        cortex = 1 + 0.7 * np.exp(-(((depth - 7) / 6) ** 2))
        odds = np.stack(
            [
                np.log(csf + _FLOOR["csf"]) + keep * (noise[0] - 0.1 + 0.75 * self.atrophy),
                np.log(gm + _FLOOR["gm"]),
                np.log(wm + _FLOOR["wm"]) + keep * cortex * noise[1],
            ]
        ).astype(np.float32)  # 3, P
        odds = np.exp((_SHARPNESS - 0.75 * deep) * (odds - odds.max(0)))
        csf, gm, wm = odds / odds.sum(0)
        return Tissue(points, csf, gm, wm, sigmoid(edge / 0.45), position, depth, ventricles)


def _affine(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Subject mm -> template mm: the template is larger than life by 1/0.93, heads differ by 3.5 % an axis."""
    scale = 1 / np.clip(rng.normal([0.93, 0.93, 0.92], 0.035), 0.84, 1.0)
    a, b, c = np.deg2rad(rng.normal(0, 2.5, 3))
    about_x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    about_y = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
    about_z = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    shear = np.eye(3)
    shear[0, 1], shear[0, 2], shear[1, 2] = rng.normal(0, 0.02, 3)
    matrix = about_x @ about_y @ about_z @ shear @ np.diag(scale)
    return matrix.astype(np.float32), np.array([normal(rng, 0, 1.5) for _ in range(3)], np.float32)
