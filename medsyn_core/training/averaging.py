"""The average of a network's weights over the end of its training."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

LATE = 3
"""The larger, the more the last steps count: 0 is the mean over all; 3 has half of its weight in the last sixth."""


def averaged(network: nn.Module) -> AveragedModel:
    """A copy of a network that becomes the average of its weights: `update_parameters(network)` after every step.

    Polynomial-decay averaging (Shamir and Zhang, 2013): after n steps the last one counts (`LATE` + 1) / (n + `LATE`),
    so that the same rule serves short trainings and long ones. A generator that plays against critics never comes to
    rest; its average does (Yazici et al., 2019).
    """
    return AveragedModel(network, multi_avg_fn=_average)


@torch.no_grad()  # weights, not a graph
def _average(mean: list[Tensor], now: list[Tensor], seen: Tensor | int) -> None:
    torch._foreach_lerp_(mean, now, (LATE + 1) / (int(seen) + 1 + LATE))
