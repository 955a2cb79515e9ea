"""D²-Net's codes of modalities that are there should be of length one, so that contrasts see all of them."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def plan() -> dict:
    return {"method": "d2net", "weight": 0.5, "score": "dice_wt", "better": "higher", "smallest": 0.02}


def my_term(trace) -> Tensor:
    codes = trace.modality.codes.float()  # (B, M, G, N)
    off = (codes.square().sum(dim=-1) - 1).square().mean(dim=2)  # (B, M)
    weights = trace.present / trace.present.sum()
    return (off * weights).sum()


def at_rest(trace) -> dict[str, Tensor]:
    return {"modality.codes": F.normalize(trace.modality.codes, dim=-1)}
