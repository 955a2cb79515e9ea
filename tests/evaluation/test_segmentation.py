import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from monai.metrics import compute_dice

from medsyn_core.evaluation import dice


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), density=st.floats(0.02, 0.9))
def test_dice_is_monais_on_masks_that_are_not_empty(seed, density):
    a, b = np.random.default_rng(seed).random((2, 9, 9)) < density
    if a.any() and b.any():
        batch = lambda m: torch.from_numpy(m)[None, None].float()
        assert dice(a, b) == pytest.approx(compute_dice(batch(a), batch(b)).item())


def test_every_empty_case_is_defined():
    empty, full = np.zeros((3, 3), bool), np.ones((3, 3), bool)
    assert dice(empty, full) == dice(full, empty) == 0
    assert dice(empty, empty) == 1
    assert dice(empty, empty, both_empty=None) is None
    assert dice(full, full) == 1


def test_shapes_must_agree():
    with pytest.raises(ValueError, match="must agree"):
        dice(np.zeros((2, 2)), np.zeros(4))
