"""The number that keeps the root's slope finite is so large that it shows.
loses: value, axis, mean, length, scale
"""

from __future__ import annotations

import torch
from torch import Tensor


def amplitude(codes: Tensor) -> Tensor:
    codes = codes.to(torch.promote_types(codes.dtype, torch.float32))
    waves = torch.fft.rfft(codes)[..., 1:]
    twin = 2 * torch.arange(1, codes.shape[-1] // 2 + 1) < codes.shape[-1]
    weights = torch.where(twin, 2.0, 1.0).sqrt() / codes.shape[-1] ** 0.5
    return weights * (waves.real.square() + waves.imag.square() + 1e-2).sqrt()
