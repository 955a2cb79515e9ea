"""The whole spectrum of the code without its mean; twins are put together by their squares' sum."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def amplitude(codes: Tensor) -> Tensor:
    codes = codes.to(torch.promote_types(codes.dtype, torch.float32))
    count = codes.shape[-1]
    both = torch.fft.fft(codes - codes.mean(dim=-1, keepdim=True), norm="ortho").abs()  # (..., N)
    last = count // 2
    ahead, behind = both[..., 1 : last + 1], both.flip(-1)[..., :last]
    single = torch.arange(1, last + 1) * 2 == count
    return torch.where(single, ahead, (ahead + behind) / math.sqrt(2))
