"""Takes the softmax down the columns: a structure of the translation looks for its image.
loses: value, ranks, shift, ties, absent
"""

import torch


def repaired_weighting(similarity, deformation, present, temperature=0.2, alpha=0.5):
    larger = (deformation[None, :] > deformation[:, None]) & present[None, :]
    rank = larger.sum(dim=1)
    weight = torch.exp(-alpha * rank) * present
    logits = (similarity / temperature).masked_fill(~present[:, None], -1e4)
    term = logits.logsumexp(dim=0) - logits.diagonal()
    return (weight * term).sum() / weight.sum().clamp_min(1e-6)
