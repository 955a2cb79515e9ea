"""A glioma: a core with necrosis and enhancing parts, oedema round it, and the push it gives the brain."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

from medsyn_core.data.phantom.anatomy import Anatomy, Tissue
from medsyn_core.data.phantom.fields import BOX, Points, SmoothField, sigmoid
from medsyn_core.data.phantom.oedema import as_map, level_for_volume, seep

COARSE = 3.0  # mm, grid on which the place is chosen and the fluid seeps
REACH = 66.0  # mm, how far from the core's centre oedema may go


@dataclass(frozen=True)
class Plan:
    """What is drawn for one glioma before it is put somewhere.

    radius: mm; push: shift of the core's rim as a fraction of the radius; decay: mm; rough: size of the outline's
    two noise octaves; necrosis: level set of the dead centre (0 none); quiet: noise level above which tumour
    enhances (None: nowhere); spread: oedema's volume over the core's; severity: water in the oedema;
    haemorrhage: noise level above which old blood is bright on T1, or None.
    """

    grade: str
    style: str
    radius: float
    push: float
    decay: float
    rough: tuple[float, float]
    necrosis: float
    quiet: float | None
    spread: float
    severity: float
    haemorrhage: float | None


@dataclass(frozen=True)
class LesionParts:
    """Soft fractions at P points: core = ncr + et + net; ed outside it; severity of ed; old blood in the core."""

    core: np.ndarray
    ncr: np.ndarray
    et: np.ndarray
    net: np.ndarray
    ed: np.ndarray
    severity: np.ndarray
    blood: np.ndarray


def draw_plan(rng: np.random.Generator) -> Plan:
    """74 % high grade (ring, solid, patchy or cystic), 26 % low grade (mostly without enhancement)."""
    u = rng.uniform
    high = u() < 0.74
    if high:
        style = str(rng.choice(["ring", "solid", "patchy", "cyst"], p=[0.55, 0.18, 0.17, 0.10]))
    else:
        style = str(rng.choice(["diffuse", "speckled", "cyst"], p=[0.60, 0.25, 0.15]))
    necrosis = {"ring": u(0.45, 0.8), "solid": u(0, 0.25), "patchy": u(0.25, 0.55), "cyst": u(0.4, 0.75)}
    # rims that enhance in part or hardly at all: necrosis alone must not give enhancement away on FLAIR
    quiet = {"ring": u(-1.85, 0.15), "solid": u(-1.65, -0.05), "patchy": u(-0.55, 0.45), "speckled": u(0.75, 1.35)}
    return Plan(
        grade="HGG" if high else "LGG",
        style=style,
        radius=u(12, 26) if high else u(12, 25),
        push=u(0.25, 0.55) if high else u(0.1, 0.35),
        decay=u(16, 24),
        rough=(u(0.14, 0.26), u(0.07, 0.13)),
        necrosis=necrosis.get(style, 0.0),
        quiet=quiet.get(style),
        spread=u(0.7, 3.5) if high else u(0.15, 1.0),
        severity=u(0.75, 1.0),
        haemorrhage=u(1.2, 1.9) if high and u() < 0.2 else None,
    )


class Lesion:
    """A glioma in one person's brain, a continuous function of position."""

    def __init__(self, rng: np.random.Generator, anatomy: Anatomy):
        self.plan = plan = draw_plan(rng)
        stretch, _ = np.linalg.qr(rng.standard_normal((3, 3)))
        self.ellipsoid = ((stretch * np.exp(rng.normal(0, 0.22, 3))) @ stretch.T).astype(np.float32)
        self.outline = SmoothField(rng, 16), SmoothField(rng, 7)
        self.inner = SmoothField(rng, 9)
        self.active = SmoothField(rng, 6 if plan.style in ("patchy", "speckled") else 8)
        self.clots = SmoothField(rng, 5)
        self.texture = float(rng.uniform(0.06, 0.14)), float(rng.uniform(0.08, 0.20))
        self.centre = self._place(rng, anatomy)
        self._let_oedema_grow(anatomy)

    @property
    def parameters(self) -> dict:
        """The plan and the place, JSON-able."""
        return asdict(self.plan) | {"centre_mm": [round(float(c), 2) for c in self.centre]}

    def push(self, position: np.ndarray) -> np.ndarray:
        """Mass effect: displacement (3, P) away from the core, fading with distance and at the skull."""
        radius = self.plan.radius
        away = position - self.centre[:, None]  # 3, P
        distance = np.sqrt((away**2).sum(0)) + 1e-3
        size = self.plan.push * radius * np.exp(-np.maximum(distance - radius, 0) / self.plan.decay)
        size = size * np.minimum(distance / radius, 1)
        skull = (position - np.array([[0], [-18], [8]], np.float32)) / np.array([[66], [84], [68]], np.float32)
        size = size * np.clip((1.05 - np.sqrt((skull**2).sum(0))) / 0.35, 0, 1)
        return away / distance * size

    def parts(self, tissue: Tissue) -> LesionParts:
        """Soft fractions of the tumour's parts at the tissue's points."""
        plan, points = self.plan, tissue.points
        softness = 0.9 / plan.radius  # about 0.9 mm
        level = self._level(points)
        fluid_barrier = 1 - sigmoid((tissue.csf - 0.65) * 14) * (level > 0.8)
        core = sigmoid((1 - level) / softness) * tissue.inside * fluid_barrier
        none = np.zeros_like(core)
        dead, enhances, blood = none, none, none
        if plan.necrosis > 0.05:
            dead = sigmoid((plan.necrosis + 0.16 * self.inner(points) - level) / softness)
        if plan.quiet is not None:
            rim = 1.5 * np.clip(level - 0.75, -0.25, 0.25)  # growth, and leaky vessels with it, is at the rim
            enhances = sigmoid((self.active(points) + rim - plan.quiet) / 0.25)
        if plan.haemorrhage is not None:
            blood = sigmoid((self.clots(points) - plan.haemorrhage) / 0.15) * core
        ncr, et = core * dead, core * (1 - dead) * enhances
        position = points.positions()
        fluid = np.where(self.fluid.covers(position), self.fluid(position), self.fluid.values.min())
        fluid = fluid + 0.35 * self.outline[1](points) - self.fluid_level
        ed = sigmoid(fluid / 0.30) * (1 - core) * tissue.inside * np.sqrt(1 - np.minimum(tissue.csf, 1))
        severity = plan.severity * np.clip(0.75 + 0.125 * fluid, 0.6, 1)
        return LesionParts(core, ncr, et, core - ncr - et, ed, severity, blood)

    def _level(self, points: Points) -> np.ndarray:
        """(P,) distance from the centre in units of the outline: 1 is the core's rim."""
        away = points.positions() - self.centre[:, None]  # 3, P
        away = np.einsum("ij,jp->ip", self.ellipsoid, away)
        distance = np.sqrt((away**2).sum(0)) / np.float32(self.plan.radius)
        large, small = self.outline
        return distance + self.plan.rough[0] * large(points) + self.plan.rough[1] * small(points)

    def _place(self, rng: np.random.Generator, anatomy: Anatomy) -> np.ndarray:
        """A point in cerebral white matter, away from midline, brain stem and cerebellum."""
        axes = tuple(np.arange(low, high, COARSE, dtype=np.float32) for low, high in BOX)
        tissue = anatomy.tissue(Points.on(*axes))
        x, y, z = tissue.position
        cerebrum = (z > -18) & ~((y < -40) & (z < 0)) & ~((np.abs(x) < 14) & (z < 12))
        allowed = (tissue.wm * tissue.inside > 0.6) & cerebrum & (tissue.depth > 9) & (np.abs(x) > 12)
        weight = (allowed * np.where(tissue.depth < 25, 1.0, 0.6)).astype(float)
        chosen = rng.choice(len(weight), p=weight / weight.sum())
        return (tissue.points.positions()[:, chosen] + rng.uniform(-1.5, 1.5, 3)).astype(np.float32)

    def _let_oedema_grow(self, anatomy: Anatomy) -> None:
        low = np.maximum(self.centre - REACH, BOX[:, 0])
        high = np.minimum(self.centre + REACH, BOX[:, 1])
        axes = tuple(np.arange(a, b, COARSE, dtype=np.float32) for a, b in zip(low, high, strict=True))
        everywhere = Points.on(*axes)
        tissue = anatomy.tissue(everywhere, self.push)
        volume = lambda values: tissue.points.put(values).transpose(1, 2, 0)  # X, Y, Z
        inside = volume(tissue.inside) > 0.5
        level = everywhere.put(self._level(everywhere)).transpose(1, 2, 0)
        core = (level < 1) & inside
        fluid = seep(core, volume(tissue.wm), volume(tissue.gm), inside)
        millilitres = np.clip(self.plan.spread * core.sum() * COARSE**3 / 1000, 4, 110)
        free = ~core & inside & (volume(tissue.csf) < 0.5)
        self.fluid_level = level_for_volume(fluid, free, int(millilitres * 1000 / COARSE**3))
        self.fluid = as_map(fluid, np.array([a[0] for a in axes]), COARSE)
