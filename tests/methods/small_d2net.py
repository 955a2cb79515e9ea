"""The smallest recipe of D²-Net and a batch for it: what its training is tested on, with `small_clinic`'s patients."""

from __future__ import annotations

import torch

from medsyn_core.methods import d2net
from tests.methods import small
from tests.methods.small_clinic import SIZES

CLASS_WEIGHTED = dict.fromkeys(("dice", "auxiliary", "cross_entropy"), 0)  # they look at the whole batch's labels
WITHOUT_TEACHER = dict.fromkeys(("feature_distillation", "logit_distillation", "auxiliary", "consistency"), 0)


def recipe(**how):
    """The fewest weights, blocks of 8 voxels a side, two layers distilled, three steps."""
    return d2net.recipe("smoke").configure(**SIZES | {"steps": 3, "batch_size": 2} | how)


WORKERS = {
    "d2net": recipe,
    "d2net-means": lambda: recipe(dropout=0.0).edit(**CLASS_WEIGHTED),
}
"""What tests.methods.worker trains on the clinic's patients."""


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
