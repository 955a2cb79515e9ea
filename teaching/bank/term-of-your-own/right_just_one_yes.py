"""The teacher's four answers of yes should add up to one at every voxel."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def plan() -> dict:
    return {"method": "d2net", "weight": 0.5, "score": "dice_wt", "better": "higher", "smallest": 0.02}


def my_term(trace) -> Tensor:
    yes = trace.teacher_output.float().sigmoid()  # (B, K, D, H, W)
    return (yes.sum(dim=1) - 1).square().mean()


def at_rest(trace) -> dict[str, Tensor]:
    return {"teacher_output": torch.full_like(trace.teacher_output, math.log(1 / 3))}  # a quarter each
