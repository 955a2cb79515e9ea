"""Treats the whole image as a teacher: it is detached, so the global branch learns nothing.
loses: gradient
"""

import torch.nn.functional as F


def border_consistency(branch, whole, mask, width=2, emphasis=4.0):
    if not branch.shape == whole.shape == mask.shape:
        raise ValueError(f"shapes differ: {tuple(branch.shape)}, {tuple(whole.shape)}, {tuple(mask.shape)}")
    window = 2 * width + 1
    grown = F.max_pool2d(mask, window, stride=1, padding=width)
    shrunk = 1 - F.max_pool2d(1 - mask, window, stride=1, padding=width)
    weight = shrunk + emphasis * (grown - shrunk)
    off = (branch - mask * whole.detach()).abs()
    return ((weight * off).sum((1, 2, 3)) / weight.sum((1, 2, 3)).clamp_min(1)).mean()
