r"""Segmentation losses: voxels' logits against their labels."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def soft_dice(logits: Tensor, labels: Tensor) -> Tensor:
    r"""$1 - \frac{1}{C-1}\sum_{c>0}\frac{2\sum_v p_{c}\,y_{c} + 1}{\sum_v p_{c} + \sum_v y_{c} + 1}$ over the voxels of
    the batch (half of L_seg, d2-11).

    logits: (B, C, ...) softmax over C; labels: (B, ...) in 0 … C - 1. The background, class 0, is left out. The sums
    run over the whole batch, so that a patch without a class does not decide; the 1 settles what nobody has.
    """
    p = _compared(logits, labels).softmax(dim=1).transpose(0, 1).flatten(1)[1:]  # (C - 1, B * voxels)
    y = F.one_hot(labels.flatten(), logits.shape[1]).T[1:].float()
    overlap, total = (p * y).sum(dim=1), p.sum(dim=1) + y.sum(dim=1)
    return 1 - ((2 * overlap + 1) / (total + 1)).mean()


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    r"""$-\frac{1}{V}\sum_v \log p_{y_v}$ of a softmax over C, a mean over voxels (the other half of L_seg, d2-11).

    logits: (B, C, ...); labels: (B, ...) in 0 … C - 1.
    """
    return F.cross_entropy(_compared(logits, labels), labels)


def one_against_rest(logits: Tensor, labels: Tensor) -> Tensor:
    r"""$-\sum_c [y_c \log p_c + (1 - y_c)\log(1 - p_c)]$, each class a sigmoid of its own, a mean over voxels (d2-7).

    logits: (B, C, ...), one binary answer a class; labels: (B, ...) in 0 … C - 1. Changed: the printed formula lacks
    the minus sign, and without it the loss would be lowest where every answer is wrong.
    """
    y = F.one_hot(labels, logits.shape[1]).movedim(-1, 1).float()
    return F.binary_cross_entropy_with_logits(_compared(logits, labels), y, reduction="none").sum(dim=1).mean()


def _compared(logits: Tensor, labels: Tensor) -> Tensor:
    """The logits in float32, once the shapes agree."""
    if logits.shape[:1] + logits.shape[2:] != labels.shape:
        raise ValueError(f"logits {tuple(logits.shape)}, labels {tuple(labels.shape)}: only the classes may differ.")
    return logits.float()


def shrink_labels(labels: Tensor, size: tuple[int, int, int]) -> Tensor:
    """Labels (B, D, H, W) of the voxels nearest to the centres of a coarser grid: never a mixture of two."""
    return F.interpolate(labels[:, None].float(), size=size, mode="nearest-exact")[:, 0].long()
