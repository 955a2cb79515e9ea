"""What is bright or dark in a brain without being tumour: age lesions, veins, choroid plexus, iron."""

from __future__ import annotations

import numpy as np

from medsyn_core.data.phantom.anatomy import Anatomy, Tissue
from medsyn_core.data.phantom.fields import SmoothField, normal, sigmoid

# deep nuclei, mirrored: centre and extent in the template's mm, shortening of log T2 by iron
_IRON = (
    ((19, -5, -2), (4.5, 8, 5), 0.42),
    ((9, -18, -11), (5, 5, 4), 0.35),
    ((5, -21, -9), (3, 3, 3), 0.30),
    ((15, -56, -34), (6, 6, 5), 0.28),
    ((26, 2, 0), (5, 11, 8), 0.12),
)


def _blob(position: np.ndarray, centre: tuple, extent: tuple) -> np.ndarray:
    """Gaussian bump at ±x, y, z of the template: (3, P) -> (P,)."""
    x, y, z = centre
    a, b, c = extent
    return np.exp(-(((np.abs(position[0]) - x) / a) ** 2 + ((position[1] - y) / b) ** 2 + ((position[2] - z) / c) ** 2))


class Distractors:
    """One person's age lesions, veins and choroid plexus; a continuous function of position."""

    def __init__(self, rng: np.random.Generator, anatomy: Anatomy):
        self.veins = SmoothField(rng, 13, 2)
        self.vein_density = SmoothField(rng, 30)
        self.spots = SmoothField(rng, 6)
        self.spot_level = float(np.clip(normal(rng, anatomy.atrophy - 0.35, 0.35), -1, 1.2))
        self.plexus = SmoothField(rng, 5)
        self.iron_load = min(1.25, 0.6 + anatomy.age / 100)

    def age_lesions(self, tissue: Tissue) -> np.ndarray:
        """(P,) share of white matter that is hyperintense, most beside the ventricles."""
        beside = 2.2 * np.exp(-tissue.ventricles / 4)
        share = sigmoid((self.spots(tissue.points) + beside + self.spot_level - 2.1) / 0.25)
        return share * (tissue.depth > 14) * np.clip(1.4 * tissue.wm, 0, 1)

    def vessels(self, tissue: Tissue) -> np.ndarray:
        """(P,) share of fluid that is venous blood: curves where two random fields vanish, and the sagittal sinus."""
        first, second = self.veins(tissue.points)
        curves = np.exp(-(first**2 + second**2) / (2 * 0.07**2)) * sigmoid((tissue.csf - 0.2) * 10)
        curves = curves * (tissue.depth < 22) * (self.vein_density(tissue.points) > -0.6)
        x, _, z = tissue.position
        sinus = np.exp(-((x / 3.2) ** 2)) * sigmoid((5.5 - tissue.depth) * 2) * sigmoid((z - 8) / 3)
        return np.clip(np.maximum(curves, 0.9 * sinus * sigmoid((tissue.csf - 0.3) * 10)), 0, 1)

    def choroid(self, tissue: Tissue) -> np.ndarray:
        """(P,) share of fluid that is choroid plexus, in the trigones of the ventricles."""
        place = _blob(tissue.position, (22, -40, 8), (7, 8, 9))
        return place * sigmoid((self.plexus(tissue.points) - 0.1) / 0.2) * (tissue.depth > 18)

    def iron(self, tissue: Tissue) -> np.ndarray:
        """(P,) shortening of log T2 in the deep nuclei, growing with age."""
        nuclei = [amount * _blob(tissue.position, centre, extent) for centre, extent, amount in _IRON]
        return self.iron_load * np.max(nuclei, axis=0)
