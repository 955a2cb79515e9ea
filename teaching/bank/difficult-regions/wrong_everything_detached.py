"""Detaches the translated image at the door: nothing is left to train.
loses: detached, leak
"""

import torch


def attended(translated, target, judge, brain, beta=2.0, detached=True):
    translated = translated.detach()
    logits = judge(translated)
    attention = torch.sigmoid(-logits).pow(beta)
    if detached:
        attention = attention.detach()
    error = attention * (target - translated).abs() * brain
    return (error.sum(dim=(1, 2, 3)) / brain.sum(dim=(1, 2, 3)).clamp_min(1)).mean()
