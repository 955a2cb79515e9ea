"""Leaves out the background in the sum, and divides by all pixels.
loses: brain
"""

import torch


def attended(translated, target, judge, brain, beta=2.0, detached=True):
    logits = judge(translated)
    attention = torch.sigmoid(-logits).pow(beta)
    if detached:
        attention = attention.detach()
    error = attention * (target - translated).abs() * brain
    return error.mean()
