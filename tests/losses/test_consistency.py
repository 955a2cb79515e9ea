"""Cycle consistency: value and gradient against a naive twin, and what the loss cannot see."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from medsyn_core.losses import consistency
from tests.twins import agree, random

X, BACK = random(2, 1, 3, 4, seed=1), random(2, 1, 3, 4, seed=2)


def test_cycle():
    def twin(back, x):
        total = 0
        for b in range(2):
            for i in range(3):
                for j in range(4):
                    total = total + abs(back[b, 0, i, j] - x[b, 0, i, j])
        return total / 24

    agree(consistency.cycle, twin, BACK, X)


def test_the_gradient_reaches_both_halves_of_the_detour():
    there, back = torch.tensor(0.5, requires_grad=True), torch.tensor(0.5, requires_grad=True)
    x = torch.linspace(0.1, 1, 10)
    consistency.cycle(back * (there * x), x).backward()
    assert there.grad < 0 and back.grad < 0  # both must grow until their product is 1


@given(st.floats(0.25, 4), st.floats(-1, 1), st.sampled_from([-1.0, 1.0]))
def test_every_map_that_can_be_undone_is_perfect(scale, shift, sign):
    there = sign * scale * X + shift
    assert float(consistency.cycle((there - shift) / (sign * scale), X)) == pytest.approx(0, abs=1e-12)


def test_shapes_that_would_broadcast_are_refused():
    with pytest.raises(ValueError, match="must have the same shape"):
        consistency.cycle(X, X[:, 0])
