"""The small parts that the networks share."""

from __future__ import annotations

import torch
from torch import Tensor, nn

LEVEL, GAIN = 0.5, 4.0
"""Where a brain's grey values lie, and what brings their spread to about 1: images are divided by twice their
median."""


def contrast(images: Tensor) -> Tensor:
    """Images whose background is exactly 0 -> what differs from an average brain, any shape: (x - `LEVEL`) `GAIN`, the
    background as it is. Without it, the outline of the brain is nearly all that a network sees at first."""
    return (images - LEVEL) * GAIN * (images != 0)


def norm(channels: int, groups: int = 4) -> nn.GroupNorm:
    """Group normalisation: like batch normalisation, but no sample sees another (groups falls to what divides
    channels)."""
    while channels % groups:
        groups -= 1
    return nn.GroupNorm(groups, channels)


def conv_block(inputs: int, outputs: int) -> nn.Sequential:
    """Two 3x3 convolutions, each normalised and rectified; (B, inputs, H, W) -> (B, outputs, H, W)."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),
        norm(outputs),
        nn.LeakyReLU(0.1),
        nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
        norm(outputs),
        nn.LeakyReLU(0.1),
    )


def check_divisible(height: int, width: int, levels: int) -> None:
    """Raise ValueError if an image cannot be halved `levels` times."""
    if height % 2**levels or width % 2**levels:
        raise ValueError(
            f"an image of {height} x {width} pixels cannot be halved {levels} times; use multiples of {2**levels}"
        )


def keep_variance(network: nn.Module) -> None:
    """He initialisation for leaky ReLUs of slope 0.01, biases 0: for networks without normalisation, where torch's
    default would lose more than half of the signal at every layer."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, a=0.01)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


class ConditionalNorm(nn.Module):
    """Instance normalisation whose scale and shift belong to a code: (B, C, H, W) and (B,) -> (B, C, H, W).

    codes: how many codes there are. They are as far apart as can be from the start, signs included: with scales near 1,
    all codes begin as one, and the target that turns contrast round would turn it for the others too.
    """

    def __init__(self, channels: int, codes: int):
        super().__init__()
        self.norm = nn.InstanceNorm2d(channels)
        self.scale, self.shift = nn.Embedding(codes, channels), nn.Embedding(codes, channels)
        nn.init.normal_(self.scale.weight, 0.0, 1.0)
        nn.init.normal_(self.shift.weight, 0.0, 0.3)

    def forward(self, x: Tensor, code: Tensor) -> Tensor:
        return self.norm(x) * self.scale(code)[:, :, None, None] + self.shift(code)[:, :, None, None]


class SteeredNorm(ConditionalNorm):
    """A `ConditionalNorm` whose scale and shift also follow an order (B, `orders`): what is wanted of what was seen."""

    def __init__(self, channels: int, codes: int, orders: int):
        super().__init__(channels, codes)
        self.order = nn.Linear(orders, 2 * channels)
        nn.init.normal_(self.order.weight, 0.0, 0.2)
        nn.init.zeros_(self.order.bias)

    def forward(self, x: Tensor, code: Tensor, order: Tensor) -> Tensor:
        steered = torch.cat([self.scale(code), self.shift(code)], dim=1) + self.order(order)  # (B, 2 C)
        scale, shift = steered[:, :, None, None].chunk(2, dim=1)
        return self.norm(x) * scale + shift
