"""Keeps the weight where it is printed, in the numerator alone.
loses: ranks, pull, shift, share, ties, absent, probe
"""

import torch


def repaired_weighting(similarity, deformation, present, temperature=0.2, alpha=0.5):
    larger = (deformation[None, :] > deformation[:, None]) & present[None, :]
    rank = larger.sum(dim=1)
    weight = torch.exp(-alpha * rank) * present
    logits = (similarity / temperature).masked_fill(~present[None, :], -1e4)
    term = logits.logsumexp(dim=1) - weight * logits.diagonal()
    return (term * present).sum() / present.sum().clamp_min(1)
