"""The length is written out as a root of a sum, whose derivative at 0 is no number.
loses: flat
"""

from __future__ import annotations

import torch
from torch import Tensor


def gradient_penalty(critic, real: Tensor, fake: Tensor, mix: Tensor) -> Tensor:
    between = (mix * real + (1 - mix) * fake).detach().requires_grad_()
    (slopes,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
    lengths = slopes.square().sum(dim=(1, 2, 3)).sqrt()
    return (lengths - 1).square().mean()
