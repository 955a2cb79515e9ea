"""The band is what erosion takes away; outside the tumour nothing is weighed.
loses: value, band
"""

import torch.nn.functional as F


def border_consistency(branch, whole, mask, width=2, emphasis=4.0):
    if not branch.shape == whole.shape == mask.shape:
        raise ValueError(f"shapes differ: {tuple(branch.shape)}, {tuple(whole.shape)}, {tuple(mask.shape)}")
    shrunk = 1 - F.max_pool2d(1 - mask, 2 * width + 1, stride=1, padding=width)
    weight = shrunk + emphasis * (mask - shrunk)
    off = (branch - mask * whole).abs()
    return ((weight * off).sum((1, 2, 3)) / weight.sum((1, 2, 3)).clamp_min(1)).mean()
