"""How an equation is tested: its function against a naive twin (loops, the paper's notation), in value and in
gradient."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def agree(function: Callable[..., Tensor], twin: Callable[..., Tensor], *inputs: Tensor, atol: float = 1e-10) -> None:
    """Both give the same value, and the same gradient for every input that requires one; then finite differences
    agree too."""
    results = []
    for f in (function, twin):
        leaves = [x.detach().clone().requires_grad_(x.is_floating_point()) for x in inputs]
        value = f(*leaves)
        assert value.numel() == 1
        value.backward()
        results.append((value.detach(), [x.grad for x in leaves]))
    (value, gradients), (expected, wanted) = results
    torch.testing.assert_close(value.reshape(()), expected.reshape(()), atol=atol, rtol=1e-9)
    for ours, theirs in zip(gradients, wanted, strict=True):
        torch.testing.assert_close(ours, theirs, atol=atol, rtol=1e-8)
    leaves = [x.detach().clone().requires_grad_(x.is_floating_point()) for x in inputs]
    assert torch.autograd.gradcheck(function, leaves, atol=1e-6)


def random(*shape: int, seed: int = 0, low: float = -1.0, high: float = 1.0) -> Tensor:
    """Uniform float64 numbers: the precision that finite differences need."""
    generator = torch.Generator().manual_seed(seed)
    return low + (high - low) * torch.rand(*shape, generator=generator, dtype=torch.float64)
