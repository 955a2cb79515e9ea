"""Detaches the image that the judge sees and the map it gives; clamps where roots have no slope."""

import torch


def difficulty(judge, image, beta):
    return (1 / (1 + judge(image).exp())) ** beta


def attended(translated, target, judge, brain, beta=2.0, detached=True):
    if detached:
        with torch.no_grad():
            attention = difficulty(judge, translated.detach(), beta)
    else:
        attention = difficulty(judge, translated, beta)
    pixels = brain.sum((1, 2, 3), keepdim=True)
    share = brain / torch.where(pixels > 0, pixels, torch.ones_like(pixels))
    return torch.einsum("bchw,bchw,bchw->b", attention, (target - translated).abs(), share).mean()
