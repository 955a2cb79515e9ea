"""Forgets the erosion: the whole dilated tumour has the weight of the band.
loses: value, band
"""

import torch.nn.functional as F


def border_consistency(branch, whole, mask, width=2, emphasis=4.0):
    if not branch.shape == whole.shape == mask.shape:
        raise ValueError(f"shapes differ: {tuple(branch.shape)}, {tuple(whole.shape)}, {tuple(mask.shape)}")
    weight = emphasis * F.max_pool2d(mask, 2 * width + 1, stride=1, padding=width)
    off = (branch - mask * whole).abs()
    return ((weight * off).sum((1, 2, 3)) / weight.sum((1, 2, 3)).clamp_min(1)).mean()
