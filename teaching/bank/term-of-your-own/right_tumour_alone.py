"""Absolute error where there is a tumour, a mean over its pixels."""

from __future__ import annotations

from torch import Tensor


def plan() -> dict:
    return {"method": "dual_d", "weight": 2.0, "score": "mae_tumour", "better": "lower", "smallest": 1.0}


def my_term(trace) -> Tensor:
    tumour = (trace.seg > 0)[:, None]
    off = (trace.translated.float() - trace.target).abs() * tumour
    return off.sum() / tumour.sum().clamp_min(1)


def at_rest(trace) -> dict[str, Tensor]:
    return {"translated": trace.target}
