r"""Affinity-guided dense distillation (ADT-KD): every layer of a student against every layer of its teacher.

A teacher answers class by class, so that its tensors have an axis more: (B, K, C, d, h, w) features and, side by side,
(B, K, d, h, w) logits; a student's are (B, C, d, h, w) and (B, K, d, h, w).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor


def resize(features: Tensor, channels: int, size: Sequence[int]) -> Tensor:
    """(B, C, d, h, w) -> (B, channels, *size), nothing learnt.

    The paper says only that a student's map is resized to its teacher's. Space is averaged going down and interpolated
    going up; of channels, groups are averaged going down and repeated going up.
    """
    have = features.shape[1]
    if have > channels and have % channels == 0:  # first, for then there is less to move in space
        features = features.unflatten(1, (channels, have // channels)).mean(dim=2)
    elif channels % have:
        raise ValueError(f"{have} channels cannot be made {channels}: one must be a multiple of the other")
    if tuple(features.shape[-3:]) != tuple(size):
        if features.shape[-1] > size[-1]:
            features = F.adaptive_avg_pool3d(features, tuple(size))
        else:
            features = F.interpolate(features, size=tuple(size), mode="trilinear", align_corners=False)
    return features if have >= channels else features.repeat_interleave(channels // have, dim=1)


def affinity(student: Tensor, teacher: Tensor) -> Tensor:
    r"""$a = \mathrm{GAP}\big(\frac{F^S\cdot F^T}{\lVert F^S\rVert\,\lVert F^T\rVert}\big)$ for each class (d2-8).

    student: (B, C, d, h, w), already resized; teacher: (B, K, C, d, h, w). Returns (B, K) in -1 … 1: the cosine of the
    two channel vectors at each voxel, averaged over the volume. With the norms taken over the whole maps, as one may
    also read the formula, the pooled value would be a cosine divided by the number of its elements.
    """
    with torch.autocast(student.device.type, enabled=False):
        ours, theirs = student.float()[:, None], teacher.float()
        dot = (ours * theirs).sum(dim=2)  # (B, K, d, h, w)
        # By hand: cosine_similarity would measure the student's vectors anew for each class, and vector_norm is several
        # times as slow along an axis that is not the last.
        lengths = [x.square().sum(dim=2).clamp_min(1e-16).sqrt() for x in (ours, theirs)]
        return (dot / (lengths[0] * lengths[1])).mean(dim=(2, 3, 4))


def feature_distance(student: Tensor, teacher: Tensor) -> Tensor:
    r"""$\lVert F^T - F^S\rVert_2$ as a mean square for each class, (B, K) (d2-9, first part); shapes as `affinity`."""
    return (student[:, None].float() - teacher.float()).square().mean(dim=(2, 3, 4, 5))


def divergence(student: Tensor, teacher: Tensor) -> Tensor:
    r"""$\mathrm{KL}(p^T \Vert p^S) = \sum_k p^T_k \log(p^T_k / p^S_k)$ of two softmaxes over classes, a mean over
    voxels, (B,) (d2-9, second part).

    student, teacher: logits (B, K, d, h, w) of one size.
    """
    log_teacher, log_student = teacher.float().log_softmax(dim=1), student.float().log_softmax(dim=1)
    return (log_teacher.exp() * (log_teacher - log_student)).sum(dim=1).mean(dim=(1, 2, 3))
