"""A length is written out as a root of a sum, and asked for its slope where it is zero.
loses: slope
"""

from __future__ import annotations

from torch import Tensor


def plan() -> dict:
    return {"method": "dual_d", "weight": 1.0, "score": "ssim_brain", "better": "higher", "smallest": 0.01}


def my_term(trace) -> Tensor:
    off = trace.translated.float() - trace.target
    across, down = off.diff(dim=-1)[..., 1:, :], off.diff(dim=-2)[..., 1:]
    return (across.square() + down.square()).sqrt().mean()


def at_rest(trace) -> dict[str, Tensor]:
    return {"translated": trace.target}
