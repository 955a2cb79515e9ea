"""Segmentation losses and dense distillation: signs, directions, bounds, and what is made of maps of other sizes."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from medsyn_core.losses.dense_distillation import affinity, divergence, feature_distance, resize
from medsyn_core.losses.segmentation import cross_entropy, one_against_rest, rarity, shrink_labels, soft_dice
from tests.twins import random

K, SHAPE = 4, (2, 3, 4, 5)
LABELS = torch.randint(K, SHAPE, generator=torch.Generator().manual_seed(0))
LOGITS = random(2, K, *SHAPE[1:]).float()
ALL = {f.__name__: f for f in (soft_dice, cross_entropy, one_against_rest)}
quick = settings(max_examples=20, deadline=None)
seeds = st.integers(0, 2**31 - 1)


def sure(labels, how=40.0):
    """Logits that answer exactly these labels."""
    return how * (2 * torch.nn.functional.one_hot(labels, K).movedim(-1, 1).float() - 1)


# -- labels


@pytest.mark.parametrize("name", ALL)
def test_right_answers_cost_nothing_and_wrong_ones_most(name):
    """d2-7 as printed, without its minus sign, would be lowest where every answer is wrong."""
    right, wrong = ALL[name](sure(LABELS), LABELS), ALL[name](sure((LABELS + 1) % K), LABELS)
    assert right.item() == pytest.approx(0, abs=1e-6)
    assert wrong > ALL[name](LOGITS, LABELS) > right and wrong > 0.9


@pytest.mark.parametrize("name", ALL)
@quick
@given(seeds)
def test_no_loss_is_negative_and_following_its_gradient_lowers_it(name, seed):
    logits = (4 * torch.randn(2, K, 2, 2, 2, generator=torch.Generator().manual_seed(seed))).requires_grad_()
    labels = LABELS[:, :2, :2, :2]
    value = ALL[name](logits, labels)
    (slope,) = torch.autograd.grad(value, logits)
    assert value >= 0
    assert ALL[name](logits - 1e-3 * slope / slope.norm(), labels) < value + 1e-6


@pytest.mark.parametrize("name", ALL)
@quick
@given(st.permutations(range(2)), st.permutations(range(SHAPE[1])))
def test_the_order_of_samples_and_voxels_does_not_matter(name, samples, slices):
    shuffled = [x[list(samples)] for x in (LOGITS, LABELS)]
    shuffled = [shuffled[0][:, :, list(slices)], shuffled[1][:, list(slices)]]
    torch.testing.assert_close(ALL[name](*shuffled), ALL[name](LOGITS, LABELS))


@quick
@given(st.permutations(range(1, K)))
def test_tumour_classes_are_alike_to_dice_and_the_background_is_none(order):
    place = [0, *order]
    renamed = torch.tensor(place)[LABELS]
    moved = torch.empty_like(LOGITS)
    moved[:, place] = LOGITS
    torch.testing.assert_close(soft_dice(moved, renamed), soft_dice(LOGITS, LABELS))


@quick
@given(seeds)
def test_dice_is_between_0_and_1(seed):
    g = torch.Generator().manual_seed(seed)
    logits, labels = 5 * torch.randn(1, K, 3, 3, 3, generator=g), torch.randint(K, (1, 3, 3, 3), generator=g)
    assert 0 <= soft_dice(logits, labels) <= 1


def test_what_nobody_has_counts_as_found_and_what_is_seen_wrongly_as_missed():
    nothing = torch.zeros(1, 3, 3, 3, dtype=torch.int64)
    assert soft_dice(sure(nothing), nothing).item() == pytest.approx(0)
    false_alarm = soft_dice(sure(nothing + 2), nothing).item()
    assert false_alarm == pytest.approx((1 - 1 / 28) / 3)  # 27 voxels of one class of three


def test_dice_sums_over_the_batch_so_that_a_patch_without_a_class_does_not_decide():
    labels = torch.zeros(2, 3, 3, 3, dtype=torch.int64)
    labels[0, :2] = 1
    logits = sure(labels)
    logits[1, :, 0, 0, 0] = torch.tensor([-40.0, 40, -40, -40])  # a single false voxel in the patch without tumour
    apart = torch.stack([soft_dice(logits[b : b + 1], labels[b : b + 1]) for b in range(2)]).mean()
    assert soft_dice(logits, labels) < 0.2 * apart


@pytest.mark.parametrize("name", ALL)
def test_shapes_that_do_not_fit_are_named(name):
    with pytest.raises(ValueError, match=r"logits \(2, 4, 3, 4, 5\), labels \(2, 3, 4, 4\): only the classes may"):
        ALL[name](LOGITS, LABELS[..., :4])


@pytest.mark.parametrize("name", ALL)
def test_half_precision_logits_are_compared_in_float32(name):
    value = ALL[name](LOGITS.bfloat16(), LABELS)
    assert value.dtype == torch.float32
    torch.testing.assert_close(value, ALL[name](LOGITS.bfloat16().float(), LABELS))


@quick
@given(st.integers(1, 4), st.integers(1, 4))
def test_small_labels_are_those_at_the_centres(size, step):
    labels = torch.arange((size * step) ** 3).reshape(1, size * step, size * step, size * step)
    small, middle = shrink_labels(labels, (size,) * 3), slice(step // 2, None, step)
    assert torch.equal(small, labels[:, middle, middle, middle]) and small.dtype == torch.int64


def test_where_classes_are_equally_common_all_voxels_count_alike():
    labels = torch.arange(2).repeat(12).reshape(1, 2, 3, 4)
    logits = random(1, 2, 2, 3, 4).float()
    plain = torch.nn.functional.cross_entropy(logits, labels)
    torch.testing.assert_close(cross_entropy(logits, labels), plain)
    binary = sum(torch.nn.functional.softplus(torch.where(labels == c, -1, 1) * logits[:, c]).mean() for c in range(2))
    torch.testing.assert_close(one_against_rest(logits, labels), binary)


def test_rarity_is_the_inverse_root_and_0_for_what_is_not_there():
    assert rarity(torch.tensor([0, 0.04, 0.25, 1])).tolist() == pytest.approx([0, 5, 2, 1])


@quick
@given(st.lists(st.integers(0, 20), min_size=K, max_size=K).filter(any))
def test_a_classs_say_is_the_root_of_its_share(counts):
    """Logits of 0 cost log K a voxel; a class's part of the gradient on them is its part of the weight."""
    labels = torch.arange(K).repeat_interleave(torch.tensor(counts))[None, None, None]
    logits = torch.zeros(1, K, 1, 1, sum(counts), requires_grad=True)
    cross_entropy(logits, labels).backward()
    pulls = -logits.grad[0, :, 0, 0].gather(0, labels[:, 0, 0])[0]  # (voxels,) on the answer that is right
    roots = torch.tensor([float(n) for n in counts]).sqrt()
    found = torch.stack([pulls[labels.flatten() == c].sum() for c in range(K)])
    torch.testing.assert_close(found / found.sum(), roots / roots.sum())


# -- distillation


@quick
@given(seeds, st.sampled_from([2, 4, 8]), st.sampled_from([1, 2, 4]))
def test_resizing_keeps_means_going_down_and_flat_maps_whatever_happens(seed, channels, side):
    x = torch.randn(2, 4, 4, 4, 4, generator=torch.Generator().manual_seed(seed))
    small = resize(x, channels, (side,) * 3)
    assert small.shape == (2, channels, side, side, side)
    torch.testing.assert_close(small.mean(dim=(1, 2, 3, 4)), x.mean(dim=(1, 2, 3, 4)), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(resize(torch.full((1, 4, 2, 2, 2), 3.0), channels, (side,) * 3).unique(),
                               torch.tensor([3.0]))  # fmt: skip


def test_resizing_to_what_it_is_changes_nothing():
    x = random(2, 4, 3, 3, 3)
    assert torch.equal(resize(x, 4, (3, 3, 3)), x)


def test_channels_are_averaged_or_repeated_side_by_side():
    x = torch.arange(4.0)[None, :, None, None, None]
    assert resize(x, 2, (1, 1, 1)).flatten().tolist() == [0.5, 2.5]
    assert resize(x, 8, (1, 1, 1)).flatten().tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    for channels in (3, 6):
        with pytest.raises(ValueError, match=f"4 channels cannot be made {channels}: one must be a multiple"):
            resize(x, channels, (1, 1, 1))


@quick
@given(seeds, st.floats(0.1, 10))
def test_affinity_is_a_cosine_whatever_the_scale(seed, scale):
    g = torch.Generator().manual_seed(seed)
    ours, theirs = torch.randn(2, 3, 2, 2, 2, generator=g), torch.randn(2, K, 3, 2, 2, 2, generator=g)
    a = affinity(ours, theirs)
    assert a.shape == (2, K) and (a.abs() <= 1 + 1e-6).all()
    torch.testing.assert_close(affinity(scale * ours, theirs), a, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(affinity(-ours, theirs), -a)
    torch.testing.assert_close(affinity(ours, ours[:, None]), torch.ones(2, 1))
    torch.testing.assert_close(feature_distance(ours, ours[:, None] + scale), torch.full((2, 1), scale**2))


def test_maps_of_nothing_have_no_affinity_and_no_nan():
    zero = torch.zeros(1, 3, 2, 2, 2, requires_grad=True)
    a = affinity(zero, torch.zeros(1, K, 3, 2, 2, 2))
    a.sum().backward()
    assert not a.any() and zero.grad.isfinite().all()


@quick
@given(seeds)
def test_a_divergence_of_two_softmaxes_is_never_negative_and_0_only_for_equals(seed):
    g = torch.Generator().manual_seed(seed)
    ours, theirs = (3 * torch.randn(2, K, 2, 2, 2, generator=g) for _ in range(2))
    assert divergence(ours, theirs).shape == (2,) and (divergence(ours, theirs) > 0).all()
    torch.testing.assert_close(divergence(ours + 5, ours), torch.zeros(2), atol=1e-5, rtol=0)


def test_between_binary_answers_side_by_side_and_a_softmax_it_would_be_none():
    """p log(p / q) as printed of sigmoids that do not add up to one: negative where the teacher doubts everything."""
    doubt, flat = torch.full((K,), -2.2).sigmoid(), torch.full((K,), 1 / K)
    assert (doubt * (doubt / flat).log()).sum() < -0.3


def test_the_divergence_is_the_teachers_from_the_student():
    """It is the student who may not miss what the teacher sees: KL(p^T || p^S), not the other way round."""
    certain, undecided = torch.zeros(1, K, 1, 1, 1), torch.zeros(1, K, 1, 1, 1)
    certain[:, 0] = 20
    assert divergence(undecided, certain).item() == pytest.approx(math.log(K), rel=1e-3)  # student undecided
    assert divergence(certain, undecided).item() == pytest.approx(0.75 * 20 - math.log(K), rel=1e-3)
