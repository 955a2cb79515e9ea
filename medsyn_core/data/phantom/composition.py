"""What every point is made of: healthy tissue, distractors and tumour as fractions that add to one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from medsyn_core.data.phantom.anatomy import Anatomy, Tissue
from medsyn_core.data.phantom.distractors import Distractors
from medsyn_core.data.phantom.fields import Points
from medsyn_core.data.phantom.lesion import Lesion, LesionParts


@dataclass(frozen=True)
class Composition:
    """tissue: the healthy brain; parts: the tumour or None; fractions: class of tissues.CLASSES -> (P,)."""

    tissue: Tissue
    parts: LesionParts | None
    fractions: dict[str, np.ndarray]


def compose(points: Points, anatomy: Anatomy, distractors: Distractors, lesion: Lesion | None) -> Composition:
    """Fractions of all classes at those of `points` that may be brain."""
    tissue = anatomy.tissue(points, None if lesion is None else lesion.push)
    spots = tissue.wm * distractors.age_lesions(tissue)
    blood = tissue.csf * distractors.vessels(tissue)
    choroid = (tissue.csf - blood) * distractors.choroid(tissue) * tissue.csf
    fractions = {
        "csf": tissue.csf - blood - choroid,
        "gm": tissue.gm,
        "wm": tissue.wm - spots,
        "wmh": spots,
        "blood": blood,
        "choroid": choroid,
    }
    if lesion is None:
        return Composition(tissue, None, fractions)
    parts = lesion.parts(tissue)
    fractions = {name: share * (1 - parts.core) for name, share in fractions.items()}
    water = parts.ed * parts.severity
    soaked = {"wm": water, "wmh": water, "gm": 0.75 * water}  # grey matter takes up less
    fractions["ed"] = sum(fractions[name] * share for name, share in soaked.items())
    for name, share in soaked.items():
        fractions[name] = fractions[name] * (1 - share)
    fractions |= {"net": parts.net, "et": parts.et, "ncr": parts.ncr}
    return Composition(tissue, parts, fractions)


def labels(composition: Composition, average) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Brain mask bool, tissue (0 background, 1 CSF, 2 GM, 3 WM) and BraTS labels of one plane, each (X, Y).

    `average` takes values at the composition's points to the voxels' means; the largest share names a voxel.
    """
    tissue = composition.tissue
    inside = average(tissue.inside)
    brain = inside > 0.5
    shares = np.stack([average(f * tissue.inside) for f in (tissue.csf, tissue.gm, tissue.wm)])  # 3, X, Y
    classes = np.where(brain, 1 + shares.argmax(0), 0).astype(np.uint8)
    seg = np.zeros(brain.shape, np.uint8)
    parts = composition.parts
    if parts is not None:
        core, et, ed = average(parts.core), average(parts.et), average(parts.ed)
        tumour = np.where(core >= ed, np.where(et >= core - et, 4, 1), 2)
        seg = np.where(brain & (core + ed > 0.5), tumour, 0).astype(np.uint8)
    return brain, classes, seg
