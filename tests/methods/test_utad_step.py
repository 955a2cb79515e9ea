"""One step of UTAD-Net: who learns from what, in which precision, and what no network may see."""

from functools import partial
from itertools import pairwise

import pytest
import torch
from torch import Tensor

from medsyn_core.data.volume import region
from medsyn_core.methods import utad
from medsyn_core.networks.blocks import contrast
from medsyn_core.networks.two_branch import STRUCTURES
from tests.methods import small
from tests.methods.small import trace_of

CRITICS = ("global_critic", "local_critic")
LOCAL = ("local_adversarial", "local_classification", "local_critic", "local_penalty", "local_classification_real")


def student(structure="full", tumours=False):
    """A student's recipe whose teacher has fresh weights."""
    torch.manual_seed(5)
    untrained = small.teacher()
    recipe = utad.student(untrained, structure, tumours)
    return recipe.configure(weights=untrained.method.generator().state_dict())


RECIPES = {"teacher": small.teacher, "student": student, "of tumours": partial(student, tumours=True)}
TERMS = {kind: recipe().losses for kind, recipe in RECIPES.items()}


def moving(term):
    """The networks that a term may move, from its player and what its name says."""
    return {"generator"} if term.player == "generator" else {f"{term.name.split('_')[0]}_critic"}


def calls(network):
    """A list that fills with (inputs, output) whenever the network is used."""
    seen = []
    network.register_forward_hook(lambda module, inputs, output: seen.append((inputs, output)))
    return seen


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, table in TERMS.items() for name in table])
def test_every_term_moves_its_networks_and_nobody_elses(kind, name):
    """So a synthetic image's classification never reaches a critic, and a critic's turn never the generator."""
    term = TERMS[kind][name]
    networks, trace = trace_of(RECIPES[kind](), ("generator",) if term.player == "generator" else CRITICS)
    term(trace).backward()
    moved = {n for n, net in networks.items() if any(p.grad is not None and p.grad.any() for p in net.parameters())}
    assert moved == moving(term)


@pytest.mark.parametrize("kind", RECIPES)
def test_each_network_runs_once_for_each_quantity_it_must_produce(kind):
    for player, trained, wanted in (
        (
            "generator",
            ("generator",),
            {"generator": 2, "average": 0, "global_critic": 1, "local_critic": 1, "teacher": 1},
        ),
        ("critic", CRITICS, {"generator": 1, "average": 0, "global_critic": 3, "local_critic": 3, "teacher": 0}),
    ):
        recipe = RECIPES[kind]()
        networks, trace = trace_of(recipe, trained)
        used = {name: calls(network) for name, network in networks.items()}
        recipe.losses.total(recipe.losses.parts(trace, player)).backward()
        assert {name: len(seen) for name, seen in used.items()} == {name: wanted[name] for name in networks}


# -- critics and their penalty


@pytest.mark.parametrize("kind", RECIPES)
def test_critics_see_synthetic_images_that_carry_no_gradient(kind):
    recipe = RECIPES[kind]()
    networks, trace = trace_of(recipe, CRITICS)
    recipe.losses.total(recipe.losses.parts(trace, "critic")).backward()
    assert not trace.translated.requires_grad and not trace.tumour_translated.requires_grad
    assert all(p.grad is None for p in networks["generator"].parameters())
    for critic in CRITICS:
        assert all(p.grad is not None and p.grad.isfinite().all() for p in networks[critic].parameters())


@pytest.mark.parametrize("kind", ["global", "local"])
def test_a_penalty_never_reaches_the_generator_even_if_it_is_not_frozen(kind):
    networks, trace = trace_of(small.teacher(), ("generator", *CRITICS))
    small.teacher().losses[f"{kind}_penalty"](trace).backward()
    assert all(p.grad is None for p in networks["generator"].parameters())


@pytest.mark.parametrize("kind", ["global", "local"])
def test_penalties_are_taken_at_one_random_point_an_image_between_real_and_synthetic(kind):
    networks, trace = trace_of(small.teacher(), CRITICS)
    seen = calls(networks[f"{kind}_critic"])
    getattr(trace, f"{kind}_gradient")
    (((points, _), _),) = seen
    pair = {"global": ("image", "translated"), "local": ("tumour_source", "tumour_translated")}[kind]
    real, fake = (getattr(trace, name) for name in pair)
    mixes = []
    for x, a, b, shows in zip(points.detach(), real, fake, trace.shows, strict=True):
        if kind == "local" and not shows:  # nothing on either side
            assert not x.any()
            continue
        mix = ((x - b) / (a - b))[(a - b).abs() > 0.01]
        assert mix.max() - mix.min() < 1e-3 and 0 <= mix.mean() <= 1  # one for all of its pixels
        mixes.append(round(mix.mean().item(), 3))
    assert len(set(mixes)) == {"global": 4, "local": 3}[kind]


@pytest.mark.parametrize("kind", ["global", "local"])
def test_penalties_are_computed_in_float32_under_mixed_precision(kind):
    networks, trace = trace_of(small.teacher(), CRITICS)
    critic = networks[f"{kind}_critic"]
    seen = calls(critic)
    with torch.autocast("cpu", torch.bfloat16):
        gradient, real = getattr(trace, f"{kind}_gradient"), getattr(trace, f"{kind}_real")
    ((points, code), (score, _)) = seen[0]
    assert real[0].dtype == trace.forth.features.dtype == torch.bfloat16  # all around it is in low precision
    assert gradient.dtype == points.dtype == score.dtype == torch.float32
    (expected,) = torch.autograd.grad(critic(points, code)[0].sum(), points)
    torch.testing.assert_close(gradient, expected, atol=1e-7, rtol=1e-6)


# -- labels


def test_synthetic_images_are_to_be_taken_for_the_target_modality():
    _, trace = trace_of(small.teacher(), ("generator",))
    assert (trace.target != trace.modality).all()
    for kind, weight in (("global", torch.ones(4)), ("local", trace.shows)):
        logits = getattr(trace, f"{kind}_fake")[1]
        by_hand = sum(-w * x.log_softmax(0)[t] for x, t, w in zip(logits, trace.target, weight, strict=True)) / 4
        torch.testing.assert_close(small.teacher().losses[f"{kind}_classification"](trace), by_hand)


def test_critics_learn_the_names_of_real_images_only():
    """With the synthetic images held, another target changes what the generator pays and nothing that critics do."""
    losses = small.teacher().losses
    networks, one = trace_of(small.teacher())
    two = type(one)(networks, one.settings, {name: getattr(one, name) for name in one._given})
    two.target, two.forth = (one.target + 1) % 4, one.forth
    for kind in ("global", "local"):
        name = f"{kind}_classification"
        assert losses[f"{name}_real"](one) == losses[f"{name}_real"](two)
        assert losses[name](one) != losses[name](two) and losses[name].player == "generator"


def test_real_images_are_scored_as_what_they_are_and_synthetic_ones_as_what_they_should_be():
    networks, trace = trace_of(small.teacher())
    for kind, real, fake in (("global", "image", "translated"), ("local", "tumour_source", "tumour_translated")):
        critic = networks[f"{kind}_critic"]
        for name, seen, code in ((f"{kind}_real", real, trace.modality), (f"{kind}_fake", fake, trace.target)):
            maps = critic.heads(critic.features(contrast(getattr(trace, seen)))).mean(dim=(2, 3))  # (B, 2 codes)
            expected = torch.stack([row[m] for row, m in zip(maps, code, strict=True)])
            torch.testing.assert_close(getattr(trace, name)[0], expected)


# -- masks


@pytest.mark.parametrize("name", ["WT", "ET"])
def test_the_mask_is_that_of_each_samples_own_subject(name):
    """Images and labels are mirrored by chance: the mask must follow them, row by row."""
    batch = small.batch_of()
    _, trace = trace_of(small.teacher(region=name))
    mirrored = trace.flip < 0.5
    assert mirrored.any() and not mirrored.all()
    for b in range(4):
        seg = batch["seg"][b].flip(-1) if mirrored[b] else batch["seg"][b]
        assert torch.equal(trace.mask[b, 0], region(seg, name).float())
        assert torch.equal(trace.tumour_source[b], trace.image[b] * trace.mask[b])
    assert trace.shows.tolist() == [1, 1, 0, 1]
    assert all(not torch.equal(a, b) for a, b in pairwise(trace.mask))


@pytest.mark.parametrize("kind", RECIPES)
def test_what_the_local_branch_answers_outside_the_mask_costs_nothing(kind):
    """Neither the consistency nor the local critic sees it, a student's included, whose local branch sees it all."""
    recipe = RECIPES[kind]()
    (_, trace), (_, other) = trace_of(recipe), trace_of(recipe)
    for each, level in ((trace, 0.0), (other, 7.0)):
        for way in ("forth", "back"):
            made = getattr(trace, way)
            setattr(each, way, made._replace(tumour=torch.where(trace.mask > 0, made.tumour, level)))
    for name in (*LOCAL[:2], "local_consistency"):
        assert TERMS[kind][name](trace) == TERMS[kind][name](other), name
    assert not other.tumour_translated[trace.mask == 0].any()


@pytest.mark.parametrize("kind", RECIPES)
def test_local_consistency_takes_the_mask_of_the_sources_subject(kind):
    _, trace = trace_of(RECIPES[kind]())
    by_hand = 0
    for b in range(4):
        mask = (trace.seg[b] > 0).float()
        there = (mask * trace.forth.tumour[b, 0] - mask * trace.forth.image[b, 0]).abs().mean()
        again = (mask * trace.image[b, 0] - mask * trace.back.tumour[b, 0]).abs().mean()
        by_hand = by_hand + (there + again) / 4
    value = TERMS[kind]["local_consistency"](trace)
    torch.testing.assert_close(value, by_hand)
    trace.mask = trace.mask.roll(1, 0)
    assert TERMS[kind]["local_consistency"](trace) != value  # a neighbour's mask would be seen


def test_the_teacher_translates_the_image_and_its_tumour_and_back():
    networks, trace = trace_of(small.teacher())
    seen = calls(networks["generator"])
    assert trace.back is not None
    (forth, _), (back, _) = seen
    for inputs, wanted in (
        (forth, (trace.image, trace.image * trace.mask, trace.target)),
        (back, (trace.translated, trace.translated * trace.mask, trace.modality)),
    ):
        assert all(torch.equal(a, b) for a, b in zip(inputs, wanted, strict=True))


@pytest.mark.parametrize("structure", STRUCTURES)
def test_no_mask_reaches_the_student(structure):
    """Other labels change its losses, but nothing that its networks are given, nor what they answer."""
    recipe, batch = student(structure, tumours=True), small.batch_of()
    other = batch | {"seg": batch["seg"].roll((3, 2), dims=(-1, -2))}
    answers = []
    for given in (batch, other):
        networks, trace = trace_of(recipe, batch=given)
        seen, taught = calls(networks["generator"]), calls(networks["teacher"])
        recipe.losses.total(recipe.losses.parts(trace, "generator"))
        ((whole, local, _), _), ((whole_back, local_back, _), _) = seen
        assert whole is local is trace.image and whole_back is local_back is trace.translated
        (((_, tumour, _), _),) = taught
        assert torch.equal(tumour, trace.image * trace.mask)  # the teacher does get it
        answers.append([x for _, output in seen for x in output if isinstance(x, Tensor)])
        answers[-1].append(trace.tumour_source)
    *one, tumour_one = answers[0]
    *two, tumour_two = answers[1]
    assert all(torch.equal(a, b) for a, b in zip(one, two, strict=True))
    assert not torch.equal(tumour_one, tumour_two)


@pytest.mark.parametrize(("structure", "parts"), STRUCTURES.items())
def test_without_a_local_decoder_the_crop_of_the_whole_image_stands_in(structure, parts):
    _, trace = trace_of(student(structure))
    crops = (trace.translated * trace.mask, trace.reconstructed * trace.mask)
    for answer, crop in zip((trace.tumour_translated, trace.tumour_reconstructed), crops, strict=True):
        assert torch.equal(answer, crop) == (not parts[1])


# -- slices without tumour


@pytest.mark.parametrize("kind", RECIPES)
def test_slices_without_tumour_give_the_local_critic_exactly_nothing(kind):
    recipe, batch = RECIPES[kind](), small.batch_of()
    batch["seg"] = torch.zeros_like(batch["seg"])
    for player, trained in (("generator", ("generator",)), ("critic", CRITICS)):
        networks, trace = trace_of(recipe, trained, batch)
        parts = recipe.losses.parts(trace, player)
        recipe.losses.total(parts).backward()
        assert [parts[name].item() for name in LOCAL if name in parts] == [0.0] * sum(n in parts for n in LOCAL)
        for name in trained:
            gradients = [p.grad for p in networks[name].parameters()]
            assert all(g.isfinite().all() for g in gradients)
            assert any(g.any() for g in gradients) == (name != "local_critic")


def test_a_slice_without_tumour_is_counted_but_weighs_nothing():
    """Three of four samples show a tumour: the mean is three quarters of theirs, whatever the fourth looks like."""
    batch = small.batch_of()
    kept = {name: value[[0, 1, 3]] for name, value in batch.items()}
    networks, four = trace_of(small.teacher())
    three = type(four)(networks, four.settings, {n: getattr(four, n)[[0, 1, 3]] for n in four._given})
    assert set(kept) <= set(four._given)
    for name in LOCAL:
        value = small.teacher().losses[name]
        torch.testing.assert_close(value(four), 0.75 * value(three), atol=1e-5, rtol=1e-4)


def test_a_trace_shows_itself_after_its_translations_were_read():
    _, trace = trace_of(RECIPES["teacher"]())
    assert trace.forth is not None
    assert "(4, 1, 16, 16) float32, (4, 1, 16, 16) float32" in repr(trace)
