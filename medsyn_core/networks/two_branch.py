"""UTAD-Net's generator: a global and a local encoder-decoder with fused features, steered by a modality code and by
what the global encoder has seen."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from medsyn_core.networks.blocks import GAIN, LEVEL, SteeredNorm, check_divisible, contrast, keep_variance

STRUCTURES = {
    "full": (True, True),
    "global": (False, False),
    "no_local_encoder": (False, True),
    "no_local_decoder": (True, False),
}
"""The student's four structures (the paper's figure 4): has it a local encoder, a local decoder?"""


class Encoder(nn.Module):
    """(B, 1, H, W) -> one feature map a level, fine to coarse: (B, width * 2**k, H / 2**k, W / 2**k).

    It does not see the target's code: what it finds is anatomy. Nor does it normalise, as the public code does: most of
    a slice is background, and of a tumour image nearly all, so instance statistics would measure how much is black.
    """

    def __init__(self, width: int, levels: int):
        super().__init__()
        widths = [width * 2**k for k in range(levels + 1)]
        self.blocks = nn.ModuleList(_plain_block(a, b) for a, b in zip([1, *widths], widths, strict=False))

    def forward(self, x: Tensor) -> list[Tensor]:
        features = []
        for k, block in enumerate(self.blocks):
            x = block(F.max_pool2d(x, 2) if k else x)
            features.append(x)
        return features


class Fusion(nn.Module):
    """Hi-Net's first fusion block (Zhou et al., 2020): sum, product and maximum of two feature maps, stacked and mixed.

    (B, C, h, w) twice -> (B, C, h, w). Changed: each sample is normalised by itself where Hi-Net takes batch
    statistics, which would let one patient's translation depend on another's. Without any, products of features grow
    without bound and a distance between two networks' features means nothing.
    """

    def __init__(self, channels: int):
        super().__init__()
        self.mix = nn.Sequential(
            nn.Conv2d(3 * channels, channels, 3, padding=1, bias=False),
            nn.InstanceNorm2d(channels, affine=True),
            nn.LeakyReLU(0.01),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.InstanceNorm2d(channels, affine=True),
            nn.LeakyReLU(0.01),
        )

    def forward(self, whole: Tensor, local: Tensor) -> Tensor:
        return self.mix(torch.cat([whole + local, whole * local, torch.maximum(whole, local)], dim=1))


class Steering(nn.Module):
    """What the decoders are told: coarse features (B, C, h, w) of the source and the target's code (B,) -> (B, orders).

    Dark fluid is a T1 or a FLAIR: towards T2 it has to become bright, and where it already is, it has to stay. A
    feature at full resolution sees little of the brain and cannot tell; the pooled coarse features can.
    """

    def __init__(self, channels: int, codes: int, orders: int = 32):
        super().__init__()
        self.orders = orders
        self.wanted = nn.Embedding(codes, orders)
        self.seen = nn.Sequential(nn.LayerNorm(channels), nn.Linear(channels, orders), nn.LeakyReLU(0.01))
        self.mix = nn.Sequential(nn.Linear(2 * orders, orders), nn.LeakyReLU(0.01))

    def forward(self, features: Tensor, code: Tensor) -> Tensor:
        pooled = features.float().mean(dim=(2, 3))  # (B, C)
        return self.mix(torch.cat([self.seen(pooled), self.wanted(code)], dim=1))


class Decoder(nn.Module):
    """Coarse and finer features -> an image (B, 1, H, W) in the modality of `code`.

    Every level halves the channels, doubles the size and adds the skip. Code and order set scale and shift after every
    normalisation. As a constant plane at the input, where the paper's public code has it, instance normalisation would
    subtract the code again.
    """

    def __init__(self, width: int, levels: int, codes: int, orders: int):
        super().__init__()
        widths = [width * 2**k for k in range(levels + 1)]
        self.narrow = nn.ModuleList(nn.Conv2d(2 * w, w, 1) for w in reversed(widths[:-1]))
        self.blocks = nn.ModuleList(_SteeredBlock(2 * w, w, codes, orders) for w in reversed(widths[:-1]))
        self.head = nn.Conv2d(width, 1, 1)

    def forward(self, coarse: Tensor, finer: list[Tensor], code: Tensor, order: Tensor) -> Tensor:
        x = coarse
        for narrow, block, skip in zip(self.narrow, self.blocks, reversed(finer), strict=True):
            x = F.interpolate(narrow(x), scale_factor=2, mode="bilinear", align_corners=False)
            x = block(torch.cat([x, skip], dim=1), code, order)  # twice the size, half the channels
        with torch.autocast(x.device.type, enabled=False):
            return self.head(x.float())  # rounded to bf16, dark fluid would be exactly 0, which means background


class Encoded(NamedTuple):
    """features: (B, C, h, w), and the finer ones, fine to coarse: fused where there is a local encoder; seen: (B, C, h,
    w), the global encoder's own."""

    features: Tensor
    finer: list[Tensor]
    seen: Tensor


class Translation(NamedTuple):
    """image: (B, 1, H, W) whole; tumour: (B, 1, H, W) of the local branch, None without one; features: (B, C, h, w)
    fused, or the global encoder's last where nothing is fused."""

    image: Tensor
    tumour: Tensor | None
    features: Tensor


class TwoBranch(nn.Module):
    """Whole image and local image (B, 1, H, W), target code (B,) -> `Translation`.

    width: channels at full resolution, doubled a level; levels: down-samplings; codes: modalities. Without the local
    encoder nothing is fused; without the local decoder there is no translated tumour (the paper's figure 4). Features
    are fused at every level, and both decoders are fed by them: with a fused bottleneck alone (the paper's public code)
    the whole image is told of a tumour through the coarsest grid only. Modalities are aligned and skull-stripped, so
    what is background (exactly 0) in the whole image is 0 in both answers. Encoders see images as differences from an
    average brain (`contrast`), and answers are given as such.
    """

    def __init__(
        self, width: int = 16, levels: int = 3, codes: int = 4, local_encoder: bool = True, local_decoder: bool = True
    ):
        super().__init__()
        self.levels = levels
        coarsest = width * 2**levels
        decoder = lambda: Decoder(width, levels, codes, self.steering.orders)
        self.steering = Steering(coarsest, codes)
        self.global_encoder, self.global_decoder = Encoder(width, levels), decoder()
        self.local_encoder = Encoder(width, levels) if local_encoder else None
        self.fusion = nn.ModuleList(Fusion(width * 2**k) for k in range(levels + 1)) if local_encoder else None
        self.local_decoder = decoder() if local_decoder else None
        keep_variance(self)
        for each in filter(None, (self.global_decoder, self.local_decoder)):
            nn.init.normal_(each.head.weight, std=0.05)  # first answers near an average brain: nothing to unlearn

    def encode(self, whole: Tensor, local: Tensor) -> Encoded:
        """What both encoders find in a whole and a local image (B, 1, H, W)."""
        check_divisible(*whole.shape[-2:], self.levels)
        found = self.global_encoder(contrast(whole))
        seen = found[-1]
        if self.local_encoder is not None:
            pairs = zip(found, self.local_encoder(contrast(local)), strict=True)
            found = [fuse(*pair) for fuse, pair in zip(self.fusion, pairs, strict=True)]
        return Encoded(found[-1], found[:-1], seen)

    def forward(self, whole: Tensor, local: Tensor, code: Tensor) -> Translation:
        found = self.encode(whole, local)
        told = found.features, found.finer, code, self.steering(found.seen, code)
        brain = (whole != 0).to(whole.dtype)
        image = (LEVEL + self.global_decoder(*told) / GAIN) * brain
        tumour = None
        if self.local_decoder is not None:
            tumour = (LEVEL + self.local_decoder(*told) / GAIN) * brain
        return Translation(image, tumour, found.features)


def _plain_block(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1),
        nn.LeakyReLU(0.01),
        nn.Conv2d(outputs, outputs, 3, padding=1),
        nn.LeakyReLU(0.01),
    )


class _SteeredBlock(nn.Module):
    def __init__(self, inputs: int, outputs: int, codes: int, orders: int):
        super().__init__()
        self.convolutions = nn.ModuleList(nn.Conv2d(a, outputs, 3, padding=1, bias=False) for a in (inputs, outputs))
        self.norms = nn.ModuleList(SteeredNorm(outputs, codes, orders) for _ in range(2))

    def forward(self, x: Tensor, code: Tensor, order: Tensor) -> Tensor:
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            x = F.leaky_relu(norm(convolution(x), code, order), 0.01)
        return x
