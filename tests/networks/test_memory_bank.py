"""HiFi-Syn's memory bank: who may use which slot, what a write changes, and what a softmax runs over. Its equations are
in test_memory_equations.py."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from medsyn_core.networks.memory_bank import GLOBAL, MemoryBank
from tests.twins import random

B, C, H, W = 2, 3, 2, 3
OWNERS = [0, 1, 1, GLOBAL, GLOBAL]  # structures 2 and 3 have no slot of their own
T = len(OWNERS)
Z = random(B, C, H, W, seed=3).float()
G = torch.tensor([[[0, 1, 2], [1, 1, 3]], [[0, 0, 0], [2, 2, 1]]])
QUERIES = [random(4, C, seed=4).float(), random(5, C, seed=5).float()]
TOLD = [random(4, C, seed=6, low=0, high=3).float(), random(5, C, seed=7, low=0, high=3).float()]
STRUCTURES = [torch.tensor([0, 2, 0, 3]), torch.tensor([0, 1, 1, 2, 0])]


def fresh(items=(1, 2, 0, 0), common=2, temperature=0.1, channels=C, **how):
    torch.manual_seed(0)
    return MemoryBank(channels, 2, items, common, temperature, **how)


# -- softmaxes

contents = st.builds(
    lambda seed, b, h: random(b, C, h, h + 1, seed=seed).float(), st.integers(0, 999), *[st.integers(1, 4)] * 2
)
banks = st.builds(
    lambda items, common, tau: fresh(items, common, tau),
    st.lists(st.integers(0, 3), min_size=4, max_size=4),
    st.integers(1, 4),
    st.sampled_from([0.01, 0.1, 1.0]),
)


@settings(max_examples=40, deadline=None)
@given(banks, contents, st.booleans(), st.integers(0, 99))
def test_a_pixels_affinities_and_a_slots_shares_sum_to_1(own, content, annotated, seed):
    g = torch.Generator().manual_seed(seed)
    structure = torch.randint(0, 4, (len(content), *content.shape[2:]), generator=g) if annotated else None
    affinity = own.affinity(content, structure)
    assert affinity.shape == (len(content), content[0, 0].numel(), len(own.keys)) and affinity.dtype == torch.float32
    torch.testing.assert_close(affinity.sum(dim=2), torch.ones(affinity.shape[:2]))
    queries = content.transpose(1, 0).flatten(1).T
    shares = own.shares(queries, None if structure is None else structure.flatten())
    assert shares.dtype == torch.float32 and (shares >= 0).all()
    torch.testing.assert_close(shares.sum(dim=0), (shares > 0).any(dim=0).float())
    assert (shares > 0).any()


@settings(max_examples=25, deadline=None)
@given(st.permutations(range(5)), st.floats(0.01, 100))
def test_reading_and_writing_know_neither_the_order_nor_the_length_of_queries(order, scale):
    own, other, order = fresh(), fresh(), list(order)
    torch.testing.assert_close(own.affinity(Z * scale), own.affinity(Z))
    lengths = torch.linspace(1, scale, 5)[:, None]
    own.write(QUERIES, TOLD, STRUCTURES, 0.5)
    shuffled = [QUERIES[0], (lengths * QUERIES[1])[order]], [TOLD[0], TOLD[1][order]]
    other.write(*shuffled, [STRUCTURES[0], STRUCTURES[1][order]], 0.5)
    for name in ("keys", "values"):
        torch.testing.assert_close(getattr(own, name), getattr(other, name))


@pytest.mark.parametrize("slots", [10, 19, 38])
def test_without_a_temperature_a_read_is_almost_uniform_and_with_one_it_can_choose(slots):
    """The largest weight: cosines of 1 with one slot, of -1 with all others."""
    content = torch.tensor([1.0, 0, 0]).reshape(1, 3, 1, 1)
    largest = {}
    for tau in (1.0, 0.1):
        own = fresh((0,) * 4, slots, tau)
        own.keys[:] = -content.flatten()
        own.keys[0] *= -1
        largest[tau] = own.affinity(content).max().item()
    assert largest[1.0] == pytest.approx(math.e**2 / (math.e**2 + slots - 1)) and largest[1.0] <= 0.46
    assert largest[0.1] > 0.999


@pytest.mark.parametrize("temperature", [0.1, 1.0])
def test_slots_stay_apart_because_they_hear_only_those_they_are_nearest_to(temperature):
    """With all queries and no temperature, as the formula has it, every slot hears the same mean of all."""
    centres = torch.eye(16)[:4].repeat(20, 1)  # four kinds of tissue
    queries = [centres + 0.2 * random(80, 16, seed=seed).float() for seed in (13, 14)]
    own = fresh((0,) * 4, 8, temperature, channels=16)
    for _ in range(60):
        own.write(queries, queries, None, 0.9)
    assert (own.keys @ own.keys.T).min() < 0.5


# -- slots


def test_slots_belong_to_structures_in_order_and_then_to_none():
    assert fresh((2, 0, 1, 3), 2).structure.tolist() == [0, 0, 2, 3, 3, 3, GLOBAL, GLOBAL]


def test_with_labels_a_pixel_uses_its_structures_slots_and_the_common_ones():
    affinity = fresh().affinity(Z, G).unflatten(1, (H, W))
    for place in ((b, y, x) for b in range(B) for y in range(H) for x in range(W)):
        used = [owner in (int(G[place]), GLOBAL) for owner in OWNERS]
        assert (affinity[place] > 0).tolist() == used


def test_without_labels_a_pixel_uses_all_slots():
    assert (fresh(temperature=1.0).affinity(Z) > 0).all()


def test_a_structure_without_any_slot_reads_all_of_them_and_writes_none():
    own = fresh(common=0)
    content = random(1, C, 1, 2, seed=15).float()
    torch.testing.assert_close(own.affinity(content, torch.tensor([[[2, 3]]])), own.affinity(content))
    before = own.keys.clone(), own.values.clone()
    own.write([content[0, :, 0].T] * 2, [content[0, :, 0].T] * 2, [torch.tensor([2, 3])] * 2, 0.5)
    assert torch.equal(own.keys, before[0]) and torch.equal(own.values, before[1])


@pytest.mark.parametrize("keep", [0.99, 0.01])
def test_slots_that_nobody_may_write_stay_as_they_are(keep):
    """Structure 1 stands in the second modality alone: its key moves, and of its values the second modality's."""
    own = fresh((1, 1, 0, 0), common=0)
    before = own.keys.clone(), own.values.clone()
    structures = [torch.tensor([2, 2, 3, 3]), torch.tensor([1, 1, 3, 2, 2])]
    own.write(QUERIES, TOLD, structures, keep)
    same = lambda a, b: [torch.equal(x, y) for x, y in zip(a, b, strict=True)]
    assert same(own.keys, before[0]) == [True, False]
    assert same(own.values[0], before[1][0]) == [True, True] and same(own.values[1], before[1][1]) == [True, False]


def test_the_share_of_the_old_item_is_slow_at_99_percent_and_replaces_nearly_everything_at_1():
    for keep, stays in ((0.99, True), (0.01, False)):
        own = fresh(channels=32)
        before = own.keys.clone(), own.values.clone()
        news = random(50, 32, seed=16).float()
        own.write([news, news], [news, news], None, keep)
        closeness = torch.cosine_similarity(own.keys, before[0]), torch.cosine_similarity(own.values, before[1], dim=2)
        assert all((c > 0.99).all() if stays else (c < 0.9).all() for c in closeness)
        torch.testing.assert_close(own.keys.norm(dim=1), torch.ones(T))


def test_values_keep_the_scale_of_what_they_are_told_unless_they_are_normalised():
    own, printed = fresh((0,) * 4, 1), fresh((0,) * 4, 1)
    loud = [20 * told for told in TOLD]
    own.write(QUERIES, loud, None, 0.0)
    printed.write(QUERIES, loud, None, 0.0, unit_values=True)
    assert (own.values.norm(dim=2) > 5).all()
    torch.testing.assert_close(printed.values, own.values / own.values.norm(dim=2, keepdim=True))


def test_a_query_speaks_to_its_nearest_slot_alone_of_its_structure_and_of_the_common_ones():
    own = fresh((2, 2, 0, 0), 2, channels=2)
    own.keys[:] = torch.tensor([[1.0, 0], [0, 1], [1, 1], [-1, 0], [1, 0.1], [-1, -1]])
    queries = torch.tensor([[1.0, 0.2], [0.1, 1], [1, 0.9]])
    first = [True, False, False, False, True, False]  # of structure 0's two, of structure 1's two, of the common two
    second = [False, True, False, False, True, False]
    third = [False, False, True, False, True, False]
    for structure in (torch.tensor([0, 0, 1]), None):  # without labels all structures' slots are asked
        assert (own.shares(queries, structure) > 0).tolist() == [first, second, third]
    assert (own.shares(queries, torch.tensor([0, 1, 3])) > 0)[1:].tolist() == [third, [False] * 4 + [True, False]]


# -- state, gradients, precision


def test_keys_and_values_are_its_state_and_no_weights():
    own = fresh()
    assert set(own.state_dict()) == {"keys", "values"} and not list(own.parameters())
    answer = own.read(own.affinity(Z.clone().requires_grad_()), 0, (H, W)).sum()
    answer.backward()
    assert own.keys.grad is None and own.values.grad is None
    torch.testing.assert_close(own.keys.norm(dim=1), torch.ones(T))
    torch.testing.assert_close(own.values.norm(dim=2), torch.ones(2, T))


def test_with_learn_keys_and_values_are_weights_that_a_read_moves():
    own = fresh(learn=True)
    assert {name for name, _ in own.named_parameters()} == {"keys", "values"} == set(own.state_dict())
    own.read(own.affinity(Z), 0, (H, W)).square().sum().backward()
    assert own.keys.grad.any() and own.values.grad[0].any() and not own.values.grad[1].any()


def test_reading_changes_nothing():
    own = fresh()
    before = {name: value.clone() for name, value in own.state_dict().items()}
    own.read(own.affinity(Z, G), 1, (H, W))
    assert all(torch.equal(value, before[name]) for name, value in own.state_dict().items())


@pytest.mark.parametrize("annotated", [True, False])
def test_a_bank_without_slots_reads_zeros_and_takes_no_notes(annotated):
    own = fresh((0, 0, 0, 0), 0)
    content = Z.clone().requires_grad_()
    read = own.read(own.affinity(content, G if annotated else None), 1, (H, W))
    assert read.shape == Z.shape and not read.any()
    read.sum().backward()
    assert content.grad is None or not content.grad.any()
    own.write(QUERIES, TOLD, STRUCTURES if annotated else None, 0.5)
    assert own.keys.shape == (0, C) and own.values.shape == (2, 0, C)


@pytest.mark.parametrize("temperature", [0, -0.1])
def test_a_temperature_that_is_not_positive_is_refused(temperature):
    with pytest.raises(ValueError, match=f"temperature must be positive, not {temperature}"):
        fresh(temperature=temperature)


def test_low_precision_around_it_changes_no_affinity():
    own, content = fresh(temperature=0.01, channels=64), random(2, 64, 3, 3, seed=17).float()
    expected = own.affinity(content), own.shares(content[0].flatten(1).T)
    with torch.autocast("cpu", torch.bfloat16):
        found = own.affinity(content), own.shares(content[0].flatten(1).T)
        low = own.affinity(content.bfloat16())
    assert torch.equal(found[0], expected[0]) and torch.equal(found[1], expected[1])
    assert low.dtype == torch.float32 and torch.equal(low, own.affinity(content.bfloat16()))
