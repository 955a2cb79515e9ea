"""A sum over samples in place of a mean, so that its weight depends on the batch.
loses: batch
"""

from __future__ import annotations

from torch import Tensor


def plan() -> dict:
    return {"method": "dual_d", "weight": 1.0, "score": "ssim_brain", "better": "higher", "smallest": 0.01}


def my_term(trace) -> Tensor:
    off = trace.translated.float() - trace.target
    return off.diff(dim=-1).abs().mean(dim=(1, 2, 3)).sum() + off.diff(dim=-2).abs().mean(dim=(1, 2, 3)).sum()


def at_rest(trace) -> dict[str, Tensor]:
    return {"translated": trace.target}
