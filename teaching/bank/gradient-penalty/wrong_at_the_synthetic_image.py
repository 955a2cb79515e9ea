"""The slope is taken at the synthetic image instead of between both.
loses: value
"""

from __future__ import annotations

import torch
from torch import Tensor


def gradient_penalty(critic, real: Tensor, fake: Tensor, mix: Tensor) -> Tensor:
    fake = fake.detach().requires_grad_()
    (slopes,) = torch.autograd.grad(critic(fake).sum(), fake, create_graph=True)
    lengths = slopes.flatten(1).norm(dim=1)
    return (lengths - 1).square().mean()
