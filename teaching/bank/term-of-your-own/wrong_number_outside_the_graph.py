"""The value is taken out of the graph to be scaled, and comes back as a number.
loses: scalar, reaches
"""

from __future__ import annotations

import torch
from torch import Tensor


def plan() -> dict:
    return {"method": "dual_d", "weight": 1.0, "score": "ssim_brain", "better": "higher", "smallest": 0.01}


def my_term(trace) -> Tensor:
    off = (trace.translated.float() - trace.target).diff(dim=-1).abs().mean()
    return torch.tensor(100 * off.item())


def at_rest(trace) -> dict[str, Tensor]:
    return {"translated": trace.target}
