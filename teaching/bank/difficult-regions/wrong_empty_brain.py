"""Divides by the brain's size, which is 0 where an image has none.
loses: images
"""

import torch


def attended(translated, target, judge, brain, beta=2.0, detached=True):
    logits = judge(translated)
    attention = torch.sigmoid(-logits).pow(beta)
    if detached:
        attention = attention.detach()
    error = attention * (target - translated).abs() * brain
    return (error.sum(dim=(1, 2, 3)) / brain.sum(dim=(1, 2, 3))).mean()
