"""The small parts that the networks share."""

from __future__ import annotations

from torch import nn


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
