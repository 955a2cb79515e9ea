"""Both images are detached, and the scores are differentiated with a vector of ones."""

from __future__ import annotations

import torch
from torch import Tensor


def gradient_penalty(critic, real: Tensor, fake: Tensor, mix: Tensor) -> Tensor:
    a, b = real.detach(), fake.detach()
    with torch.enable_grad():
        x = torch.lerp(b, a, mix.detach()).requires_grad_(True)
        score = critic(x)
        g = torch.autograd.grad(score, x, grad_outputs=torch.ones_like(score), create_graph=True, retain_graph=True)[0]
    return torch.mean((torch.linalg.vector_norm(g, dim=(1, 2, 3)) - 1.0) ** 2)
