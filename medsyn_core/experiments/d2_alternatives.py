"""What D²-Net's distillation is compared with in the paper's table V: features alone, and no affinity between them."""

from __future__ import annotations

import torch
from torch import Tensor

from medsyn_core.losses import dense_distillation as dense
from medsyn_core.methods.d2net_step import D2Trace


def multi_kd(trace: D2Trace) -> Tensor:
    r"""$\sum_l \lVert F^T_l - F^S_l\rVert_2$: each layer of the student learns from the same layer of the teacher.

    The sum runs over layers; of each it is a mean over samples and classes, as in d2-9.
    """
    pairs = zip(trace.student_bank.features, trace.teacher_bank.features, strict=True)
    return torch.stack([_distance(ours, theirs) for ours, theirs in pairs]).sum()


def dense_kd(trace: D2Trace) -> Tensor:
    r"""$\sum_t \frac{1}{N_s}\sum_s \lVert F^T_t - F^S_s\rVert_2$: each layer learns from all of them alike.

    Ji et al. (2021) give the pairs of a teacher's layer weights that are learnt and add up to 1; here all are alike, so
    that what is left beside the affinity of d2-9 is nothing but its absence.
    """
    pairs = zip(trace.resized, trace.teacher_bank.features, strict=True)
    found = [torch.stack([dense.feature_distance(x, theirs).mean() for x in ours]) for ours, theirs in pairs]
    return torch.stack(found).mean(dim=1).sum()  # (T, S) -> a scalar


def _distance(ours: Tensor, theirs: Tensor) -> Tensor:
    """Of a student's map (B, C, d, h, w), also a compressed student's, from a teacher's (B, K, C_t, d, h, w)."""
    return dense.feature_distance(dense.resize(ours, theirs.shape[2], theirs.shape[-3:]), theirs).mean()
