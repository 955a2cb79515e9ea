"""Raises M to the power and subtracts then: 1 - M^beta.
loses: value, plain, brain, detached, sure
"""

import torch


def attended(translated, target, judge, brain, beta=2.0, detached=True):
    logits = judge(translated)
    attention = 1 - torch.sigmoid(logits).pow(beta)
    if detached:
        attention = attention.detach()
    error = attention * (target - translated).abs() * brain
    return (error.sum(dim=(1, 2, 3)) / brain.sum(dim=(1, 2, 3)).clamp_min(1)).mean()
