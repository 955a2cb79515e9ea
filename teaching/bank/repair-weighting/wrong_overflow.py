"""Takes exponentials before the logarithm, which overflows at a low temperature.
loses: finite
"""

import torch


def repaired_weighting(similarity, deformation, present, temperature=0.2, alpha=0.5):
    larger = (deformation[None, :] > deformation[:, None]) & present[None, :]
    rank = larger.sum(dim=1)
    weight = torch.exp(-alpha * rank) * present
    shares = (similarity / temperature).exp() * present[None, :]
    below = torch.where(present, shares.sum(dim=1), 1)
    term = below.log() - (similarity / temperature).diagonal()
    return (weight * term).sum() / weight.sum().clamp_min(1e-6)
