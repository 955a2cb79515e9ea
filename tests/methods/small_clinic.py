"""A clinic of ten patients of noise and the smallest D²-Net: what a segmenter is tested on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import nn

from medsyn_core.data import prepare
from medsyn_core.data.cut import Settings
from medsyn_core.methods import d2net
from medsyn_core.methods.segmenter import Segmenter
from tests.methods import small

SIZES = {"patch": 8, "width": 4, "levels": 2, "layers": 2, "distance": 3, "reach": 1}
METHOD = d2net.D2Net(**SIZES)
CHOSEN = Settings(16, "all", "zscore", 192.0)


class Clinic(small.Patients):
    """The patients, the last one without labels; p-8 has no T1ce."""

    name = "clinic"

    def read(self, ref):
        volume = super().read(ref)
        return replace(volume, seg=None) if ref.id == "p-9" else volume


def clinic(cache):
    """The cohort: six patients to train on, p-7 to p-9 to test on."""
    return prepare(Clinic(), CHOSEN, cache=cache, jobs=1).divide(small.patients(cache).split)


def patient(number=0):
    """One of them as the source reads it."""
    source = Clinic()
    return source.read(source.subjects()[number])


def noise(*shape, seed=0):
    """Normal numbers of that shape, float32."""
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def untrained():
    """The smallest D²-Net with fresh weights, always the same ones."""
    torch.manual_seed(0)
    return METHOD.untrained_model().eval()


class Echo(Segmenter):
    """Answers, voxel by voxel, the class that its modalities add up to, and keeps what it was shown."""

    def __init__(self, **how):
        super().__init__(replace(METHOD, **how), {"nothing": nn.Linear(1, 1)})
        self.shown = []

    def forward(self, images, present):
        self.shown.append((images, present))
        return -(images.sum(dim=1, keepdim=True) - torch.arange(4.0)[:, None, None, None]).square()
