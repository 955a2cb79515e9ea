"""A made-up head that looks different from every side, with a tumour at its right, front and top."""

from __future__ import annotations

import numpy as np

from medsyn_core.data import prepare
from medsyn_core.data.cut import Settings
from medsyn_core.data.volume import ED, ET, NCR, SubjectRef, Volume
from medsyn_core.figures.volumes import Block

SHAPE, MM = (16, 16, 12), 12.0
AFFINE = np.diag([MM, MM, MM, 1.0])
AFFINE[:3, 3] = -90, -90, -30


def head(seed: int = 0) -> np.ndarray:
    """(X, Y, Z) in 1 … 2 inside an ellipsoid, 0 outside."""
    axes = np.meshgrid(*(np.linspace(-1, 1, n) for n in SHAPE), indexing="ij")
    inside = sum(a**2 for a in axes) < 0.8
    return np.where(inside, np.random.default_rng(seed).uniform(1, 2, SHAPE), 0).astype(np.float32)


def labels() -> np.ndarray:
    """Oedema round a rim round a core, all at high indices; planes 10, 9 and 7 of the axes hold most of it."""
    seg = np.zeros(SHAPE, np.uint8)
    seg[9:13, 8:12, 6:9] = ED
    seg[10:12, 9:11, 6:9] = ET
    seg[10, 9, 7] = NCR
    seg[10, 12, 7] = seg[13, 9, 7] = seg[10, 9, 9] = ED
    return seg


def block() -> Block:
    """The head and its labels, without a cohort."""
    return Block(np.clip(head() - 1, 0, 1), labels(), AFFINE, "somebody", "flair")


class Heads:
    """A source of three; the last has no FLAIR."""

    name, notice, key = "heads", "made up", {"version": 1}

    def subjects(self) -> list[SubjectRef]:
        return [SubjectRef(f"head-{k}", f"head-{k}") for k in range(3)]

    def read(self, ref: SubjectRef) -> Volume:
        number = int(ref.id[-1])
        names = ("t1", "t2") if number == 2 else ("t1", "flair")
        images = {name: head(10 * number + k) for k, name in enumerate(names)}
        return Volume(ref.id, ref.id, images, labels(), None, AFFINE)


def cohort(cache, slices: int | str = "all"):
    """Their cohort, on the grid of the volumes."""
    return prepare(Heads(), Settings(16, slices, "percentile", 16 * MM), cache=cache, jobs=1)
