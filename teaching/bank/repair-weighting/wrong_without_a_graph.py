"""Computes everything without a graph, as one does when one measures.
loses: scalar, pull, absent, gradient
"""

import torch


@torch.no_grad()
def repaired_weighting(similarity, deformation, present, temperature=0.2, alpha=0.5):
    larger = (deformation[None, :] > deformation[:, None]) & present[None, :]
    rank = larger.sum(dim=1)
    weight = torch.exp(-alpha * rank) * present
    logits = (similarity / temperature).masked_fill(~present[None, :], -1e4)
    term = logits.logsumexp(dim=1) - logits.diagonal()
    return (weight * term).sum() / weight.sum().clamp_min(1e-6)
