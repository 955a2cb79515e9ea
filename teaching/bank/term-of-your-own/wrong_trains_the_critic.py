"""It looks at what the critic says, and lets it change its mind.
loses: reaches
"""

from __future__ import annotations

import torch
from torch import Tensor


def plan() -> dict:
    return {"method": "dual_d", "weight": 1.0, "score": "ssim_brain", "better": "higher", "smallest": 0.01}


def my_term(trace) -> Tensor:
    return trace.local_logits_fake.float().square().mean()  # it should not be able to tell


def at_rest(trace) -> dict[str, Tensor]:
    return {"local_logits_fake": torch.zeros_like(trace.local_logits_fake)}
