"""D²-Net's codes: what an axial slice says of its modality, and what the modalities say of the classes."""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from medsyn_core.networks.blocks import keep_variance


class SliceEncoders(nn.Module):
    """E_M: every axial slice of every modality -> a code, and the feature maps on the way to it.

    (B, M, D, H, W) -> codes (B, M, D, size) and three maps (B, M, D, C_l, H / 2**l, W / 2**l). Four strided
    convolutions, then the average over the slice. No normalisation: how bright and how contrasted a slice is tells its
    modality. encoders: 1 for all modalities, or as many as there are. With one of its own, each modality could answer a
    constant, and the contrastive losses would be met without a look at the image.
    """

    def __init__(self, width: int, size: int, encoders: int = 1):
        super().__init__()
        widths = [1, width, 2 * width, 4 * width, size]
        self.stacks = nn.ModuleList(
            nn.ModuleList(nn.Conv2d(a, b, 3, stride=2, padding=1) for a, b in pairwise(widths)) for _ in range(encoders)
        )
        keep_variance(self)

    def forward(self, images: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        slices = images.shape[2]
        found = []
        for m, image in enumerate(images.unbind(dim=1)):  # (B, D, H, W) each
            x, maps = image.flatten(0, 1)[:, None], []  # (B * D, 1, H, W)
            *first, last = self.stacks[m % len(self.stacks)]
            for convolution in first:
                x = F.leaky_relu(convolution(x), 0.01)
                maps.append(x)
            found.append((last(x).mean(dim=(2, 3)), *maps))  # no rectifier: a cosine may become negative
        levels = [[x.unflatten(0, (-1, slices)) for x in level] for level in zip(*found, strict=True)]
        codes, *maps = (torch.stack(level, dim=1) for level in levels)  # (B, M, D, ...) each
        return codes, tuple(maps)


class ClassProjection(nn.Module):
    """E_TM: codes of M modalities -> codes of C classes, (B, M, D, size) -> (B, C, D, size).

    Three 1 x 1 x 1 convolutions over the modality axis; nothing bends between them, so that the whole is the linear
    transformation that the paper speaks of.
    """

    def __init__(self, modalities: int, classes: int, hidden: int = 16):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(modalities, hidden, 1), nn.Conv2d(hidden, hidden, 1), nn.Conv2d(hidden, classes, 1)
        )

    def forward(self, codes: Tensor) -> Tensor:
        return self.layers(codes)
