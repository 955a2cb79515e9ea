"""One sample's score as a function, its gradient by torch.func, mapped over the batch."""

from __future__ import annotations

import torch
from torch import Tensor


def gradient_penalty(critic, real: Tensor, fake: Tensor, mix: Tensor) -> Tensor:
    x = mix * real.clone().detach() + (1 - mix) * fake.clone().detach()

    def score(image):
        return critic(image.unsqueeze(0)).sum()

    slope = torch.func.vmap(torch.func.grad(score))(x.detach())
    length = torch.linalg.norm(slope.reshape(len(x), -1), dim=-1)
    return torch.nn.functional.mse_loss(length, torch.ones_like(length))
