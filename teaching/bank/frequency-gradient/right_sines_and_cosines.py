"""No transform at all: a table of cosines and sines, and a root that never sees a zero."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def amplitude(codes: Tensor) -> Tensor:
    codes = codes.to(torch.promote_types(codes.dtype, torch.float32))
    count = codes.shape[-1]
    place, wave = torch.arange(count, dtype=codes.dtype), torch.arange(1, count // 2 + 1, dtype=codes.dtype)
    angle = 2 * math.pi * place[:, None] * wave / count  # (N, K)
    power = (codes @ angle.cos()).square() + (codes @ angle.sin()).square()  # (..., K)
    power = power * torch.where(2 * wave < count, 2.0, 1.0) / count
    heard = power > 1e-12
    return torch.where(heard, torch.where(heard, power, 1.0).sqrt(), 0.0)
