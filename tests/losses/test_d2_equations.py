"""d2-1 … d2-11: what the loss table computes from a trace made by hand, against naive twins in loops, in value and in
gradient, and how far the forms as printed are from it."""

from itertools import product

import pytest
import torch

from medsyn_core.losses import dense_distillation as dense
from medsyn_core.losses import modality_contrast, segmentation
from medsyn_core.methods.d2net import D2Net, recipe
from medsyn_core.methods.d2net_step import LOSSES, Bank, D2Trace, SliceCodes
from tests.losses.d2_twins import (
    ANSWER,
    BACK,
    CODES,
    FEATURES,
    LABELS,
    LOGITS,
    PAIRS,
    PRESENT,
    SIDES,
    SMALL,
    STUDENT,
    TAU,
    TEACHER,
    THERE,
    B,
    G,
    K,
    M,
    N,
    X,
    twin_affinity,
    twin_amplitude,
    twin_binary,
    twin_consistency,
    twin_cross_entropy,
    twin_dft,
    twin_dice,
    twin_features,
    twin_logits,
    twin_mean,
    twin_reconstruction,
    twin_small,
    twin_spectra,
    twin_terms,
    voxels,
)
from tests.twins import agree, random

LEARNT = {"affinity_gradient": True}


@pytest.fixture(autouse=True)
def all_in_float64(monkeypatch):
    """Losses are computed in float32, whatever comes in; finite differences need more."""
    monkeypatch.setattr(torch.Tensor, "float", torch.Tensor.double)


def value_of(name, settings=(), **given):
    """A term of a trace whose entries are given instead of computed: it has no networks."""
    return LOSSES[name](D2Trace({}, D2Net(**{"temperature": TAU} | dict(settings)), given))


class Student:
    """What terms read of a decoder's answer."""

    def __init__(self, output):
        self.output = output


def banks(t0, t1, s0, s1, sides=SIDES):
    """Two layers of the teacher and two of the student, with their auxiliary classifiers' answers."""
    return {"teacher_bank": Bank((t0, t1), tuple(sides[:2])), "student_bank": Bank((s0, s1), tuple(sides[2:]))}


pairs = pytest.mark.parametrize("pairs", PAIRS)


@pairs
def test_d2_1(pairs):
    settings, partners = PAIRS[pairs]
    ours = lambda c: value_of("spatial_contrast", settings, modality=SliceCodes(c, ()), slices=THERE)
    agree(ours, lambda c: twin_mean(c, partners), CODES)


def test_d2_2():
    """Also of the two axes of a map, rows then columns."""
    probe = random(N, seed=1)
    agree(
        lambda c: (probe * modality_contrast.amplitude(c)).sum(),
        lambda c: sum(p * abs(z) for p, z in zip(probe, twin_dft(c), strict=True)),
        CODES[0, 0, 0],
    )
    probe = random(3, 4, seed=2)

    def twin(image):
        rows = torch.stack([torch.stack(twin_dft(row)) for row in image])
        return sum(probe[k, l] * abs(twin_dft(rows[:, l])[k]) for k, l in voxels((3, 4)))

    agree(lambda x: (probe * modality_contrast.amplitude(x, axes=2)).sum(), twin, random(3, 4, seed=3))


def test_d2_3():
    probe = random(N, seed=4)
    twin = lambda c: sum(p * a for p, a in zip(probe, twin_amplitude(c), strict=True))
    agree(lambda c: (probe * modality_contrast.amplitude(c)).sum(), twin, CODES[1, 0, 2])


@pairs
def test_d2_4(pairs):
    settings, partners = PAIRS[pairs]
    ours = lambda c: value_of("frequency_contrast", settings, modality=SliceCodes(c, ()), slices=THERE)
    agree(ours, lambda c: twin_mean(twin_spectra(c), partners), CODES)


def test_d2_5():
    """Of complete images: the printed 1 / (M G²) counts the pairs v = u that the sum leaves out; a mean does not."""
    settings, partners = PAIRS["all"]
    names, there = ("spatial_contrast", "frequency_contrast"), torch.ones(1, M, G, dtype=torch.bool)
    ours = lambda c: sum(value_of(name, settings, modality=SliceCodes(c, ()), slices=there) for name in names)
    printed = lambda c: sum(sum(twin_terms(x, partners, there)) for x in (c, twin_spectra(c))) / (M * G**2)
    agree(lambda c: (G - 1) / G * ours(c), printed, CODES[:1])


def test_d2_6():
    rest = {name: 0 for name, term in LOSSES.items() if term.equation not in ("d2-1", "d2-4", "d2-6")}
    table, (settings, partners) = LOSSES.edit(**rest), PAIRS["sampled"]
    method = D2Net(temperature=TAU, **settings)

    def ours(codes, back):
        given = {"modality": SliceCodes(codes, ()), "slices": THERE, "images": X, "present": PRESENT}
        trace = D2Trace({}, method, given | {"reconstructed": back})
        return table.total(table.parts(trace, "segmenter"))

    contrasts = lambda c: twin_mean(c, partners) + twin_mean(twin_spectra(c), partners)
    agree(ours, lambda c, back: contrasts(c) + twin_reconstruction(X, back), CODES, BACK)


def test_d2_7():
    agree(lambda x: segmentation.one_against_rest(x, LABELS), lambda x: -twin_binary(x, LABELS), LOGITS)

    def ours(answer, side):
        return value_of("auxiliary", teacher_output=answer, teacher_bank=Bank((), (side,)), labels=LABELS)

    twin = lambda answer, side: -(twin_binary(answer, LABELS) + twin_binary(side, twin_small(LABELS))) / 2
    agree(ours, twin, LOGITS, random(B, K, *SMALL, seed=9))


def test_d2_8():
    probe = random(B, K, seed=12)
    every = list(product(range(B), range(K)))
    twin = lambda s, t: sum(probe[b, k] * twin_affinity(s[b], t[b, k]) for b, k in every)
    agree(lambda s, t: (probe * dense.affinity(s, t)).sum(), twin, STUDENT, TEACHER)


def test_with_norms_over_whole_maps_an_affinity_would_be_a_cosine_divided_by_their_size():
    """Then two maps that are the same would be the less alike the larger they are."""
    for b, scale in product(range(B), (1.0, 7.0)):
        ours, theirs = STUDENT[b : b + 1], scale * STUDENT[b : b + 1, None]
        whole = (ours * theirs[0] / (ours.norm() * theirs.norm())).mean()
        assert whole.item() == pytest.approx(1 / ours.numel())
        assert dense.affinity(ours, theirs).item() == pytest.approx(1)


def test_d2_9():
    """With affinities that are part of the gradient, as printed; some of them are negative, and count as 0."""
    agree(lambda *f: value_of("feature_distillation", LEARNT, **banks(*f)), lambda *f: twin_features(f), *FEATURES)
    ours = lambda *sides: value_of("logit_distillation", LEARNT, **banks(*FEATURES, sides))
    agree(ours, lambda *sides: twin_logits(FEATURES, sides), *SIDES)
    ours = lambda *f: value_of("logit_distillation", LEARNT, **banks(*f))
    agree(ours, lambda *f: twin_logits(f, SIDES), *FEATURES)
    resized = D2Trace({}, D2Net(), banks(*FEATURES)).resized
    raw = [dense.affinity(x, FEATURES[t]) for t, row in enumerate(resized) for x in row]
    assert any((a < 0).any() for a in raw) and any((a > 0).any() for a in raw)


def test_d2_9_with_affinities_that_only_weigh():
    """The default: the gradient is that of constant weights, where the value is the same."""
    leaves = [x.clone().requires_grad_() for x in FEATURES]
    ours = value_of("feature_distillation", **banks(*leaves))
    twin = twin_features(leaves, weigh=torch.Tensor.detach)
    for a, b in zip(torch.autograd.grad(ours, leaves), torch.autograd.grad(twin, leaves), strict=True):
        torch.testing.assert_close(a, b)
    torch.testing.assert_close(ours, value_of("feature_distillation", LEARNT, **banks(*leaves)))
    assert not value_of("logit_distillation", **banks(*leaves)).requires_grad  # only logits would move it


def test_d2_10():
    consistency = lambda t, s: value_of("consistency", teacher_output=t, student=Student(s))
    agree(consistency, twin_consistency, LOGITS, ANSWER)


def test_d2_11():
    """Dice, cross-entropy, and everything else with weight 1. Along one direction of each thing that terms read."""
    agree(lambda x: segmentation.soft_dice(x, LABELS), lambda x: twin_dice(x, LABELS), LOGITS)
    agree(lambda x: segmentation.cross_entropy(x, LABELS), lambda x: twin_cross_entropy(x, LABELS), LOGITS)
    start = (CODES, BACK, LOGITS, ANSWER, *FEATURES, *SIDES)
    settings, partners = PAIRS["sampled"]
    moved = lambda steps: [x + t * random(*x.shape, seed=k) for k, (x, t) in enumerate(zip(start, steps, strict=True))]

    def ours(steps):
        codes, back, theirs, answer, *rest = moved(steps)
        given = {"modality": SliceCodes(codes, ()), "slices": THERE, "images": X, "present": PRESENT, "labels": LABELS}
        given |= {"reconstructed": back, "teacher_output": theirs, "student": Student(answer)}
        trace = D2Trace({}, D2Net(temperature=TAU, **settings | LEARNT), given | banks(*rest[:4], rest[4:]))
        return LOSSES.total(LOSSES.parts(trace, "segmenter"))

    def twin(steps):
        codes, back, theirs, answer, *rest = moved(steps)
        features, sides = rest[:4], rest[4:]
        modal = twin_mean(codes, partners) + twin_mean(twin_spectra(codes), partners) + twin_reconstruction(X, back)
        binary = twin_binary(theirs, LABELS) + twin_binary(sides[0], twin_small(LABELS)) + twin_binary(sides[1], LABELS)
        tumour = twin_features(features) + twin_logits(features, sides) - binary / 3 + twin_consistency(theirs, answer)
        return twin_dice(answer, LABELS) + twin_cross_entropy(answer, LABELS) + modal + tumour

    agree(ours, twin, random(len(start), seed=40, low=0, high=0.1))
    assert recipe("smoke").losses == LOSSES and all(LOSSES[name].weight == 1 for name in LOSSES)


def test_the_table_names_the_equation_of_every_term():
    assert [term.equation for term in LOSSES.active("segmenter")] == [f"d2-{n}" for n in (1, 4, 6, 7, 9, 9, 10, 11, 11)]
