"""Amplitude spectra are compared, but the transform does not know bfloat16.
loses: half
"""

from __future__ import annotations

import torch
from torch import Tensor


def plan() -> dict:
    return {"method": "dual_d", "weight": 1.0, "score": "ssim_brain", "better": "higher", "smallest": 0.01}


def my_term(trace) -> Tensor:
    ours, theirs = (torch.fft.rfft2(image, norm="ortho").abs() for image in (trace.translated, trace.target))
    return (ours - theirs).abs().mean()


def at_rest(trace) -> dict[str, Tensor]:
    return {"translated": trace.target}
