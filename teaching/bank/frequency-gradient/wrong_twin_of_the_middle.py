"""All waves count twice, also the fastest of an even number, which has no mirror image.
loses: value, axis, length
"""

from __future__ import annotations

import torch
from torch import Tensor


def amplitude(codes: Tensor) -> Tensor:
    codes = codes.to(torch.promote_types(codes.dtype, torch.float32))
    waves = torch.fft.rfft(codes)[..., 1:]
    return 2**0.5 * waves.abs() / codes.shape[-1] ** 0.5
