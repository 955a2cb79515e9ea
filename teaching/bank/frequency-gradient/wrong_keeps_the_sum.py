"""The spectrum begins with k = 0, the sum of the numbers, which is most of it.
loses: value, axis, mean, length
"""

from __future__ import annotations

import torch
from torch import Tensor


def amplitude(codes: Tensor) -> Tensor:
    codes = codes.to(torch.promote_types(codes.dtype, torch.float32))
    waves = torch.fft.rfft(codes)
    twin = torch.arange(waves.shape[-1]) % (codes.shape[-1] / 2) != 0
    return torch.where(twin, 2.0, 1.0).sqrt() * waves.abs() / codes.shape[-1] ** 0.5
