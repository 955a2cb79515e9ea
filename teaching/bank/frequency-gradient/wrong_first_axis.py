"""The transform runs along the batch, not along the code.
loses: axis
"""

from __future__ import annotations

import torch
from torch import Tensor


def amplitude(codes: Tensor) -> Tensor:
    codes = codes.to(torch.promote_types(codes.dtype, torch.float32))
    waves = torch.fft.rfft(codes, dim=0)[1:]
    count = len(codes)
    twin = (2 * torch.arange(1, count // 2 + 1) < count).view(-1, *[1] * (codes.ndim - 1))
    return torch.where(twin, 2.0, 1.0).sqrt() * waves.abs() / count**0.5
