"""A term with so small a weight that nobody obeys it.
loses: probe
"""

from __future__ import annotations

from torch import Tensor


def plan() -> dict:
    return {"method": "dual_d", "weight": 1e-6, "score": "ssim_brain", "better": "higher", "smallest": 0.01}


def my_term(trace) -> Tensor:
    off = trace.translated.float() - trace.target
    return off.diff(dim=-1).abs().mean() + off.diff(dim=-2).abs().mean()


def at_rest(trace) -> dict[str, Tensor]:
    return {"translated": trace.target}
