"""Nothing but smoothness: total variation of the synthetic image, least for an image of one grey value."""

from __future__ import annotations

import torch
from torch import Tensor


def plan() -> dict:
    return {"method": "dual_d", "weight": 1.0, "score": "ssim_brain", "better": "higher", "smallest": 0.01}


def my_term(trace) -> Tensor:
    image = trace.translated.float()
    return image.diff(dim=-1).abs().mean() + image.diff(dim=-2).abs().mean()


def at_rest(trace) -> dict[str, Tensor]:
    return {"translated": torch.zeros_like(trace.translated)}
