"""The average of weights: what it weighs, and that it follows no single step."""

import pytest
import torch
from torch import nn

from medsyn_core.training.averaging import LATE, averaged


def walk(steps):
    """The network's weight at each step, and its average after the last."""
    network = nn.Linear(1, 1, bias=False)
    average, path = averaged(network), torch.rand(steps, generator=torch.Generator().manual_seed(1)).tolist()
    for value in path:
        nn.init.constant_(network.weight, value)
        average.update_parameters(network)
    return path, average.module.weight.item()


@pytest.mark.parametrize("steps", [1, 2, 7, 200])
def test_step_k_weighs_as_the_rising_product_of_its_number(steps):
    """Shamir and Zhang (2013): proportional to k (k + 1) … (k + LATE - 1), the newest most."""
    path, found = walk(steps)
    shares = []
    for k in range(1, steps + 1):
        share = 1.0
        for more in range(LATE):
            share *= k + more
        shares.append(share)
    expected = sum(s * x for s, x in zip(shares, path, strict=True)) / sum(shares)
    assert found == pytest.approx(expected, rel=1e-4)


def test_half_of_the_weight_lies_in_the_last_sixth():
    """A step in the network's weight after five sixths of the way."""
    network = nn.Linear(1, 1, bias=False)
    average = averaged(network)
    for step in range(600):
        nn.init.constant_(network.weight, float(step >= 500))
        average.update_parameters(network)
    assert average.module.weight.item() == pytest.approx(0.5, abs=0.02)


def test_it_starts_as_the_network_is_and_shares_nothing_with_it():
    network = nn.Linear(2, 2)
    average = averaged(network)
    assert torch.equal(average.module.weight, network.weight)
    nn.init.zeros_(network.weight)
    assert average.module.weight.any()
