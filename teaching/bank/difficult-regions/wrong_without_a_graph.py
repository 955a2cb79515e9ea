"""Computes everything without a graph, as one does when one measures.
loses: scalar, detached, leak
"""

import torch


@torch.no_grad()
def attended(translated, target, judge, brain, beta=2.0, detached=True):
    logits = judge(translated)
    attention = torch.sigmoid(-logits).pow(beta)
    if detached:
        attention = attention.detach()
    error = attention * (target - translated).abs() * brain
    return (error.sum(dim=(1, 2, 3)) / brain.sum(dim=(1, 2, 3)).clamp_min(1)).mean()
