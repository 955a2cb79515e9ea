"""Six patients of noise as whole volumes of 10 x 12 x 12 voxels, and the smallest recipe: what D²-Net is tested on."""

from __future__ import annotations

import numpy as np
import torch

from medsyn_core.data import Source, SubjectRef, Volume, prepare
from medsyn_core.data.cut import Settings
from medsyn_core.methods import d2net
from tests.methods import small

WITHOUT_FLAIR = (4, 5)  # one is tested, one trained on
CLASS_WEIGHTED = dict.fromkeys(("dice", "auxiliary", "cross_entropy"), 0)  # they look at the whole batch's labels
WITHOUT_TEACHER = dict.fromkeys(("feature_distillation", "logit_distillation", "auxiliary", "consistency"), 0)


class Lumps(Source):
    """p-0 to p-5: a tumour of three nested parts each, its place their own; two lack FLAIR."""

    name, notice, key = "lumps", "made for tests", {"version": 1}

    def subjects(self):
        return [SubjectRef(f"p-{k}", f"p-{k}") for k in range(6)]

    def read(self, ref):
        number = int(ref.id[-1])
        base = np.random.default_rng(number).uniform(0.3, 1, (12, 12, 10)).astype(np.float32)
        brain, seg = np.zeros(base.shape, bool), np.zeros(base.shape, np.uint8)
        brain[1:-1, 1:-1] = True
        x = 3 + number % 3
        seg[x : x + 5, 3:8, 2:7], seg[x + 1 : x + 4, 4:7, 3:6], seg[x + 2, 5, 4] = 2, 4, 1
        images = {
            "t1": base,
            "t1ce": base + (seg == 4),
            "t2": 2.0 - base + (seg > 0),
            "flair": 1 + base / 2 + (seg == 2),
        }
        if number in WITHOUT_FLAIR:
            del images["flair"]
        images = {name: np.where(brain, image, 0).astype(np.float32) for name, image in images.items()}
        return Volume(ref.id, ref.patient, images, seg=seg, affine=np.diag([16.0, 16, 12, 1]))


def volumes(cache, **how):
    """The cohort: four patients to train on, two to test on; one of each lacks FLAIR."""
    settings = Settings(**{"px": 12, "slices": "all", "scaling": "zscore", "fov_mm": 192.0} | how)
    return prepare(Lumps(), settings, cache=cache, jobs=1).divide("d2net-0")


def recipe(**how):
    """The fewest weights, blocks of 8 voxels a side, two layers distilled, three steps."""
    few = {"patch": 8, "levels": 2, "layers": 2, "distance": 3, "reach": 1, "steps": 3, "batch_size": 2}
    return d2net.recipe("smoke").configure(**few | how)


WORKERS = {
    "d2net": recipe,
    "d2net-means": lambda: recipe(dropout=0.0).edit(**CLASS_WEIGHTED),
}
"""What tests.methods.worker trains on `volumes`."""


def batch_of():
    """Two blocks as the view gives them: a border without brain, an empty slice, labels of all kinds; the second lacks
    T2."""
    g = torch.Generator().manual_seed(0)
    images = torch.randn(2, 4, 8, 8, 8, generator=g)
    images[..., 0], images[..., 7] = 0, 0
    images[0, :, 7] = 0
    images[1, 2] = 0
    present = torch.tensor([[1.0, 1, 1, 1], [1, 1, 0, 1]])
    seg = torch.zeros(2, 8, 8, 8, dtype=torch.int64)
    for b in range(2):
        seg[b, 1 : 4 + 3 * b, 2 : 5 + b, 2:6], seg[b, 2 : 4 + b, 3:5, 3:5], seg[b, 3, 3, 3 : 4 + b] = 2, 4, 1
    return {"images": images, "present": present, "seg": seg, "subject": torch.tensor([3, 1])}


EVERYTHING = tuple(recipe().players[0].networks)


def trace_of(start=None, moving=EVERYTHING, batch=None, seed=1):
    """(networks, trace) of one step, see `small.trace_of`."""
    return small.trace_of(start or recipe(), moving, batch or batch_of(), seed)
