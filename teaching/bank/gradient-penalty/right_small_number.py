"""The root is kept away from 0 by a small number; the square is multiplied out."""

from __future__ import annotations

import torch
from torch import Tensor


def gradient_penalty(critic, real: Tensor, fake: Tensor, mix: Tensor) -> Tensor:
    x = fake.detach() + mix.detach() * (real.detach() - fake.detach())
    x.requires_grad_(True)
    g = torch.autograd.grad(critic(x).sum(), x, create_graph=True)[0].view(x.shape[0], -1)
    n = torch.sqrt((g * g).sum(1) + 1e-12)
    return (n * n - 2 * n + 1).sum() / n.numel()
