"""The transform is numpy's, as in the public code: the value is right, and nothing can be learnt from it.
loses: gradient
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def amplitude(codes: Tensor) -> Tensor:
    codes = codes.to(torch.promote_types(codes.dtype, torch.float32))
    twin = 2 * torch.arange(1, codes.shape[-1] // 2 + 1) < codes.shape[-1]
    weights = torch.where(twin, 2.0, 1.0).sqrt() / codes.shape[-1] ** 0.5
    waves = np.fft.rfft(codes.detach().numpy())[..., 1:]
    return weights * torch.from_numpy(np.abs(waves)).to(codes.dtype)
