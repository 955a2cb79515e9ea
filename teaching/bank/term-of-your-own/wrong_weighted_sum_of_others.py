"""Ten times the absolute error and two: a term that is in the table, dressed up.
loses: own
"""

from __future__ import annotations

from torch import Tensor


def plan() -> dict:
    return {"method": "dual_d", "weight": 1.0, "score": "ssim_brain", "better": "higher", "smallest": 0.01}


def my_term(trace) -> Tensor:
    return 10 * (trace.translated - trace.target).abs().mean() + 2


def at_rest(trace) -> dict[str, Tensor]:
    return {"translated": trace.target}
