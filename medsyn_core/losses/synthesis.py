"""Pixel-wise synthesis losses, and the difficult-region attention that re-weights them."""

from __future__ import annotations

import torch
from torch import Tensor


def synthesis(translated: Tensor, target: Tensor, p: float = 1.0) -> Tensor:
    r"""$\lVert y - G(x)\rVert^p$ as a mean over pixels: L1 for p = 1, squared L2 for p = 2 (dual-1).

    translated, target: (B, C, H, W), same shape. Raises ValueError if the shapes differ (broadcasting would hide
    a mistake).
    """
    return _error(translated, target, p).mean()


def attention(confidence: Tensor, beta: float = 2.0) -> Tensor:
    r"""$F = (1 - M)^\beta$, (B, 1, H, W): large where the local discriminator says that a region looks synthetic.

    confidence: M in [0, 1]; beta: how sharply easy regions are suppressed; 0 gives ones.
    """
    return (1 - confidence).pow(beta)


def difficult_region(
    translated: Tensor, target: Tensor, confidence: Tensor, beta: float = 2.0, p: float = 1.0
) -> Tensor:
    r"""$F \odot |y - G(x)|^p$ as a mean over pixels, with $F = (1 - M)^\beta$ (dual-6).

    translated, target: (B, C, H, W); confidence: (B, 1, H, W) in [0, 1]. Changed: printed is the product of a map and
    a scalar norm; the element-wise error is meant. The caller decides whether M is detached; the methods here detach
    it.
    """
    return (attention(confidence, beta) * _error(translated, target, p)).mean()


def difficult_region_normalised(
    translated: Tensor, target: Tensor, confidence: Tensor, beta: float = 2.0, p: float = 1.0
) -> Tensor:
    r"""Difficult-region attention with $F / \bar F$, $\bar F$ the mean of F over each image: it moves weight between
    regions and leaves the scale of the synthesis loss alone. Not in the paper: there, F's scale falls as the
    discriminator is fooled.

    Shapes as in `difficult_region`. An image whose F vanishes everywhere counts as evenly weighted zero.
    """
    precise = torch.promote_types(confidence.dtype, torch.float32)  # F of a fooled discriminator underflows in half
    weight = attention(confidence.to(precise), beta)
    level = weight.mean(dim=(1, 2, 3), keepdim=True).clamp_min(torch.finfo(torch.float32).tiny)  # (B, 1, 1, 1)
    return (weight / level * _error(translated, target, p)).mean()


def _error(translated: Tensor, target: Tensor, p: float) -> Tensor:
    if translated.shape != target.shape:
        raise ValueError(
            f"translated {tuple(translated.shape)} and target {tuple(target.shape)} must have the same shape"
        )
    if p <= 0:
        raise ValueError(f"p must be positive (the paper uses 1 or 2), not {p}")
    return (target - translated).abs().pow(p)
