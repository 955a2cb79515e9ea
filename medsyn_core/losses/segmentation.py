r"""Segmentation losses: voxels' logits against their labels."""

from __future__ import annotations

import torch
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
    r"""$-\sum_v w_{y_v}\log p_{y_v} / \sum_v w_{y_v}$ of a softmax over C (the other half of L_seg, d2-11).

    logits: (B, C, ...); labels: (B, ...) in 0 … C - 1. Changed: voxels of class c count $w_c = f_c^{-1/2}$, f_c being
    its share of the batch. With all alike, hundreds of steps pass before anything but background is answered.
    """
    compared, y = _compared(logits, labels), F.one_hot(labels, logits.shape[1]).float()  # (B, ..., C)
    weights = rarity(y.flatten(0, -2).mean(dim=0))
    return F.cross_entropy(compared, labels, weight=weights)


def one_against_rest(logits: Tensor, labels: Tensor) -> Tensor:
    r"""$-\sum_c [y_c \log p_c + (1 - y_c)\log(1 - p_c)]$, each class a sigmoid of its own, a mean over voxels (d2-7).

    logits: (B, C, ...), one binary answer a class; labels: (B, ...) in 0 … C - 1. Changed: the printed formula lacks
    the minus sign, and without it the loss would be lowest where every answer is wrong; and of each class, voxels
    inside and outside count by their rarity, as in `cross_entropy`.
    """
    y = F.one_hot(labels, logits.shape[1]).movedim(-1, 0).flatten(1).float()  # (C, B * voxels)
    answers = _compared(logits, labels).transpose(0, 1).flatten(1)
    share = y.mean(dim=1, keepdim=True)
    weights = torch.where(y > 0, rarity(share), rarity(1 - share))
    found = F.binary_cross_entropy_with_logits(answers, y, reduction="none")
    return ((weights * found).sum(dim=1) / weights.sum(dim=1)).sum()


def rarity(share: Tensor) -> Tensor:
    r"""$f^{-1/2}$ of shares f in 0 … 1, the same shape; 0 for what is not there."""
    return torch.where(share > 0, share.clamp_min(1e-12).rsqrt(), 0.0)


def _compared(logits: Tensor, labels: Tensor) -> Tensor:
    """The logits in float32, once the shapes agree."""
    if logits.shape[:1] + logits.shape[2:] != labels.shape:
        raise ValueError(f"logits {tuple(logits.shape)}, labels {tuple(labels.shape)}: only the classes may differ.")
    return logits.float()


def shrink_labels(labels: Tensor, size: tuple[int, int, int]) -> Tensor:
    """Labels (B, D, H, W) of the voxels nearest to the centres of a coarser grid: never a mixture of two."""
    return F.interpolate(labels[:, None].float(), size=size, mode="nearest-exact")[:, 0].long()
