"""Replaces ranks by the deformations themselves, so that the loss can pay for deforming.
loses: ranks, ties, absent, gradient
"""

import torch


def repaired_weighting(similarity, deformation, present, temperature=0.2, alpha=0.5):
    largest = torch.where(present, deformation, 0).max()
    weight = torch.exp(-alpha * (1 - deformation / largest)) * present
    logits = (similarity / temperature).masked_fill(~present[None, :], -1e4)
    term = logits.logsumexp(dim=1) - logits.diagonal()
    return (weight * term).sum() / weight.sum().clamp_min(1e-6)
