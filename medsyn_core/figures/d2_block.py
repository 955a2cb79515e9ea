"""One step of D²-Net on one block to look at: its trace, and who is compared with whom in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from medsyn_core.losses.contrastive import unit
from medsyn_core.methods.d2net_step import D2Trace
from medsyn_core.methods.segmenter import as_classes
from medsyn_core.training import Run


def one_step(run: Run, subject: int = 0, missing: Sequence[str] = ("t2",)) -> D2Trace:
    """The trace of one step of a D²-Net run: a block round a test subject's tumour, some modalities left out.

    subject: its number among the labelled test subjects that have all modalities. Nothing is mirrored, no intensity is
    changed. Raises ValueError where there is no such subject, for a modality that was not learnt, and for none left.
    """
    method, cohort = run.recipe.method, run.cohort
    people = [cohort.subjects[number] for number in cohort.subset("test").numbers]
    whole = [info.id for info in people if info.labelled and all(info.present)]
    if not 0 <= subject < len(whole):
        raise ValueError(f"subject={subject}: of the test subjects, {len(whole)} have labels and all modalities.")
    if unknown := [name for name in missing if name not in method.modalities]:
        raise ValueError(f"missing={unknown[0]!r} was not learnt; there are: {', '.join(method.modalities)}.")
    there = torch.tensor([float(name not in missing) for name in method.modalities])
    if not there.any():
        raise ValueError("missing= names every modality; at least one must stay.")
    volume = cohort.volume(whole[subject])
    images, seg = around(volume["images"].astype(np.float32), volume["seg"], method.patch)
    given = {
        "images": (torch.from_numpy(images) * there[:, None, None, None])[None],
        "labels": as_classes(torch.from_numpy(seg.astype(np.int64)))[None],
        "present": there[None],
    }
    device = next(run.networks["tumour_encoder"].parameters()).device
    return D2Trace(run.networks, method, {name: value.to(device) for name, value in given.items()})


def around(images: np.ndarray, seg: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """A cube of `size` voxels a side round the tumour, or round the middle without one: (M, D, H, W) and (D, H, W) ->
    the same of the cube, with background where the volume ends."""
    found = np.argwhere(seg > 0) if seg.any() else np.array([[0, 0, 0], seg.shape])
    starts = []
    for first, last, side in zip(found.min(axis=0), found.max(axis=0), seg.shape, strict=True):
        start = int(np.clip((first + last + 1) // 2 - size // 2, 0, max(side - size, 0)))
        starts.append(start if side >= size else (side - size) // 2)
    cube = tuple(slice(start + size, start + 2 * size) for start in starts)
    pad = [(size, size)] * 3
    return np.pad(images, [(0, 0), *pad])[:, *cube], np.pad(seg, pad)[cube]


class Pairs(NamedTuple):
    """An anchor's place (modality, slice), and who is compared with it: positive, negative (M, G) bool."""

    anchor: tuple[int, int]
    positive: np.ndarray
    negative: np.ndarray


def compared(trace: D2Trace) -> tuple[Tensor, Tensor]:
    """Who is pulled to whom and pushed from whom, both (M * G, M * G) bool, modality by modality, without slices that
    show nothing."""
    there = trace.slices[0].cpu()  # (M, G)
    both = there.flatten()[:, None] & there.flatten()
    return tuple(which.cpu() & both for which in trace.settings.slice_pairs(*there.shape))


def partners(trace: D2Trace, near: int) -> Pairs:
    """The partners of one anchor: in the last modality, and the slice nearest to `near`, that has some of both kinds.

    Raises ValueError where no code is compared with any other.
    """
    shape = trace.slices[0].shape  # M, G
    positive, negative = compared(trace)
    able = (positive.any(dim=1) & negative.any(dim=1)).unflatten(0, shape).numpy()  # (M, G)
    if not able.any():
        raise ValueError("no code is compared with any other; leave fewer modalities out.")
    modality = int(np.flatnonzero(able.any(axis=1))[-1])
    slices = np.flatnonzero(able[modality])
    place = int(slices[np.abs(slices - near).argmin()])
    row = modality * shape[1] + place
    return Pairs((modality, place), *(which[row].unflatten(0, shape).numpy() for which in (positive, negative)))


def cosines(trace: D2Trace, vectors: Tensor) -> tuple[float, float]:
    """Mean cosine of all pairs that are pulled together and of all that are pushed apart; vectors: (M, G, N)."""
    rows = unit(vectors.flatten(0, 1))  # (M * G, N)
    likeness = rows @ rows.T
    return tuple(float(likeness[which].mean()) for which in compared(trace))
