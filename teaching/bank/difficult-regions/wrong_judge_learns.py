"""Detaches the image that the judge sees in place of the map, so that the judge is still trained.
loses: detached, leak
"""

import torch


def attended(translated, target, judge, brain, beta=2.0, detached=True):
    logits = judge(translated.detach())
    attention = torch.sigmoid(-logits).pow(beta)
    error = attention * (target - translated).abs() * brain
    return (error.sum(dim=(1, 2, 3)) / brain.sum(dim=(1, 2, 3)).clamp_min(1)).mean()
