"""D²-Net's contrast: who is compared with whom, what a spectrum forgets, and what carries a gradient."""

import math

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from medsyn_core.losses.modality_contrast import all_slice_pairs, amplitude, modality_contrast, sampled_slice_pairs
from tests.twins import random

M, G, N, TAU = 3, 6, 8, 0.3
CODES = random(2, M, G, N).float()
THERE = torch.ones(2, M, G, dtype=torch.bool)
quick = settings(max_examples=20, deadline=None)


def by_place(mask, modalities, slices):
    """(M * G, M * G) -> (M, G, M, G): anchor's modality and slice, the other's."""
    return mask.reshape(modalities, slices, modalities, slices)


# -- who is compared with whom


@st.composite
def samplings(draw):
    slices = draw(st.integers(2, 14))
    distance = draw(st.integers(1, slices // 2))
    positives, reach = draw(st.integers(1, distance)), draw(st.integers(1, slices - 1))
    return draw(st.integers(1, 4)), slices, distance, positives, reach


@quick
@given(samplings())
def test_every_anchor_has_its_positives_at_the_distance_and_never_itself(sampling):
    modalities, slices, distance, positives, _ = sampling
    positive = by_place(sampled_slice_pairs(*sampling)[0], modalities, slices)
    away = range(distance - positives + 1, distance + 1)
    for m in range(modalities):
        for u in range(slices):
            found = [(int(j), int(v)) for j, v in positive[m, u].nonzero()]
            assert len(found) == positives and all(j == m for j, _ in found)
            assert {abs(v - u) for _, v in found} == set(away) and u not in [v for _, v in found]
            assert all(v > u or u + (u - v) >= slices for _, v in found)  # downwards only where the stack ends


@quick
@given(samplings())
def test_negatives_are_the_neighbours_of_other_modalities_on_either_side(sampling):
    modalities, slices, _, _, reach = sampling
    positive, negative = sampled_slice_pairs(*sampling)
    assert torch.equal(negative, negative.T) and not (positive & negative).any()
    negative = by_place(negative, modalities, slices)
    assert torch.equal(negative, negative.flip(1, 3))  # both ends of the stack are alike
    for m in range(modalities):
        assert not negative[m, :, m].any()
        for u in range(slices):
            near = [v for v in range(slices) if 1 <= abs(v - u) <= reach]
            others = {(j, v) for j in range(modalities) if j != m for v in near}
            assert {(int(j), int(v)) for j, v in negative[m, u].nonzero()} == others


def test_the_papers_numbers():
    """Of 4 modalities and 128 slices: 1 positive 48 slices away, 48 negatives."""
    positive, negative = (by_place(pairs, 4, 128) for pairs in sampled_slice_pairs(4, 128, 48, 1, 8))
    assert (positive.sum(dim=(2, 3)) == 1).all() and positive[0, 60, 0, 108] and positive[3, 90, 3, 42]
    counts = negative.sum(dim=(2, 3))
    assert (counts[:, 8:120] == 48).all() and (counts[:, [0, 127]] == 24).all()


@quick
@given(st.integers(1, 4), st.integers(1, 8))
def test_all_pairs_are_the_printed_ones(modalities, slices):
    positive, negative = (by_place(pairs, modalities, slices) for pairs in all_slice_pairs(modalities, slices))
    for m in range(modalities):
        for u in range(slices):
            other = {(m, v) for v in range(slices) if v != u}
            assert {(int(j), int(v)) for j, v in positive[m, u].nonzero()} == other
            assert {(int(j), int(v)) for j, v in negative[m, u].nonzero()} == {
                (j, u) for j in range(modalities) if j != m
            }


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"distance": 0, "positives": 1}, "positives=1 must lie between 1 and distance=0"),
        ({"positives": 0}, "positives=0 must lie between 1 and distance=3"),
        ({"positives": 4}, "positives=4 must lie between 1 and distance=3"),
        ({"distance": 4}, "distance=4 is too far for 7 slices: those in the middle have no partner"),
        ({"reach": 0}, "reach=0 must lie between 1 and 6, one less than there are slices"),
        ({"reach": 7}, "reach=7 must lie between 1 and 6"),
    ],
)
def test_numbers_that_leave_an_anchor_alone_are_refused(wrong, message):
    good = {"modalities": 2, "slices": 7, "distance": 3, "positives": 1, "reach": 1}
    sampled_slice_pairs(**good)
    with pytest.raises(ValueError, match=message):
        sampled_slice_pairs(**good | wrong)


# -- the loss

PAIRS = all_slice_pairs(M, G)


def loss(codes, there=THERE, pairs=PAIRS):
    return modality_contrast(codes, there, *pairs, TAU)


def test_it_is_lowest_where_modalities_are_apart_and_log_of_the_count_where_they_are_one():
    own = torch.eye(M, N)[None, :, None].expand(2, M, G, N)
    alike = torch.ones(2, M, G, N)
    opposite = torch.cat([own[:, :1], -own[:, :1]], dim=1)
    assert loss(alike).item() == pytest.approx(math.log(M))
    assert loss(own).item() == pytest.approx(math.log(1 + (M - 1) * math.exp(-1 / TAU)), rel=1e-4)
    two = modality_contrast(opposite, THERE[:, :2], *all_slice_pairs(2, G), TAU)
    assert two.item() == pytest.approx(math.log(1 + math.exp(-2 / TAU)), rel=1e-4)


def test_following_the_gradient_pulls_modalities_together_and_apart_from_others():
    codes = CODES.clone().requires_grad_()
    for _ in range(30):
        (slope,) = torch.autograd.grad(loss(codes), codes)
        codes = (codes - 20 * slope).detach().requires_grad_()
    unit = torch.nn.functional.normalize(codes.detach(), dim=-1).flatten(1, 2)
    cosine = by_place((unit @ unit.transpose(1, 2)).mean(dim=0), M, G)
    same = torch.eye(M, dtype=torch.bool)[:, None, :, None].expand(M, G, M, G)
    assert cosine[same].mean() > 0.8 and cosine[~same].mean() < -0.3


@quick
@given(st.floats(0.01, 100), st.permutations(range(2)), st.permutations(range(M)))
def test_neither_length_nor_the_order_of_samples_and_modalities_matters(scale, samples, modalities):
    changed = scale * CODES[list(samples)][:, list(modalities)]
    torch.testing.assert_close(loss(changed), loss(CODES), atol=1e-5, rtol=1e-4)


@quick
@given(st.integers(0, 2**31 - 1))
def test_what_is_not_there_changes_nothing_and_gets_no_gradient(seed):
    there = torch.rand(2, M, G, generator=torch.Generator().manual_seed(seed)) > 0.4
    assume(not there.all())
    values, slopes = [], []
    for junk in (0.0, 7.0):
        codes = torch.where(there[..., None], CODES, junk * random(2, M, G, N, seed=9).float()).requires_grad_()
        values.append(loss(codes, there))
        slopes.append(torch.autograd.grad(values[-1], codes)[0])
    assert torch.equal(values[0], values[1]) and values[0].isfinite()
    for slope in slopes:
        assert slope.isfinite().all() and not slope[~there].any()


def test_alone_a_modality_has_nothing_to_differ_from():
    there = THERE.clone()
    there[0, 1:] = there[1] = False  # one modality; nothing
    codes = CODES.clone().requires_grad_()
    value = loss(codes, there)
    value.backward()
    assert value == 0 and not codes.grad.any()
    assert loss(CODES, torch.stack([there[0], THERE[1]])) == loss(CODES[1:], THERE[1:])  # nor does it dilute others


def test_a_code_of_zeros_makes_no_nan_and_no_avalanche():
    codes = CODES.clone()
    codes[0, 0, 2] = 0
    codes.requires_grad_()
    loss(codes).backward()
    assert codes.grad.isfinite().all() and codes.grad.abs().max() < 10 and not codes.grad[0, 0, 2].any()


def test_it_is_exact_in_bf16_autocast():
    with torch.autocast("cpu", torch.bfloat16):
        for what in (CODES, amplitude(CODES)):
            assert loss(what).dtype == torch.float32
    torch.testing.assert_close(loss(CODES.bfloat16()), loss(CODES.bfloat16().float()))


# -- spectra


@quick
@given(st.integers(0, N - 1), st.booleans())
def test_a_spectrum_forgets_where_in_the_code_a_number_stands(shift, turned):
    moved = (CODES.flip(-1) if turned else CODES).roll(shift, dims=-1)
    torch.testing.assert_close(amplitude(moved), amplitude(CODES), atol=1e-5, rtol=1e-4)
    assert shift == 0 or not torch.equal(moved, CODES)


def test_a_spectrum_is_real_and_not_negative_and_begins_with_the_sum():
    found = amplitude(CODES.bfloat16())
    assert found.shape == CODES.shape and found.dtype == torch.float32 and (found >= 0).all()
    torch.testing.assert_close(amplitude(CODES)[..., 0], CODES.sum(dim=-1).abs())
    torch.testing.assert_close(amplitude(CODES).square().sum(-1), N * CODES.square().sum(-1))  # Parseval


def test_the_frequency_loss_reaches_the_codes_and_every_number_of_them():
    """Computed on detached arrays, as in the public code, it would be a number that nobody learns from."""
    codes = CODES.clone().requires_grad_()
    loss(amplitude(codes)).backward()
    assert (codes.grad != 0).all()
    (spatial,) = torch.autograd.grad(loss(codes), codes)
    assert not torch.allclose(spatial, codes.grad, atol=1e-3)  # and it says something else
