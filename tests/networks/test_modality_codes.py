"""D²-Net's codes: one a modality and slice, which know of no other, and their way to the classes."""

from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from medsyn_core.networks.modality_codes import ClassProjection, SliceEncoders

B, M, D, SIDE, WIDTH, SIZE = 2, 3, 4, 16, 4, 8


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def encoders(count=1):
    torch.manual_seed(3)
    return SliceEncoders(WIDTH, SIZE, count)


def projection(modalities=M, classes=4):
    torch.manual_seed(3)
    return ClassProjection(modalities, classes)


IMAGES = noise(B, M, D, SIDE, SIDE)
both = pytest.mark.parametrize("count", [1, M])


@torch.no_grad()
def codes(images, count=1):
    return encoders(count)(images)[0]


# -- E_M


@both
@pytest.mark.parametrize("size", [(16, 16), (16, 24), (128, 128)])
def test_shapes(count, size):
    with torch.no_grad():
        found, maps = encoders(count)(noise(B, M, D, *size))
    assert found.shape == (B, M, D, SIZE)
    assert [tuple(x.shape) for x in maps] == [
        (B, M, D, WIDTH * 2**l, size[0] // 2 ** (l + 1), size[1] // 2 ** (l + 1)) for l in range(3)
    ]


@both
@settings(max_examples=10, deadline=None)
@given(st.integers(0, B - 1), st.integers(0, M - 1), st.integers(0, D - 1))
def test_a_code_knows_of_no_other_sample_modality_or_slice(count, b, m, g):
    changed = IMAGES.clone()
    changed[b, m, g] += 1
    before, after = codes(IMAGES, count), codes(changed, count)
    moved = (before - after).abs().sum(dim=3) > 1e-4
    assert moved.nonzero().tolist() == [[b, m, g]]


@both
def test_splitting_a_batch_changes_nothing(count):
    torch.testing.assert_close(torch.cat([codes(x, count) for x in IMAGES.split(1)]), codes(IMAGES, count))


def test_one_encoder_gives_a_slice_its_code_whatever_modality_it_is_called():
    one, own = codes(IMAGES[:, :1].expand(-1, M, -1, -1, -1)), codes(IMAGES[:, :1].expand(-1, M, -1, -1, -1), M)
    torch.testing.assert_close(one[:, 0], one[:, 2])
    assert not any(torch.allclose(own[:, a], own[:, b], atol=1e-2) for a, b in ((0, 1), (0, 2), (1, 2)))
    torch.testing.assert_close(own[:, 1], encoders(M)(IMAGES[:, [1, 0, 2]])[0][:, 1])


@both
def test_each_encoder_learns_from_its_modality_alone(count):
    net = encoders(count)
    net(IMAGES)[0][:, 1].square().sum().backward()
    moved = [any(p.grad is not None and p.grad.any() for p in stack.parameters()) for stack in net.stacks]
    assert moved == ([True] if count == 1 else [False, True, False])


@settings(max_examples=20, deadline=None)
@given(st.floats(0.2, 5))
def test_a_code_tells_how_contrasted_a_slice_is(gain):
    """No normalisation: a fresh encoder's biases are 0, so that its codes grow as the image does."""
    torch.testing.assert_close(codes(gain * IMAGES), gain * codes(IMAGES), atol=1e-5, rtol=1e-3)
    for other in (codes(IMAGES + 1), -codes(-IMAGES)):  # brightness counts; and layers are rectified
        assert not torch.allclose(other, codes(IMAGES), atol=0.1)


def test_a_code_is_the_average_of_the_last_layer_and_may_be_negative():
    """Behind a rectifier, as in the public code, no cosine of two codes could fall below 0."""
    net = encoders()
    found, maps = net(noise(B, M, D, 64, 64))
    last = net.stacks[0][-1](maps[2].flatten(0, 2)).mean(dim=(2, 3))
    torch.testing.assert_close(found, last.unflatten(0, (B, M, D)))
    assert (found < -0.01).any() and (found > 0.01).any()
    unit = torch.nn.functional.normalize(codes(noise(40, 1, 1, 16, 16, seed=2))[:, 0, 0], dim=-1)
    assert (unit @ unit.T).min() < -0.1


def test_every_layer_keeps_the_signal():
    """With torch's own initialisation each would lose more than half of it."""
    with torch.no_grad():
        _, maps = encoders()(noise(8, M, D, 64, 64))
    spread = [1.0, *(x.square().mean().sqrt().item() for x in maps)]
    assert all(0.5 < b / a < 2 for a, b in pairwise(spread))


def test_every_weight_learns_and_an_empty_slice_makes_no_nan():
    images = IMAGES.clone()
    images[0, 1] = 0
    net = encoders()
    found, maps = net(images)
    (found.square().sum() + maps[0].square().sum()).backward()
    assert found.isfinite().all()
    assert all(p.grad.isfinite().all() and p.grad.any() for p in net.parameters())


# -- E_TM


def test_classes_hear_of_every_modality_and_of_nothing_else():
    """Of each slice and number on its own."""
    net, given = projection(), noise(B, M, D, SIZE)
    assert net(given).shape == (B, 4, D, SIZE)
    for at in ((0, 0, 0, 0), (1, 2, 3, 5), (0, 1, 2, 7)):
        changed = given.clone()
        changed[at] += 1
        b, _, g, n = at
        moved = (net(changed) - net(given)).abs() > 1e-6
        assert {tuple(place) for place in moved.nonzero().tolist()} == {(b, c, g, n) for c in range(4)}


@settings(max_examples=20, deadline=None)
@given(st.floats(-3, 3), st.floats(-3, 3), st.integers(1, 5), st.integers(1, 5))
def test_it_is_linear_but_for_a_constant(a, b, modalities, classes):
    """Three convolutions with nothing between them, as the paper's linear latent space asks for."""
    net = projection(modalities, classes)
    x, y = noise(1, modalities, 2, 3), noise(1, modalities, 2, 3, seed=1)
    rest = net(torch.zeros_like(x))
    linear = lambda x: net(x) - rest
    torch.testing.assert_close(linear(a * x + b * y), a * linear(x) + b * linear(y), atol=1e-4, rtol=1e-3)
    assert len([m for m in net.layers if isinstance(m, torch.nn.Conv2d)]) == 3


def test_a_missing_modalitys_code_of_0_leaves_the_others_to_speak():
    net, given = projection(), noise(1, M, 1, SIZE)
    given[0, 1] = 0
    (a, b, c) = net.layers
    weight = (c.weight.flatten(1) @ b.weight.flatten(1) @ a.weight.flatten(1)).detach()
    expected = torch.einsum("cm,bmgn->bcgn", weight[:, [0, 2]], given[:, [0, 2]])
    torch.testing.assert_close(net(given) - net(torch.zeros_like(given)), expected, atol=1e-5, rtol=1e-4)
