"""In logarithms: beta times the log-sigmoid of minus the logits; no graph is kept where none is wanted."""

import torch
import torch.nn.functional as F


def attended(translated, target, judge, brain, beta=2.0, detached=True):
    with torch.set_grad_enabled(torch.is_grad_enabled() and not detached):
        weight = torch.exp(beta * F.logsigmoid(-judge(translated)))
    weighted = torch.where(brain > 0, weight * (translated - target).abs(), 0)
    inside = (brain > 0).flatten(1).sum(1)
    return (weighted.flatten(1).sum(1) / inside.clamp_min(1)).mean()
