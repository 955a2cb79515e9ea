"""D²-Net's 3D networks: one encoder, decoders with its skips, and the small ones between them.

Volumes are (B, channels, D, H, W), D the axial slices. A level halves every axis; level k has width * 2**k channels in
the encoder and half as many in a decoder, which at the paper's size (128³, width 8, five levels) gives the feature maps
it lists: 64 channels of 8³ up to 8 of 64³.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from medsyn_core.networks.blocks import norm

SLOPE = 0.01


class Encoder3d(nn.Module):
    """E_T: stacked modalities (B, M, D, H, W) -> the coarse tumour feature z and what decoders skip to.

    z: (B, features, d, h, w) with d = D / 2**levels; skips: fine to coarse, (B, width * 2**k, D / 2**k, …), k below
    `levels`.
    """

    def __init__(self, modalities: int, width: int, levels: int, features: int):
        super().__init__()
        self.levels = levels
        widths = [width * 2**k for k in range(levels + 1)]
        self.blocks = nn.ModuleList([_convolution(modalities, width)])
        for a, b in pairwise(widths):
            self.blocks.append(nn.Sequential(_convolution(a, b, stride=2), _convolution(b, b)))
        self.narrow = nn.Conv3d(widths[-1], features, 1)

    def forward(self, images: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        check_cube(images.shape[-3:], self.levels)
        skips, x = [], images
        for block in self.blocks:
            x = block(x)
            skips.append(x)
        return self.narrow(skips.pop()), tuple(skips)


class Decoded(NamedTuple):
    """output: (B, channels, D, H, W) at full size; layers: the decoder's feature maps, coarse to fine, the last one at
    full size."""

    output: Tensor
    layers: tuple[Tensor, ...]


class Decoder3d(nn.Module):
    """Coarse features (B, features, d, h, w) and the encoder's skips -> an output of full size.

    code: length of a vector that sets scale and shift after every normalisation (AdaIN), 0 for none; shrink: how many
    times fewer channels it has (the compressed student of the paper's table IX).
    """

    def __init__(self, features: int, width: int, levels: int, outputs: int, code: int = 0, shrink: int = 1):
        super().__init__()
        skips = [width * 2**k for k in reversed(range(levels))]  # coarse to fine
        self.widths = [max(1, width * 2 ** max(k - 1, 0) // shrink) for k in reversed(range(levels))]
        inputs = [features, *self.widths]
        shapes = list(zip(inputs, skips, self.widths, strict=False))
        # At full size, where a convolution costs most, one has to do.
        self.blocks = nn.ModuleList(
            _Block(a + s, b, code, 1 if k == levels - 1 else 2) for k, (a, s, b) in enumerate(shapes)
        )
        self.head = nn.Conv3d(self.widths[-1], outputs, 1)

    def forward(self, coarse: Tensor, skips: tuple[Tensor, ...], code: Tensor | None = None) -> Decoded:
        x, layers = coarse, []
        for block, skip in zip(self.blocks, reversed(skips), strict=True):
            x = F.interpolate(x, size=skip.shape[-3:], mode="trilinear", align_corners=False)
            x = block(torch.cat([x, skip], dim=1), code)
            layers.append(x)
        return Decoded(self.head(x), tuple(layers))


class AdaIN3d(nn.Module):
    """Instance normalisation whose scale and shift a code sets: (B, C, D, H, W) and (B, size) -> (B, C, D, H, W).

    Adaptive instance normalisation (Huang and Belongie, 2017), scale and shift being a linear function of the code.
    """

    def __init__(self, channels: int, size: int):
        super().__init__()
        self.norm = nn.InstanceNorm3d(channels)
        self.style = nn.Linear(size, 2 * channels)

    def forward(self, x: Tensor, code: Tensor) -> Tensor:
        scale, shift = self.style(code)[..., None, None, None].chunk(2, dim=1)  # (B, C, 1, 1, 1) each
        return self.norm(x) * (1 + scale) + shift


class ModalityContent(nn.Module):
    """E_R: the tumour feature in the light of a code: (B, features, d, h, w) and (B, size) -> the same shape.

    Four residual 3 x 3 x 3 convolutions, each followed by AdaIN.
    """

    def __init__(self, features: int, size: int, blocks: int = 4):
        super().__init__()
        self.convolutions = nn.ModuleList(
            nn.Conv3d(features, features, 3, padding=1, bias=False) for _ in range(blocks)
        )
        self.norms = nn.ModuleList(AdaIN3d(features, size) for _ in range(blocks))

    def forward(self, z: Tensor, code: Tensor) -> Tensor:
        for convolution, adapt in zip(self.convolutions, self.norms, strict=True):
            z = z + F.leaky_relu(adapt(convolution(z), code), SLOPE)
        return z


class Fusion3d(nn.Module):
    """Class features side by side, (B, classes * features, d, h, w), -> holistic features (B, features, d, h, w).

    Two convolutions and a squeeze-and-excitation of their channels (Hu et al., 2018). The last is normalised over all
    channels together: normalised each by itself, they would have one mean, and nothing were left to squeeze.
    """

    def __init__(self, classes: int, features: int):
        super().__init__()
        self.mix = nn.Sequential(
            _convolution(classes * features, classes * features),
            nn.Conv3d(classes * features, features, 3, padding=1, bias=False),
            norm(features, groups=1),
            nn.LeakyReLU(SLOPE),
        )
        self.excite = nn.Sequential(
            nn.Linear(features, features), nn.ReLU(), nn.Linear(features, features), nn.Sigmoid()
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.mix(x)
        return x * self.excite(x.mean(dim=(2, 3, 4)))[..., None, None, None]


class SideClassifiers(nn.Module):
    """The auxiliary classifier beside each feature map: (B, C_l, …) of every layer -> logits (B, outputs, …) of its
    size. Two 1 x 1 x 1 convolutions: it is to read a map, not to see more of it."""

    def __init__(self, widths: list[int], outputs: int):
        super().__init__()
        self.heads = nn.ModuleList(
            nn.Sequential(nn.Conv3d(w, w, 1), nn.LeakyReLU(SLOPE), nn.Conv3d(w, outputs, 1)) for w in widths
        )

    def forward(self, layers: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return tuple(head(layer) for head, layer in zip(self.heads, layers, strict=True))


class _Block(nn.Module):
    """3 x 3 x 3 convolutions, each normalised, by the code where there is one, and rectified; the first narrows."""

    def __init__(self, inputs: int, outputs: int, code: int, depth: int):
        super().__init__()
        pairs = [(inputs, outputs), (outputs, outputs)][:depth]
        self.convolutions = nn.ModuleList(nn.Conv3d(a, b, 3, padding=1, bias=False) for a, b in pairs)
        self.norms = nn.ModuleList(AdaIN3d(outputs, code) if code else norm(outputs) for _ in pairs)

    def forward(self, x: Tensor, code: Tensor | None) -> Tensor:
        for convolution, normalise in zip(self.convolutions, self.norms, strict=True):
            x = convolution(x)
            x = F.leaky_relu(normalise(x) if code is None else normalise(x, code), SLOPE)
        return x


def _convolution(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv3d(inputs, outputs, 3, stride=stride, padding=1, bias=False), norm(outputs), nn.LeakyReLU(SLOPE)
    )


def check_cube(size: tuple[int, int, int], levels: int) -> None:
    """Raise ValueError if a volume cannot be halved `levels` times."""
    if any(side % 2**levels for side in size):
        raise ValueError(
            f"a volume of {' x '.join(map(str, size))} voxels cannot be halved {levels} times; "
            f"use multiples of {2**levels}"
        )
