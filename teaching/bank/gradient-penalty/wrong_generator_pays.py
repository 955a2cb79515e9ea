"""The points between are not made constants, so the generator receives a gradient.
loses: images
"""

from __future__ import annotations

import torch
from torch import Tensor


def gradient_penalty(critic, real: Tensor, fake: Tensor, mix: Tensor) -> Tensor:
    between = mix * real + (1 - mix) * fake
    if not between.requires_grad:
        between.requires_grad_()
    (slopes,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
    lengths = slopes.flatten(1).norm(dim=1)
    return (lengths - 1).square().mean()
