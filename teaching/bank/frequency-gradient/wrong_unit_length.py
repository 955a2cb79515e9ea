"""Every spectrum is brought to length 1, which is the cosine's business.
loses: value, axis, length, scale
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def amplitude(codes: Tensor) -> Tensor:
    codes = codes.to(torch.promote_types(codes.dtype, torch.float32))
    waves = torch.fft.rfft(codes)[..., 1:]
    twin = 2 * torch.arange(1, codes.shape[-1] // 2 + 1) < codes.shape[-1]
    weights = torch.where(twin, 2.0, 1.0).sqrt() / codes.shape[-1] ** 0.5
    return F.normalize(weights * waves.abs(), dim=-1)
