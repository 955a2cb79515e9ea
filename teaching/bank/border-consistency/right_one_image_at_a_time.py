"""One image after the other; those without tumour add nothing; steps of one pixel, `width` times."""

import torch
import torch.nn.functional as F


def border_consistency(branch, whole, mask, width=2, emphasis=4.0):
    if not branch.shape == whole.shape == mask.shape:
        raise ValueError(f"shapes differ: {tuple(branch.shape)}, {tuple(whole.shape)}, {tuple(mask.shape)}")
    total = 0 * branch.sum()
    for answer, image, inside in zip(branch, whole, mask, strict=True):
        if not inside.any():
            continue
        grown, shrunk = inside, inside
        for _ in range(width):
            grown = F.max_pool2d(grown, 3, 1, 1)
            shrunk = -F.max_pool2d(-shrunk, 3, 1, 1)
        weight = torch.where(shrunk > 0, 1.0, torch.where(grown > 0, emphasis, 0.0)).to(answer.dtype)
        total = total + (weight * (answer - inside * image).abs()).sum() / weight.sum()
    return total / len(branch)
