"""Skull and scalp: shells round the brain, for the MR → CT task. Procedural, no atlas: plausible, not anatomical."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from medsyn_core.data.phantom.composition import Composition
from medsyn_core.data.phantom.fields import CoarseMap, Points, SmoothField, sigmoid
from medsyn_core.data.phantom.template import template
from medsyn_core.data.phantom.tissues import Relaxation

SPACING = 2  # mm, of the hull
_PAD = 22  # voxels round the template: room for the closing and for the scalp
_BASE = -20  # mm, template height under which the hull goes straight down instead of round the brain stem

# MR at 3 T (ms, ms, proton density): compact bone has hardly any signal, marrow and fat are bright
RELAXATION = {
    "compact": Relaxation(250, 2, 0.10),
    "marrow": Relaxation(480, 50, 0.55),
    "fat": Relaxation(380, 70, 0.90),
    "muscle": Relaxation(1400, 35, 0.80),
    "skin": Relaxation(1000, 35, 0.75),
}

HOUNSFIELD = {
    "air": -1000, "compact": 1400, "marrow": 550, "fat": -90, "muscle": 55, "skin": 40,
    "csf": 8, "gm": 38, "wm": 29, "wmh": 24, "blood": 58, "choroid": 45,
}  # fmt: skip


@functools.lru_cache(maxsize=1)
def hull() -> CoarseMap:
    """Signed distance in mm to the smooth closed hull of the average brain, positive inside, in template space."""
    brain = np.pad(np.asarray(template().surface[::SPACING, ::SPACING, ::SPACING]) > 0, _PAD)
    radius = 30
    grown = SPACING * ndimage.distance_transform_edt(~brain) <= radius
    closed = SPACING * ndimage.distance_transform_edt(grown) > radius  # closing: fissures and sulci are filled
    origin = template().origin - _PAD * SPACING
    base = round((_BASE - origin[2]) / SPACING)
    closed[:, :, :base] = closed[:, :, base : base + 1]
    inside, outside = (ndimage.distance_transform_edt(m) for m in (closed, ~closed))
    distance = ndimage.gaussian_filter(SPACING * (inside - outside), 2.5)
    return CoarseMap(distance.astype(np.float32), origin, SPACING)


@dataclass(frozen=True)
class Shells:
    """Fractions (P,) of what lies round the brain; with the brain's own `inside` they add to one."""

    parts: dict[str, np.ndarray]

    @property
    def head(self) -> np.ndarray:
        """(P,) 1 in the head, 0 in the air round it."""
        return 1 - self.parts["outside"]


class Head:
    """One person's skull and scalp, a continuous function of position."""

    def __init__(self, rng: np.random.Generator):
        self.thickness = SmoothField(rng, 32, 2)
        self.skull, self.scalp = float(rng.uniform(5.5, 7.5)), float(rng.uniform(5.0, 7.5))
        self.gap = float(rng.uniform(2.0, 3.2))
        self.marrow = SmoothField(rng, 9)
        self.base = SmoothField(rng, 10, 2)
        self.texture = SmoothField(rng, 4)

    def shells(self, points: Points, position: np.ndarray, brain: np.ndarray) -> Shells:
        """Fractions at all of `points`, lying at template `position` (3, P) in mm, where `brain` (P,) is not."""
        depth = hull()(position) + self.gap
        varied = np.tanh(self.thickness(points))  # 2, P: never turns a shell inside out
        bone = self.skull + 1.5 * varied[0]
        scalp = self.scalp + 1.5 * varied[1]
        beyond = lambda level: sigmoid((depth + level) / 0.5)  # 1 inside the surface `level` mm out of the hull
        cavity, skull, head = beyond(0), beyond(bone), beyond(bone + scalp)
        room = np.maximum(cavity - brain, 0)
        floor = room * sigmoid((-12 - position[2]) / 4) * self._away_from_brain(position)
        shell = np.maximum(skull - np.maximum(cavity, brain), 0)
        soft = np.maximum(head - np.maximum(skull, brain), 0)
        # two compact tables with marrow between them, thin or missing in places
        middle = sigmoid((np.minimum(-depth, depth + bone) - 1.7 - 0.5 * self.marrow(points)) / 0.4)
        skin = 1 - beyond(bone + scalp - 1.8)
        x, _, z = position
        temple = sigmoid((np.abs(x) - 48) / 4) * sigmoid((20 - z) / 5) * (1 - skin)
        floor_parts = self._floor(points, position)
        parts = {
            "csf": room - floor,
            "compact": shell * (1 - middle) + floor * floor_parts["compact"],
            "marrow": shell * middle + floor * floor_parts["marrow"],
            "skin": soft * skin,
            "muscle": soft * temple + floor * floor_parts["muscle"],
            "fat": soft * (1 - skin) * (1 - temple / np.maximum(1 - skin, 1e-3)) + floor * floor_parts["fat"],
            "air": floor * floor_parts["air"],
            "outside": np.clip(1 - np.maximum(head, brain), 0, 1),
        }
        return Shells({name: np.clip(share, 0, 1).astype(np.float32) for name, share in parts.items()})

    @staticmethod
    def _away_from_brain(position: np.ndarray) -> np.ndarray:
        (surface,) = template().sample(position, "surface")
        return sigmoid((-surface - 3) / 0.7)

    def _floor(self, points: Points, position: np.ndarray) -> dict[str, np.ndarray]:
        """Under the brain: bone, air cells towards the front, muscle and fat, as noise arranges them."""
        first, second = self.base(points)
        roof = sigmoid((position[2] + 16) / 6)  # right under the brain it is mostly bone
        bone = sigmoid((first + 0.8 * roof) / 0.2)
        air = sigmoid((second - 0.7) / 0.15) * sigmoid((position[1] - 5) / 5)
        solid = (1 - air) * bone
        soft = (1 - air) * (1 - bone)
        fat = sigmoid(-second / 0.3)
        shares = {"compact": 0.7 * solid, "marrow": 0.3 * solid, "air": air}
        return shares | {"fat": soft * fat, "muscle": soft * (1 - fat)}


def hounsfield(composition: Composition, shells: Shells, texture: np.ndarray) -> np.ndarray:
    """CT numbers (Z, X, Y) of brain and head; Σ_k fraction_k · HU_k, bone's varied by `texture` (P,) of all points."""
    tissue = composition.tissue
    brain = sum(share * HOUNSFIELD[name] for name, share in composition.fractions.items())
    shape = tissue.points.shape
    numbers = tissue.points.put(tissue.inside * brain)
    for name, share in shells.parts.items():
        value = share * HOUNSFIELD["air" if name == "outside" else name]
        if name in ("compact", "marrow"):
            value = value * (1 + 0.12 * texture)
        numbers = numbers + value.reshape(shape)
    return numbers
