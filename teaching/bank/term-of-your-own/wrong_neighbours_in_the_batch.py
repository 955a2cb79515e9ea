"""Samples are compared with the next one of the batch, which is chance.
loses: batch
"""

from __future__ import annotations

from torch import Tensor


def plan() -> dict:
    return {"method": "dual_d", "weight": 1.0, "score": "ssim_brain", "better": "higher", "smallest": 0.01}


def my_term(trace) -> Tensor:
    change = trace.translated.float() - trace.target
    return (change[1:] - change[:-1]).abs().mean()


def at_rest(trace) -> dict[str, Tensor]:
    return {"translated": trace.target}
