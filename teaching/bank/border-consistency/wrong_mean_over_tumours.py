"""The mean runs over slices with a tumour, so a slice without one makes the others dearer.
loses: blank
"""

import torch.nn.functional as F


def border_consistency(branch, whole, mask, width=2, emphasis=4.0):
    if not branch.shape == whole.shape == mask.shape:
        raise ValueError(f"shapes differ: {tuple(branch.shape)}, {tuple(whole.shape)}, {tuple(mask.shape)}")
    window = 2 * width + 1
    grown = F.max_pool2d(mask, window, stride=1, padding=width)
    shrunk = 1 - F.max_pool2d(1 - mask, window, stride=1, padding=width)
    weight = shrunk + emphasis * (grown - shrunk)
    off = (branch - mask * whole).abs()
    each = (weight * off).sum((1, 2, 3)) / weight.sum((1, 2, 3)).clamp_min(1)
    shows = mask.amax((1, 2, 3))
    return (shows * each).sum() / shows.sum().clamp_min(1)
