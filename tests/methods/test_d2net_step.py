"""One step of D²-Net: who learns from what, what is computed once or not at all, and what stands where."""

import pytest
import torch

from medsyn_core.losses import modality_contrast
from medsyn_core.methods.d2net_step import CLASSES
from tests.methods import small_d2net as small

LOSSES = small.recipe().losses
MODAL = {"modality_encoder"}
SHARED = {"tumour_encoder", "modality_encoder", "projection", "content"}
MOVES = {
    "spatial_contrast": MODAL,
    "frequency_contrast": MODAL,
    "reconstruction": {"tumour_encoder", "modality_encoder", "reconstruction"},
    "auxiliary": SHARED | {"teacher", "teacher_sides"},
    "feature_distillation": SHARED | {"teacher", "fusion", "student"},
    "logit_distillation": SHARED | {"teacher", "fusion", "student", "teacher_sides", "student_sides"},
    "consistency": SHARED | {"teacher", "fusion", "student"},
    "dice": SHARED | {"fusion", "student"},
    "cross_entropy": SHARED | {"fusion", "student"},
}


def moved(networks):
    return {n for n, net in networks.items() if any(p.grad is not None and p.grad.any() for p in net.parameters())}


def values(recipe=None, batch=None):
    _, trace = small.trace_of(recipe, batch=batch)
    return {name: value.item() for name, value in LOSSES.parts(trace, "segmenter").items()}


# -- who learns from what


@pytest.mark.parametrize("name", LOSSES)
def test_every_term_moves_its_networks_and_nobody_elses(name):
    networks, trace = small.trace_of()
    LOSSES[name](trace).backward()
    assert moved(networks) == MOVES[name]


def test_every_weight_learns():
    networks, trace = small.trace_of()
    LOSSES.total(LOSSES.parts(trace, "segmenter")).backward()
    for name, network in networks.items():
        assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters()), name
    assert moved(networks) == set(small.EVERYTHING) == set(networks)


@pytest.mark.parametrize("network", ["reconstruction", "teacher", "student"])
def test_every_decoder_learns_from_feature_and_skips(network):
    """Each from its own copies: within the encoder, z comes of the skips."""
    _, trace = small.trace_of()
    z, skips = trace.encoded.z.detach().requires_grad_(), [x.detach().requires_grad_() for x in trace.encoded.skips]
    trace.encoded = trace.encoded._replace(z=z, skips=tuple(skips))
    output = trace.reconstructed if network == "reconstruction" else getattr(trace, network).output
    assert all(slope.any() for slope in torch.autograd.grad(output.square().sum(), [z, *skips]))


def test_the_frequency_loss_has_a_gradient_to_the_codes():
    _, trace = small.trace_of()
    (slope,) = torch.autograd.grad(LOSSES["frequency_contrast"](trace), trace.modality.codes)
    there = trace.slices
    assert slope[there].ne(0).all() and not slope[~there].any()


@pytest.mark.parametrize("level", range(5))
def test_at_lower_levels_the_frequency_loss_teaches_the_layers_below(level):
    """Of the image itself there is nothing to learn: the level of table VIII that the paper calls its input."""
    networks, trace = small.trace_of(small.recipe(frequency_level=level))
    value = LOSSES["frequency_contrast"](trace)
    assert value.isfinite() and value.requires_grad == (level > 0)
    if level:
        value.backward()
        stack = networks["modality_encoder"].stacks[0]
        assert [p.weight.grad is not None for p in stack] == [k < level for k in range(4)]
    what = [trace.images[:, :, :, None], *trace.modality.maps][level] if level < 4 else trace.modality.codes
    by_hand = torch.fft.fft2(what).abs().flatten(3) if level < 4 else torch.fft.fft(what).abs()
    torch.testing.assert_close(trace.spectra, by_hand)
    assert trace.spectra.shape[:3] == (2, 4, 8)


@pytest.mark.parametrize("reaches", [False, True])
def test_whether_gradients_reach_the_affinities_is_a_setting(reaches):
    assert small.recipe().method.affinity_gradient is False
    _, trace = small.trace_of(small.recipe(affinity_gradient=reaches))
    assert trace.affinities.requires_grad == reaches
    _, other = small.trace_of(small.recipe(affinity_gradient=not reaches))
    torch.testing.assert_close(trace.affinities, other.affinities)
    slopes = [
        torch.autograd.grad(LOSSES["feature_distillation"](t), t.student_bank.features[0])[0] for t in (trace, other)
    ]
    assert not torch.allclose(*slopes, atol=1e-7)


def test_affinities_are_cosines_that_never_repel():
    _, trace = small.trace_of()
    assert trace.affinities.shape == (2, 2, 2, CLASSES)
    assert (trace.affinities >= 0).all() and (trace.affinities <= 1).all() and trace.affinities.any()
    turned = [-x for x in trace.teacher_bank.features]
    trace = small.trace_of()[1]
    trace.teacher_bank = trace.teacher_bank._replace(features=turned)
    before = small.trace_of()[1].affinities
    assert not trace.affinities[before > 0].any()


# -- once, or not at all


def calls(networks):
    counts = dict.fromkeys(networks, 0)
    for name, network in networks.items():
        network.register_forward_hook(lambda *_, name=name: counts.update({name: counts[name] + 1}))
    return counts


BANKS = {"teacher_bank", "student_bank", "resized", "affinities"}
TEACHER = {"teacher", "teacher_output"} | BANKS
CONTRASTS = ("spatial_contrast", "frequency_contrast")
NO_DISTILLATION = ("feature_distillation", "logit_distillation")
IDLE = {
    "nothing": ((), set(), set()),
    "frequency": (("frequency_contrast",), {"spectra"}, set()),
    "reconstruction": (("reconstruction",), {"reconstructed"}, {"reconstruction"}),
    "distillation": (NO_DISTILLATION, BANKS - {"teacher_bank"}, {"student_sides"}),
    "teacher": (tuple(small.WITHOUT_TEACHER), TEACHER, {"teacher", "teacher_sides", "student_sides"}),
    "student": (
        tuple(n for n in LOSSES if n not in ("spatial_contrast", "auxiliary")),
        {"spectra", "reconstructed", "holistic", "student"} | BANKS - {"teacher_bank"},
        {"reconstruction", "fusion", "student", "student_sides"},
    ),
    "all but contrast": (
        tuple(n for n in LOSSES if n not in CONTRASTS),
        {"encoded", "class_codes", "class_features", "reconstructed", "holistic", "student"} | TEACHER,
        set(small.EVERYTHING) - MODAL,
    ),
}


@pytest.mark.parametrize("dropped", IDLE)
def test_each_network_runs_once_and_for_weight_0_nothing_is_computed(dropped):
    terms, entries, networks_idle = IDLE[dropped]
    networks, trace = small.trace_of()
    counts = calls(networks)
    table = LOSSES.edit(**dict.fromkeys(terms, 0))
    table.total(table.parts(trace, "segmenter")).backward()
    assert counts == {name: int(name not in networks_idle) for name in networks}
    names = {n for n in trace.names() if n not in ("images", "present", "labels", "subject")}
    assert {name for name in names if name not in vars(trace)} == entries


# -- what stands where


@torch.no_grad()
def test_what_the_trace_names_is_what_the_paper_does():
    """Sample by sample, modality by modality and class by class."""
    networks, trace = small.trace_of()
    z, skips = networks["tumour_encoder"](trace.images)
    brain = (trace.images != 0).any(dim=1).flatten(2).any(dim=2)  # (B, G)
    mean = lambda codes, b: codes[b, :, brain[b]].mean(dim=1)  # over the slices that show brain
    assert brain.sum(dim=1).tolist() == [7, 8]
    for b in range(2):
        mine = [s[b : b + 1] for s in skips]
        codes = networks["modality_encoder"](trace.images)[0][b : b + 1] * trace.present[b][None, :, None, None]
        torch.testing.assert_close(trace.modality.codes[b : b + 1], codes)
        for m in range(4):
            back = networks["reconstruction"](z[b : b + 1], mine, mean(trace.modality.codes, b)[m : m + 1]).output
            torch.testing.assert_close(trace.reconstructed[b, m], back[0, 0] * trace.present[b, m])
        classes = networks["projection"](codes)
        torch.testing.assert_close(trace.class_codes[b], classes[0])
        seen = []
        for k in range(CLASSES):
            seen.append(networks["content"](z[b : b + 1], mean(trace.class_codes, b)[k : k + 1]))
            torch.testing.assert_close(trace.class_features[b, k], seen[-1][0])
            decoded = networks["teacher"](seen[-1], mine)
            torch.testing.assert_close(trace.teacher_output[b, k], decoded.output[0, 0])
            logits = networks["teacher_sides"](decoded.layers)
            for layer in range(2):
                torch.testing.assert_close(trace.teacher_bank.features[layer][b, k], decoded.layers[layer][0])
                torch.testing.assert_close(trace.teacher_bank.logits[layer][b, k], logits[layer][0, 0])
        fused = networks["fusion"](torch.cat(seen, dim=1))
        torch.testing.assert_close(trace.holistic[b], fused[0])
        decoded = networks["student"](fused, mine)
        torch.testing.assert_close(trace.student.output[b], decoded.output[0])
        logits = networks["student_sides"](decoded.layers)
        for layer in range(2):
            torch.testing.assert_close(trace.student_bank.features[layer][b], decoded.layers[layer][0])
            torch.testing.assert_close(trace.student_bank.logits[layer][b], logits[layer][0])


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_as_many_layers_are_distilled_as_the_settings_say(layers):
    """From coarse to fine; one more than a decoder has adds what goes into it."""
    _, trace = small.trace_of(small.recipe(layers=layers))
    first = {1: [2], 2: [2, 4], 3: [1, 2, 4]}[layers]
    for bank, classes in ((trace.student_bank, ()), (trace.teacher_bank, (CLASSES,))):
        assert [tuple(x.shape) for x in bank.features] == [(2, *classes, 4, *3 * (2 * side,)) for side in first]
        assert [tuple(x.shape) for x in bank.logits] == [(2, CLASSES, *3 * (2 * side,)) for side in first]
    assert trace.affinities.shape == (layers, layers, 2, CLASSES)
    if layers == 3:
        assert torch.equal(trace.student_bank.features[0], trace.holistic)
        assert torch.equal(trace.teacher_bank.features[0], trace.class_features)


@pytest.mark.parametrize("shrink", [2, 4])
def test_a_compressed_student_is_compared_with_the_whole_teacher(shrink):
    networks, trace = small.trace_of(small.recipe(shrink=shrink))
    LOSSES.total(LOSSES.parts(trace, "segmenter")).backward()
    assert [x.shape[1] for x in trace.student_bank.features] == [4 // shrink] * 2
    assert [x.shape[2] for x in trace.teacher_bank.features] == [4, 4] and moved(networks) == set(networks)


def test_without_projection_each_class_takes_a_modalitys_code():
    networks, trace = small.trace_of(small.recipe(project=False))
    assert torch.equal(trace.class_codes, trace.modality.codes) and not list(networks["projection"].parameters())


def test_slices_are_those_with_brain_of_modalities_that_are_there():
    _, trace = small.trace_of(small.recipe(dropout=0.0))
    expected = torch.ones(2, 4, 8, dtype=torch.bool)
    expected[0, :, 7] = expected[1, 2] = False
    assert torch.equal(trace.slices, expected)


def test_the_contrast_compares_the_settings_slices(monkeypatch):
    seen, real = [], modality_contrast.modality_contrast
    monkeypatch.setattr(modality_contrast, "modality_contrast", lambda *how: seen.append(how) or real(*how))
    for distance, wanted in ((3, modality_contrast.sampled_slice_pairs(4, 8, 3, 2, 1)), (0, None)):
        _, trace = small.trace_of(small.recipe(distance=distance, positives=2, temperature=0.2))
        for name in CONTRASTS:
            LOSSES[name](trace)
            codes, present, positive, negative, temperature = seen.pop()
            wanted = wanted or modality_contrast.all_slice_pairs(4, 8)
            assert torch.equal(positive, wanted[0]) and torch.equal(negative, wanted[1]) and temperature == 0.2
            assert torch.equal(present, trace.slices) and codes.shape == (2, 4, 8, 8)
            assert not positive.diagonal().any()  # the positive slice is never the anchor
