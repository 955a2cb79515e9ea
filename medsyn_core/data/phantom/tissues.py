"""Relaxation times of tissues, T1 and T2 in ms and proton density, and how contrast agent shortens them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

CLASSES = ("csf", "gm", "wm", "wmh", "ed", "net", "et", "ncr", "blood", "choroid")
"""What a voxel may hold: fluid, grey, white, age lesions, oedema, tumour parts, veins, choroid plexus."""


@dataclass(frozen=True)
class Relaxation:
    """T1 and T2 in ms, proton density relative to water."""

    t1: float
    t2: float
    pd: float

    def with_contrast(self, mmol: float) -> Relaxation:
        """After `mmol` mM of gadolinium: 1/T1 + r1·C, 1/T2 + r2·C with r1 = 4.3, r2 = 5.5 per mM and second."""
        return Relaxation(1 / (1 / self.t1 + 4.3e-3 * mmol), 1 / (1 / self.t2 + 5.5e-3 * mmol), self.pd)


# 1.5 T: BrainWeb (Kwan, Evans & Pike 1999). 3 T: T1 after Wansapura 1999, T2 kept close to 1.5 T.
HEALTHY = {
    1.5: {
        "csf": Relaxation(2569, 329, 1.0),
        "gm": Relaxation(833, 83, 0.86),
        "wm": Relaxation(500, 70, 0.77),
        "blood": Relaxation(1350, 60, 0.85),
        "choroid": Relaxation(1200, 140, 0.90),
    },
    3.0: {
        "csf": Relaxation(3800, 450, 1.0),
        "gm": Relaxation(1331, 88, 0.86),
        "wm": Relaxation(832, 71, 0.77),
        "blood": Relaxation(1650, 40, 0.85),
        "choroid": Relaxation(1600, 130, 0.90),
    },
}

# Lesions as multiples of the subject's own white matter: (T1 range, T2 range, PD). de Blank 2019 (3 T fingerprinting)
# measured x1.5-2.0 in T1 for solid tumour and x1.3 for its surroundings; oedema is set a little lower and the core a
# little higher, so that T1 alone shows little of a tumour and enhancement tells its core, as in BraTS. Water raises T1,
# T2 and PD together.
LESIONS = {
    "net": ((1.75, 2.35), (1.60, 2.40), 1.12),
    "ncr": ((2.20, 4.20), (2.10, 4.40), 1.20),
    "ed": ((1.12, 1.32), (1.60, 2.35), 1.10),
    "wmh": ((1.20, 1.45), (1.40, 1.90), 1.05),
}

# Gadolinium in mM after injection; None is drawn per subject.
UPTAKE = {
    "et": (0.40, 0.80),
    "blood": (0.70, 1.40),
    "choroid": (0.50, 1.00),
    "net": (0.0, 0.04),
    "ncr": (0.0, 0.03),
    "ed": (0.0, 0.015),
    "gm": (0.012, 0.012),
    "wm": (0.006, 0.006),
    "wmh": (0.006, 0.006),
    "csf": (0.0, 0.0),
}


def draw_relaxation(rng: np.random.Generator, tesla: float, spread: float) -> dict[str, Relaxation]:
    """One subject's relaxation times per class; `spread` is the log-deviation of T1 and T2 between people.

    Enhancing and non-enhancing tumour are the same before contrast, so enhancement shows on T1ce only.
    """
    drawn = {}
    for name, mean in HEALTHY[tesla].items():
        t1, t2, pd = np.exp(rng.normal(0, [spread, spread, 0.3 * spread])).tolist()
        drawn[name] = Relaxation(mean.t1 * t1, mean.t2 * t2, mean.pd * pd)
    white = drawn["wm"]
    for name, (t1_range, t2_range, pd) in LESIONS.items():
        water = rng.uniform()
        other = float(np.clip(water + rng.normal(0, 0.25), 0, 1))
        t1 = t1_range[0] + water * (t1_range[1] - t1_range[0])
        t2 = t2_range[0] + other * (t2_range[1] - t2_range[0])
        drawn[name] = Relaxation(white.t1 * t1, white.t2 * t2, white.pd * pd)
    drawn["et"] = drawn["net"]
    return drawn


def draw_uptake(rng: np.random.Generator) -> dict[str, float]:
    """Gadolinium concentration in mM per class, one subject."""
    return {name: float(rng.uniform(*limits)) for name, limits in UPTAKE.items()}
