"""The contrastive core and HiFi-Syn's three granularities: who is compared with whom, what absent structures, ties and
low precision do, and how large it gets."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from medsyn_core.losses import contrastive
from medsyn_core.losses.contrastive import contrast, cosine, numerator_weighted_contrast, weighted_contrast
from tests.twins import random

TAU = 0.1
seeds = st.integers(0, 9999)


def masks(anchors, others, seed=0):
    """(positive, negative) of anchors with `others` candidates each: the first one and the rest of a random half."""
    positive = torch.zeros(anchors, others, dtype=torch.bool)
    positive[:, 0] = True
    return positive, (random(anchors, others, seed=seed) > 0) & ~positive


# -- the core


@settings(deadline=None)
@given(st.integers(0, 8), st.floats(-1, 1), st.floats(0.02, 2))
def test_the_positive_is_in_its_own_denominator_exactly_once(negatives, level, temperature):
    """With all similarities alike its share is one of 1 + negatives; twice would be 2, never would have no bound."""
    similarity = torch.full((1, 1 + negatives), level)
    positive = torch.arange(1 + negatives)[None] == 0
    for negative in (~positive, torch.ones_like(positive)):  # also if it were called a negative too
        value = contrast(similarity, positive, negative, temperature)
        assert value.item() == pytest.approx(math.log(1 + negatives), abs=1e-4)


@settings(deadline=None)
@given(seeds, st.integers(1, 6))
def test_the_loss_is_never_negative_and_0_without_negatives(seed, count):
    similarity = random(3, count, seed=seed)
    positive, negative = masks(3, count, seed)
    assert (contrast(similarity, positive, negative, TAU) >= 0).all()
    alone = contrast(similarity, positive, torch.zeros_like(negative), TAU)
    torch.testing.assert_close(alone, torch.zeros(3))


def test_what_is_neither_positive_nor_negative_is_not_compared():
    similarity = random(2, 5, seed=1).requires_grad_()
    positive, negative = masks(2, 5, seed=3)
    ignored = ~(positive | negative)
    value = contrast(similarity, positive, negative, TAU)
    value.sum().backward()
    assert ignored.any() and not similarity.grad[ignored].any() and (similarity.grad[~ignored] != 0).all()
    changed = torch.where(ignored, 9.0, similarity)
    assert torch.equal(contrast(changed, positive, negative, TAU), value)


def test_several_positives_are_averaged():
    similarity, negative = random(1, 4, seed=2), torch.tensor([[False, False, True, True]])
    both = contrast(similarity, ~negative, negative, TAU)
    shares = (similarity / TAU).log_softmax(dim=1)
    assert both.item() == pytest.approx(-(shares[0, 0] + shares[0, 1]).item() / 2)


def test_an_anchor_without_a_positive_gives_nothing_and_no_nan():
    similarity = random(3, 4, seed=4).requires_grad_()
    positive, negative = masks(3, 4)
    positive[1] = negative[1] = False  # nothing at all to compare with
    positive[2], negative[2] = False, True  # negatives alone
    value = contrast(similarity, positive, negative, TAU)
    value.sum().backward()
    assert value[0] > 0 and value[1:].tolist() == [0, 0]
    assert similarity.grad.isfinite().all() and not similarity.grad[1:].any()


@pytest.mark.parametrize("weight", [0.0, 0.3, 1.0])
def test_the_printed_weight_repels_a_positive_that_is_likelier_than_it(weight):
    """The gradient on the positive's similarity: (p - w) / tau as printed, w (p - 1) / tau of a weighted term."""
    similarity = torch.tensor([[0.5, 0.45, 0.2]], dtype=torch.float64, requires_grad=True)
    positive = torch.tensor([[True, False, False]])
    share = (similarity / TAU).softmax(dim=1)[0, 0].item()
    slopes = {}
    for weigh in (weighted_contrast, numerator_weighted_contrast):
        value = weigh(similarity, positive, ~positive, TAU, torch.tensor([weight])).sum()
        slopes[weigh] = torch.autograd.grad(value, similarity)[0][0, 0].item()
    assert slopes[numerator_weighted_contrast] == pytest.approx((share - weight) / TAU, abs=1e-5)
    assert slopes[weighted_contrast] == pytest.approx(weight * (share - 1) / TAU, abs=1e-5)
    assert slopes[weighted_contrast] <= 0 and 0.3 < share < 1  # so w = 0.3 repels as printed
    assert (slopes[numerator_weighted_contrast] > 0) == (weight < share)


@settings(deadline=None)
@given(seeds, st.floats(0.001, 1000), st.floats(0.001, 1000))
def test_cosines_do_not_depend_on_length_and_lie_between_minus_1_and_1(seed, one, other):
    a, b = random(4, 6, seed=seed).float(), random(3, 6, seed=seed + 1).float()
    value = cosine(a, b)
    torch.testing.assert_close(cosine(one * a, other * b), value, atol=1e-5, rtol=1e-4)
    assert value.shape == (4, 3) and value.abs().max() <= 1 + 1e-6
    torch.testing.assert_close(cosine(a, a).diagonal(), torch.ones(4))


def test_a_row_of_zeros_is_similar_to_nothing():
    assert cosine(torch.zeros(1, 3), torch.rand(2, 3)).tolist() == [[0, 0]]


# -- pixels

SUBJECT = torch.tensor([7, 7, 2])  # two slices of one subject, one of another
STRUCTURE = torch.tensor([[0, 1], [0, 2], [0, 1]])


@pytest.mark.parametrize("annotated", [True, False])
def test_who_is_whose_positive_and_negative_among_pixels(annotated):
    positive, negative = contrastive.pixel_pairs(SUBJECT, STRUCTURE if annotated else None, 2)
    where = [(SUBJECT[g].item(), STRUCTURE[g, p].item()) for g in range(3) for p in range(2)]
    for a, (who, what) in enumerate(where):
        for k, (other, kind) in enumerate(where * 2):
            assert positive[a, k] == (k == 6 + a)
            foreign = other != who or (annotated and kind != what)
            assert negative[a, k] == (foreign and k != 6 + a)


def test_pixels_of_other_subjects_are_negatives_even_in_the_same_modality_and_structure():
    """All of one image of each of two subjects, nothing annotated or all of one structure."""
    for structure in (None, torch.zeros(2, 3, dtype=torch.int64)):
        _, negative = contrastive.pixel_pairs(torch.tensor([4, 9]), structure, 3)
        assert negative[:3, 3:6].all() and negative[:3, 9:].all() and not negative[:3, [0, 1, 2, 6, 7, 8]].any()


@settings(deadline=None)
@given(st.permutations(range(3)), st.permutations(range(4)))
def test_no_loss_cares_about_the_order_of_images_or_pixels(images, pixels):
    images, pixels = list(images), list(pixels)
    z, t = random(3, 4, 5, seed=1), random(3, 4, 5, seed=2)
    structure = torch.tensor([[0, 1, 1, 2], [0, 0, 2, 2], [1, 1, 1, 0]])
    value = contrastive.pixel_discrimination(z, t, SUBJECT, structure, TAU)
    again = [x[images][:, pixels] for x in (z, t, structure)]
    torch.testing.assert_close(contrastive.pixel_discrimination(*again[:2], SUBJECT[images], again[2], TAU), value)


# -- structures


def regions_of(content, translated, structure, subject, count=4):
    """Arguments of `region_discrimination` of some images' structures, weighted by rank."""
    means, present = contrastive.structure_means(content, structure, count)
    again, _ = contrastive.structure_means(translated, structure, count)
    deformation = contrastive.mean_deformation(content, translated, structure, count)
    weight = contrastive.rank_weights(deformation, present, 0.5)
    kind = torch.arange(count).repeat(len(content))
    flat = [x.flatten(0, 1) for x in (means, again)]
    return (*flat, subject.repeat_interleave(count), kind, present.flatten(), TAU, weight.flatten())


def structured(seed, shape=(3, 5, 4, 4)):
    g = torch.Generator().manual_seed(seed)
    content, translated = (random(*shape, seed=seed + k).requires_grad_() for k in (0, 1))
    structure = torch.randint(0, 4, (shape[0], *shape[2:]), generator=g)
    structure[0][structure[0] == 2] = 1  # image 0 lacks structure 2
    structure[2] = 0  # image 2 is all background
    return content, translated, structure


both_weightings = pytest.mark.parametrize("weigh", [weighted_contrast, numerator_weighted_contrast])


@both_weightings
def test_absent_structures_contribute_nothing_and_no_nan(weigh):
    """The loss is that of the structures that are there, taken out by hand, in value and in gradient."""
    content, translated, structure = structured(5)
    args = regions_of(content, translated, structure, SUBJECT)
    there = args[4]
    value = contrastive.region_discrimination(*args, weigh)
    gradient = torch.autograd.grad(value, (content, translated), retain_graph=True)
    alone = [x[there] if torch.is_tensor(x) else x for x in args]
    expected = contrastive.region_discrimination(*alone, weigh)
    torch.testing.assert_close(value, expected)
    for ours, theirs in zip(gradient, torch.autograd.grad(expected, (content, translated)), strict=True):
        assert ours.isfinite().all() and ours.any()
        torch.testing.assert_close(ours, theirs)
    assert not there.all()


@both_weightings
def test_whatever_stands_in_the_place_of_an_absent_structure_is_not_looked_at(weigh):
    args = list(regions_of(*structured(6), SUBJECT))
    value = contrastive.region_discrimination(*args, weigh)
    for k in (0, 1):
        args[k] = torch.where(args[4][:, None], args[k], 1e3)
    assert torch.equal(contrastive.region_discrimination(*args, weigh), value)


def test_a_batch_that_shows_nothing_costs_nothing():
    features = torch.zeros(4, 3, requires_grad=True)
    nobody, kind = torch.zeros(4, dtype=torch.bool), torch.arange(4)
    value = contrastive.region_discrimination(features, features, kind, kind, nobody, TAU, torch.ones(4))
    value.backward()
    assert value.item() == 0 and not features.grad.any() and features.grad.isfinite().all()


def test_who_is_whose_positive_and_negative_among_regions():
    who, kind = torch.tensor([7, 7, 7, 2]), torch.tensor([0, 1, 0, 0])
    present = torch.tensor([True, True, True, True])
    for missing in (None, 1, 3):
        there = present.clone()
        if missing is not None:
            there[missing] = False
        positive, negative = contrastive.group_pairs(who, kind, there)
        for a in range(4):
            for k in range(8):
                other, seen = k % 4, bool(there[a] and there[k % 4])
                assert positive[a, k] == (seen and k == 4 + a)
                assert negative[a, k] == (seen and (who[a] != who[other] or kind[a] != kind[other]))


def test_images_of_one_subject_alone_have_nothing_to_be_told_from():
    """Two slices, one region each, as the global comparison sees them."""
    z, one, whole = random(2, 4, seed=7), torch.tensor([3, 3]), torch.zeros(2, dtype=torch.int64)
    args = (whole, whole == 0, 1.0, torch.ones(2))
    assert contrastive.region_discrimination(z, z, one, *args).item() == 0
    assert contrastive.region_discrimination(z, z, torch.tensor([3, 4]), *args).item() > 0


# -- ranks


def test_ties_share_the_better_rank():
    deformation = torch.tensor([[3.0, 1, 3, 2, 1], [0, 0, 0, 0, 0]])
    weights = contrastive.rank_weights(deformation, torch.ones(2, 5, dtype=torch.bool), 0.5)
    assert weights.tolist() == [
        pytest.approx([math.exp(-0.5 * r) for r in ranks]) for ranks in ([0, 3, 0, 2, 3], [0] * 5)
    ]


@settings(deadline=None)
@given(seeds, st.floats(0, 3), st.permutations(range(5)))
def test_more_deformed_structures_weigh_more_whatever_their_order(seed, alpha, order):
    deformation, present = random(2, 5, seed=seed), random(2, 5, seed=seed + 1) > -0.4
    order = list(order)
    weights = contrastive.rank_weights(deformation, present, alpha)
    assert torch.equal(contrastive.rank_weights(deformation[:, order], present[:, order], alpha), weights[:, order])
    assert (weights <= 1).all() and not weights[~present].any()
    for b in range(2):
        ranked = weights[b, present[b]][deformation[b, present[b]].argsort(descending=True)]
        expected = [math.exp(-alpha * rank) for rank in range(len(ranked))]
        assert ranked.tolist() == pytest.approx(expected)


def test_totals_rank_by_area_and_can_turn_the_order_round():
    """A large structure hardly deformed, a small one much: a mean ranks the small one first, a total the large one."""
    structure = torch.zeros(1, 4, 4, dtype=torch.int64)
    structure[0, 0, 0] = 1
    content = torch.zeros(1, 2, 4, 4)
    translated = torch.where(structure[:, None] == 1, 0.9, 0.1).expand(1, 2, 4, 4)
    mean, total = (
        f(content, translated, structure, 2) for f in (contrastive.mean_deformation, contrastive.total_deformation)
    )
    torch.testing.assert_close(mean, torch.tensor([[0.1, 0.9]]))
    torch.testing.assert_close(total, torch.tensor([[1.5, 0.9]]))


# -- precision and size


def test_low_precision_changes_nothing_but_the_features_own_rounding():
    """A temperature of 0.01 makes exponents of 100: their logarithm must be taken in float32."""
    z, t, structure = (x.detach().float() if x.is_floating_point() else x for x in structured(8, (3, 64, 4, 4)))
    flat = lambda x: x.flatten(2).transpose(1, 2)
    pixels = lambda z, t: contrastive.pixel_discrimination(flat(z), flat(t), SUBJECT, structure.flatten(1), 0.01)
    regions = lambda z, t: contrastive.region_discrimination(*regions_of(z, t, structure, SUBJECT))
    for loss in (pixels, regions):
        low = [x.bfloat16().requires_grad_() for x in (z, t)]
        with torch.autocast("cpu", torch.bfloat16):
            inside, rounded = loss(z, t), loss(*low)
        assert inside.dtype == rounded.dtype == torch.float32
        torch.testing.assert_close(inside, loss(z, t), atol=1e-6, rtol=1e-6)
        torch.testing.assert_close(rounded, loss(*(x.float() for x in low)), atol=1e-6, rtol=1e-6)
        assert all(g.isfinite().all() for g in torch.autograd.grad(rounded, low))


@pytest.mark.parametrize("temperature", [1e-3, 10.0])
def test_no_temperature_overflows(temperature):
    z = random(3, 4, 5, seed=9).float().requires_grad_()
    value = contrastive.pixel_discrimination(z, z.flip(0), SUBJECT, None, temperature)
    value.backward()
    assert value.isfinite() and z.grad.isfinite().all()


def test_pixels_of_a_blank_image_have_no_direction_and_no_gradient():
    """Instance normalisation makes their content exactly 0, where a cosine has no derivative."""
    z, t = random(3, 4, 5, seed=10).float(), random(3, 4, 5, seed=11).float()
    z[1] = t[1] = 0
    z.requires_grad_()
    value = contrastive.pixel_discrimination(z, t, SUBJECT, None, TAU)
    value.backward()
    assert value.isfinite() and z.grad[0].any() and not z.grad[1].any()
