"""Divides the sum over the whole batch by all its brain: large brains outvote small ones.
loses: images
"""

import torch


def attended(translated, target, judge, brain, beta=2.0, detached=True):
    logits = judge(translated)
    attention = torch.sigmoid(-logits).pow(beta)
    if detached:
        attention = attention.detach()
    error = attention * (target - translated).abs() * brain
    return error.sum() / brain.sum().clamp_min(1)
