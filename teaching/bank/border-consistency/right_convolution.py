"""Dilation and erosion by counting neighbours with a convolution."""

import torch
import torch.nn.functional as F


def border_consistency(branch, whole, mask, width=2, emphasis=4.0):
    if not branch.shape == whole.shape == mask.shape:
        raise ValueError(f"shapes differ: {tuple(branch.shape)}, {tuple(whole.shape)}, {tuple(mask.shape)}")
    ones = torch.ones(1, 1, 2 * width + 1, 2 * width + 1, dtype=mask.dtype)
    count = F.conv2d(mask, ones, padding=width)
    interior = (count == ones.numel()).to(mask.dtype)
    border = (count > 0).to(mask.dtype) - interior
    weight = interior + emphasis * border
    error = torch.abs(branch - torch.where(mask > 0, whole, torch.zeros_like(whole)))
    total = torch.einsum("bchw,bchw->b", weight, error)
    area = torch.einsum("bchw->b", weight)
    return torch.where(area > 0, total / torch.clamp(area, min=1), torch.zeros_like(total)).mean()
