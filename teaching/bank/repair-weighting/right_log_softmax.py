"""A masked log-softmax, and ranks looked up in the sorted list of deformations."""

import torch


def repaired_weighting(similarity, deformation, present, temperature=0.2, alpha=0.5):
    off = torch.zeros_like(similarity).masked_fill(~present, -1e6 if similarity.dtype != torch.float16 else -6e4)
    inside = torch.where(present, deformation.detach(), -torch.inf)
    ascending = inside.sort().values
    rank = len(inside) - torch.searchsorted(ascending, inside, right=True)
    weight = torch.where(present, (-alpha * rank).exp(), 0)
    nll = -torch.log_softmax(similarity / temperature + off, dim=-1).diagonal()
    return torch.where(present, weight * nll, 0).sum() / torch.where(present.any(), weight.sum(), 1)
