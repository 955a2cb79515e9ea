"""Ranks by sorting, which gives equal deformations different weights.
loses: ties
"""

import torch


def repaired_weighting(similarity, deformation, present, temperature=0.2, alpha=0.5):
    rank = torch.where(present, deformation, -1.0).argsort(descending=True).argsort()
    weight = torch.exp(-alpha * rank) * present
    logits = (similarity / temperature).masked_fill(~present[None, :], -1e4)
    term = logits.logsumexp(dim=1) - logits.diagonal()
    return (weight * term).sum() / weight.sum().clamp_min(1e-6)
