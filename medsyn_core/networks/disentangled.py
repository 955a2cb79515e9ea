"""DRIT++'s parts, as HiFi-Syn uses them: what is where (content) apart from what it looks like (attribute).

Modalities are numbers, 0 and 1. Each has its own encoders, generator and critic; the last content block and the first
generator block are shared, so that both modalities' content lives in one space (Lee et al., 2020). `halvings` says how
much smaller content is than an image, h = H / 2**halvings, and that it has C = width * 2**halvings channels; the
paper's 2 and 64 make 54 x 54 x 256 of 216 x 216 pixels.
"""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from medsyn_core.networks.blocks import check_divisible, keep_variance


class ContentEncoders(nn.Module):
    """(B, 1, H, W) of one modality -> content (B, C, h, w).

    Instance normalisation on the way down takes away what a whole image has in common, brightness and contrast: that is
    attribute. The blocks after it normalise over channels too, or the mean of every channel would be the same for all
    images and the global comparison (hifi-12) would have nothing to compare.
    """

    def __init__(self, width: int, halvings: int, modalities: int = 2, blocks: int = 2):
        super().__init__()
        self.halvings = halvings
        self.own = nn.ModuleList(_stem(width, halvings, nn.InstanceNorm2d, blocks - 1) for _ in range(modalities))
        self.shared = Residual(width * 2**halvings)

    def forward(self, image: Tensor, modality: int) -> Tensor:
        check_divisible(*image.shape[-2:], self.halvings)
        return self.shared(self.own[modality](image))


class AttributeEncoders(nn.Module):
    """(B, 1, H, W) of one modality -> a code (B, size), and what it is the average of: (B, C, h, w).

    Without normalisation, which would take the attribute away. typical: (modalities, size), a running mean of codes:
    the attribute to use where no example image is at hand. `remember` moves it; no gradient does.
    """

    def __init__(self, width: int, halvings: int, modalities: int = 2, size: int = 8):
        super().__init__()
        self.trunks = nn.ModuleList(_stem(width, halvings, None, 0) for _ in range(modalities))
        self.heads = nn.ModuleList(nn.Linear(width * 2**halvings, size) for _ in range(modalities))
        keep_variance(self)
        self.register_buffer("typical", torch.zeros(modalities, size))

    def forward(self, image: Tensor, modality: int) -> tuple[Tensor, Tensor]:
        local = self.trunks[modality](image)  # (B, C, h, w)
        return self.heads[modality](local.mean(dim=(2, 3))), local

    @torch.no_grad()  # a running mean
    def remember(self, modality: int, codes: Tensor, keep: float = 0.98) -> None:
        """Move the typical code of a modality towards the mean of `codes` (B, size)."""
        self.typical[modality] = keep * self.typical[modality] + (1 - keep) * codes.float().mean(dim=0)


class Generators(nn.Module):
    """Content and what the memory says of it, (B, C, h, w) each, and a code (B, size) -> an image (B, 1, H, W).

    Content and memory are stacked, as the paper says; the code sets scale and shift after every normalisation (AdaIN).
    """

    def __init__(self, width: int, halvings: int, modalities: int = 2, size: int = 8, blocks: int = 2):
        super().__init__()
        channels = width * 2**halvings
        self.mix = nn.Conv2d(2 * channels, channels, 3, padding=1)
        self.shared = Residual(channels)
        self.blocks = nn.ModuleList(
            nn.ModuleList(AdaptiveResidual(channels, size) for _ in range(blocks)) for _ in range(modalities)
        )
        self.heads = nn.ModuleList(_head(width, halvings) for _ in range(modalities))

    def forward(self, content: Tensor, memory: Tensor, code: Tensor, modality: int) -> Tensor:
        x = self.shared(content + self.mix(torch.cat([content, memory.to(content.dtype)], dim=1)))
        for block in self.blocks[modality]:
            x = block(x, code)
        return self.heads[modality](x)


class DomainCritics(nn.Module):
    """(B, 1, H, W) -> a map of logits: does each patch look like an image of this modality?

    A critic a modality; width channels after the first of `levels` halvings, doubled with each.
    """

    def __init__(self, width: int, modalities: int = 2, levels: int = 3):
        super().__init__()
        widths = [1, *(width * 2**k for k in range(levels))]
        self.levels = levels
        self.critics = nn.ModuleList()
        for _ in range(modalities):
            stages = [nn.Conv2d(a, b, 4, stride=2, padding=1) for a, b in pairwise(widths)]
            layers = [layer for stage in stages for layer in (stage, nn.LeakyReLU(0.01))]
            self.critics.append(nn.Sequential(*layers, nn.Conv2d(widths[-1], 1, 1)))
        keep_variance(self)

    def forward(self, image: Tensor, modality: int) -> Tensor:
        check_divisible(*image.shape[-2:], self.levels)
        return self.critics[modality](image)


class ContentCritic(nn.Module):
    """Content (B, C, h, w) -> a logit (B, 1): which of two modalities is it from?

    Changed: the paper's chain of 7 x 7 convolutions ends in one number only at 54 x 54; here three strided ones and an
    average, for any size.
    """

    def __init__(self, channels: int):
        super().__init__()
        layers: list[nn.Module] = []
        for _ in range(3):
            layers += [nn.Conv2d(channels, channels, 3, stride=2, padding=1), nn.LeakyReLU(0.2)]
        self.features = nn.Sequential(*layers)
        self.head = nn.Linear(channels, 1)

    def forward(self, content: Tensor) -> Tensor:
        return self.head(self.features(content).mean(dim=(2, 3)))


class Residual(nn.Module):
    """Two 3 x 3 convolutions beside a short cut, (B, C, h, w) -> the same."""

    def __init__(self, channels: int):
        super().__init__()
        self.convolutions = nn.ModuleList(_convolution(channels) for _ in range(2))
        self.norms = nn.ModuleList(self.norm(channels) for _ in range(2))

    @staticmethod
    def norm(channels: int) -> nn.Module:
        """One statistic a sample."""
        return nn.GroupNorm(1, channels)

    def forward(self, x: Tensor) -> Tensor:
        (one, two), (first, second) = self.convolutions, self.norms
        return x + second(two(F.relu(first(one(x)))))


class AdaptiveResidual(Residual):
    """As `Residual`, each normalisation followed by a scale and a shift that a code (B, size) sets (AdaIN)."""

    def __init__(self, channels: int, size: int):
        super().__init__(channels)
        self.style = nn.Sequential(nn.Linear(size, channels), nn.ReLU(), nn.Linear(channels, 4 * channels))

    @staticmethod
    def norm(channels: int) -> nn.Module:
        """One statistic a sample and channel: the code sets what this takes away."""
        return nn.InstanceNorm2d(channels)

    def forward(self, x: Tensor, code: Tensor) -> Tensor:
        (one, two), (first, second) = self.convolutions, self.norms
        scale, shift, last_scale, last_shift = self.style(code)[..., None, None].chunk(4, dim=1)  # (B, C, 1, 1) each
        inner = F.relu(first(one(x)) * (1 + scale) + shift)
        return x + second(two(inner)) * (1 + last_scale) + last_shift


def _convolution(channels: int) -> nn.Conv2d:
    return nn.Conv2d(channels, channels, 3, padding=1, padding_mode="reflect", bias=False)


def _stem(width: int, halvings: int, norm: type[nn.Module] | None, blocks: int) -> nn.Sequential:
    """(B, 1, H, W) -> (B, C, h, w)."""
    widths = [width * 2**k for k in range(halvings + 1)]
    layers: list[nn.Module] = []
    for a, b in pairwise([1, *widths]):
        layers.append(nn.Conv2d(a, b, 7, padding=3) if a == 1 else nn.Conv2d(a, b, 4, stride=2, padding=1))
        layers += ([norm(b)] if norm else []) + [nn.LeakyReLU(0.01)]
    return nn.Sequential(*layers, *(Residual(widths[-1]) for _ in range(blocks)))


def _head(width: int, halvings: int) -> nn.Sequential:
    """(B, C, h, w) -> (B, 1, H, W)."""
    widths = [width * 2**k for k in range(halvings, -1, -1)]
    layers: list[nn.Module] = []
    for a, b in pairwise(widths):
        layers += [nn.Upsample(scale_factor=2), nn.Conv2d(a, b, 5, padding=2), nn.GroupNorm(1, b), nn.ReLU()]
    return nn.Sequential(*layers, nn.Conv2d(width, 1, 7, padding=3))
