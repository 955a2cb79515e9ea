"""A loop over the codes of a batch, one wave after the other."""

from __future__ import annotations

import torch
from torch import Tensor


def amplitude(codes: Tensor) -> Tensor:
    codes = codes.to(torch.promote_types(codes.dtype, torch.float32))
    count = codes.shape[-1]
    found = []
    for code in codes.reshape(-1, count):
        waves = torch.fft.rfft(code, norm="ortho")
        found.append(torch.stack([waves[k].abs() * (1 if 2 * k == count else 2**0.5) for k in range(1, len(waves))]))
    return torch.stack(found).reshape(*codes.shape[:-1], count // 2)
