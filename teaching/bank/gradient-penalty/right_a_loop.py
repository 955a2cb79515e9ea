"""Sample by sample, in a loop."""

from __future__ import annotations

import torch
from torch import Tensor


def gradient_penalty(critic, real: Tensor, fake: Tensor, mix: Tensor) -> Tensor:
    total = 0
    for one, other, share in zip(real, fake, mix, strict=True):
        point = (share * one + (1 - share) * other)[None].detach()
        point.requires_grad = True
        slope = torch.autograd.grad(critic(point).squeeze(), point, create_graph=True)[0]
        total = total + (torch.linalg.vector_norm(slope) - 1) ** 2
    return total / len(real)
