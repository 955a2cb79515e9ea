"""Cycle and local consistency: value and gradient against naive twins, and what each cannot see."""

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


MASK = (random(2, 1, 3, 4, seed=3) > 0).double()
TUMOUR, TUMOUR_BACK = random(2, 1, 3, 4, seed=4), random(2, 1, 3, 4, seed=5)


def test_local_consistency():
    def twin(tumour, translated, back, source):
        there = again = 0
        for b in range(2):
            for i in range(3):
                for j in range(4):
                    m = MASK[b, 0, i, j]
                    there = there + abs(tumour[b, 0, i, j] - m * translated[b, 0, i, j])
                    again = again + abs(m * source[b, 0, i, j] - back[b, 0, i, j])
        return there / 24 + again / 24

    agree(lambda *xs: consistency.local_consistency(*xs, MASK), twin, TUMOUR, BACK, TUMOUR_BACK, X)


@given(st.floats(-2, 2))
def test_whole_images_count_inside_the_mask_only(shift):
    outside = shift * (1 - MASK)
    value = lambda translated, source: float(
        consistency.local_consistency(TUMOUR, translated, TUMOUR_BACK, source, MASK)
    )
    assert value(BACK + outside, X + outside) == value(BACK, X)


def test_outside_the_mask_the_local_branch_is_asked_for_nothing_but_0():
    tumour, back = (x.clone().requires_grad_() for x in (TUMOUR, TUMOUR_BACK))
    consistency.local_consistency(tumour, BACK, back, X, MASK).backward()
    outside = MASK == 0
    for x in (tumour, back):
        torch.testing.assert_close(x.grad[outside], x.detach()[outside].sign() / x.numel())
    assert float(consistency.local_consistency(MASK * BACK, BACK, MASK * X, X, MASK)) == 0


def test_both_branches_are_moved_towards_each_other():
    """The crop of the translated image is no constant: the global branch learns from the local one too."""
    tumour, translated = TUMOUR.clone().requires_grad_(), BACK.clone().requires_grad_()
    consistency.local_consistency(tumour, translated, TUMOUR_BACK, X, MASK).backward()
    inside = MASK > 0
    assert (tumour.grad[inside] == -translated.grad[inside]).all() and tumour.grad[inside].all()


def test_another_patients_mask_is_another_loss():
    perfect = (MASK * BACK, BACK, MASK * X, X)
    assert float(consistency.local_consistency(*perfect, MASK)) == 0
    assert float(consistency.local_consistency(*perfect, MASK.roll(1, 0))) > 0.1


@pytest.mark.parametrize("place", [0, 2])
def test_local_images_of_another_shape_are_refused(place):
    images = [TUMOUR, BACK, TUMOUR_BACK, X]
    images[place] = images[place][:1]
    with pytest.raises(ValueError, match=r"crop of the .*must have the same shape"):
        consistency.local_consistency(*images, MASK)


def test_one_mask_for_all_patients_is_refused():
    with pytest.raises(ValueError, match=r"mask, translated image and source .*same shape"):
        consistency.local_consistency(TUMOUR, BACK, TUMOUR_BACK, X, MASK[:1])
