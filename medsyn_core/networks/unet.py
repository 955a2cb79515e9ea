"""U-Net and its ancestor without skip features, the FCN."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from medsyn_core.networks.blocks import check_divisible, conv_block


class UNet(nn.Module):
    """U-Net (Ronneberger et al., 2015) for image synthesis: (B, inputs, H, W) -> (B, outputs, H, W), linear at
    the end.

    width: channels at full resolution, doubled a level; levels: down-samplings. H and W must be multiples of
    2**levels.
    """

    def __init__(self, inputs: int = 1, outputs: int = 1, width: int = 16, levels: int = 3):
        super().__init__()
        widths = [width * 2**k for k in range(levels + 1)]
        self.down = nn.ModuleList(conv_block(a, b) for a, b in zip([inputs, *widths], widths, strict=False))
        self.up = nn.ModuleList(nn.ConvTranspose2d(2 * w, w, 2, stride=2) for w in reversed(widths[:-1]))
        self.merge = nn.ModuleList(conv_block(2 * w, w) for w in reversed(widths[:-1]))
        self.head = nn.Conv2d(width, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        check_divisible(*x.shape[-2:], len(self.up))
        skips = []
        for k, block in enumerate(self.down):
            x = block(F.max_pool2d(x, 2) if k else x)  # (B, width * 2**k, H / 2**k, W / 2**k)
            skips.append(x)
        skips.pop()
        for up, merge in zip(self.up, self.merge, strict=True):
            x = merge(torch.cat([up(x), skips.pop()], dim=1))  # twice the size, half the channels
        return self.head(x)  # (B, outputs, H, W)


class FCN(nn.Module):
    """Fully convolutional network (Long et al., 2015): scores of every scale, upsampled and summed.

    (B, inputs, H, W) -> (B, outputs, H, W), linear at the end. No feature of a fine scale meets one of a coarse
    scale, only their scores do. It is the Dual-D paper's FCN baseline and, with `levels=3`, its dense local
    discriminator.
    """

    def __init__(self, inputs: int = 1, outputs: int = 1, width: int = 16, levels: int = 3):
        super().__init__()
        widths = [width * 2**k for k in range(levels + 1)]
        self.down = nn.ModuleList(conv_block(a, b) for a, b in zip([inputs, *widths], widths, strict=False))
        self.scores = nn.ModuleList(nn.Conv2d(w, outputs, 1) for w in widths[1:])  # strides 2, 4, …: none at full size

    def forward(self, x: Tensor) -> Tensor:
        size = x.shape[-2:]
        check_divisible(*size, len(self.scores))
        scores = []
        x = self.down[0](x)
        for block, score in zip(self.down[1:], self.scores, strict=True):
            x = block(F.max_pool2d(x, 2))  # half the size, twice the channels
            scores.append(score(x))
        total = scores.pop()
        while scores:  # coarse to fine
            finer = scores.pop()
            total = finer + F.interpolate(total, size=finer.shape[-2:], mode="bilinear", align_corners=False)
        return F.interpolate(total, size=size, mode="bilinear", align_corners=False)  # (B, outputs, H, W)
