"""Only slopes above 1 cost something; the equation names a price for both sides.
loses: value
"""

from __future__ import annotations

import torch
from torch import Tensor


def gradient_penalty(critic, real: Tensor, fake: Tensor, mix: Tensor) -> Tensor:
    between = (mix * real + (1 - mix) * fake).detach().requires_grad_()
    (slopes,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
    lengths = slopes.flatten(1).norm(dim=1)
    return (lengths - 1).clamp(min=0).square().mean()
