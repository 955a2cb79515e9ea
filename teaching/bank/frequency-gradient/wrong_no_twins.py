"""One side of the spectrum is kept, but what is left counts as if there had been no other.
loses: value, axis, length
"""

from __future__ import annotations

import torch
from torch import Tensor


def amplitude(codes: Tensor) -> Tensor:
    codes = codes.to(torch.promote_types(codes.dtype, torch.float32))
    waves = torch.fft.rfft(codes)[..., 1:]
    return waves.abs() / codes.shape[-1] ** 0.5
