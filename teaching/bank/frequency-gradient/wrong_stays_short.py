"""The line that was given is gone, so the transform meets bfloat16.
loses: half
"""

from __future__ import annotations

import torch
from torch import Tensor


def amplitude(codes: Tensor) -> Tensor:
    waves = torch.fft.rfft(codes)[..., 1:]
    twin = 2 * torch.arange(1, codes.shape[-1] // 2 + 1) < codes.shape[-1]
    weights = torch.where(twin, 2.0, 1.0).sqrt() / codes.shape[-1] ** 0.5
    return weights * waves.abs()
