"""Weighs the whole term and then takes a plain mean, so that alpha turns the loss down.
loses: ranks, share, ties, absent
"""

import torch


def repaired_weighting(similarity, deformation, present, temperature=0.2, alpha=0.5):
    larger = (deformation[None, :] > deformation[:, None]) & present[None, :]
    rank = larger.sum(dim=1)
    weight = torch.exp(-alpha * rank) * present
    logits = (similarity / temperature).masked_fill(~present[None, :], -1e4)
    term = logits.logsumexp(dim=1) - logits.diagonal()
    return (weight * term).sum() / present.sum().clamp_min(1)
