"""The small parts that the networks share."""

from __future__ import annotations

from torch import Tensor, nn


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

    codes: how many codes there are; they differ from the start, so that the first step already tells them apart.
    """

    def __init__(self, channels: int, codes: int):
        super().__init__()
        self.norm = nn.InstanceNorm2d(channels)
        self.scale, self.shift = nn.Embedding(codes, channels), nn.Embedding(codes, channels)
        nn.init.normal_(self.scale.weight, 1.0, 0.1)
        nn.init.normal_(self.shift.weight, 0.0, 0.1)

    def forward(self, x: Tensor, code: Tensor) -> Tensor:
        return self.norm(x) * self.scale(code)[:, :, None, None] + self.shift(code)[:, :, None, None]
