"""What D²-Net's student answers should change little from one slice to the next."""

from __future__ import annotations

import torch
from torch import Tensor


def plan() -> dict:
    return {"method": "d2net", "weight": 5.0, "score": "dice_wt", "better": "higher", "smallest": 0.02}


def my_term(trace) -> Tensor:
    likely = trace.student.output.float().softmax(dim=1)  # (B, K, D, H, W)
    return likely.diff(dim=2).abs().mean()


def at_rest(trace) -> dict[str, Tensor]:
    return {"student.output": torch.zeros_like(trace.student.output)}
