"""The transform runs over all axes, so that codes of a batch are mixed.
loses: axis
"""

from __future__ import annotations

import torch
from torch import Tensor


def amplitude(codes: Tensor) -> Tensor:
    codes = codes.to(torch.promote_types(codes.dtype, torch.float32))
    waves = torch.fft.rfftn(codes)[..., 1:]
    twin = 2 * torch.arange(1, codes.shape[-1] // 2 + 1) < codes.shape[-1]
    weights = torch.where(twin, 2.0, 1.0).sqrt() / codes.shape[-1] ** 0.5
    return weights * waves.abs()
