"""Weighs all similarities of a row, above and below the line: a temperature, not a weight.
loses: ranks, ties, absent
"""

import torch


def repaired_weighting(similarity, deformation, present, temperature=0.2, alpha=0.5):
    larger = (deformation[None, :] > deformation[:, None]) & present[None, :]
    rank = larger.sum(dim=1)
    weight = torch.exp(-alpha * rank) * present
    logits = (similarity / temperature).masked_fill(~present[None, :], -1e4)
    heated = torch.where(present[None, :], weight[:, None] * logits, logits)
    term = heated.logsumexp(dim=1) - heated.diagonal()
    return (term * present).sum() / present.sum().clamp_min(1)
