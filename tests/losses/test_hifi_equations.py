"""hifi-7 … hifi-17: what the loss table computes from a trace made by hand, against naive twins in loops, in value and
gradient; the forms as printed too, where both exist. The memory's, hifi-1 … hifi-6, are in
tests/networks/test_memory_equations.py."""

from types import SimpleNamespace

import pytest
import torch

from medsyn_core.losses import contrastive
from medsyn_core.methods.hifi_step import DEFORMATIONS, LOSSES, WEIGHTINGS, HiFiTrace
from medsyn_core.methods.hifi_syn import HiFiSyn, recipe
from tests.twins import agree, random

B, C, H, W = 2, 3, 2, 3  # images of a modality, channels, content's size
PLACES = [(y, x) for y in range(H) for x in range(W)]
S = 4  # structures
Z = [random(B, C, H, W, seed=k) for k in range(1, 5)]  # content of i, of j, and of their translations
G_I = torch.tensor([[[0, 1, 2], [1, 1, 3]], [[0, 0, 0], [2, 2, 1]]])
G_J = torch.tensor([[[2, 2, 2], [3, 3, 1]], [[0, 0, 0], [0, 0, 0]]])  # the last is all background
SUBJECT_I, SUBJECT_J = torch.tensor([7, 7]), torch.tensor([2, 5])  # two slices of one subject; two subjects
TAU = {"tau_pixel": 0.5, "tau_structure": 0.4, "tau_global": 0.6}
ALPHA = 0.5
ALL = torch.arange(H * W).expand(B, -1)


@pytest.fixture(autouse=True)
def all_in_float64(monkeypatch):
    """Contrasts are computed in float32, whatever comes in; finite differences need more."""
    monkeypatch.setattr(torch.Tensor, "float", torch.Tensor.double)


def trace_by_hand(*contents, annotated=True, pixels=ALL, given=(), **settings):
    """A trace whose content is given instead of computed: it has no networks."""
    names = ("content_i", "content_j", "content_ij", "content_ji")
    maps = {"structure_i": G_I if annotated else None, "structure_j": G_J if annotated else None}
    who = {"subject_i": SUBJECT_I, "subject_j": SUBJECT_J, "pixels": pixels}
    given = dict(zip(names, contents, strict=True)) | maps | who | dict(given)
    return HiFiTrace({}, HiFiSyn(alpha_s=ALPHA, **TAU | settings), given)


def images(zi, zj, zij, zji):
    """(subject, structures, content, content of the translation) of every image."""
    side_i = [(int(SUBJECT_I[b]), G_I[b], zi[b], zij[b]) for b in range(B)]
    return side_i + [(int(SUBJECT_J[b]), G_J[b], zj[b], zji[b]) for b in range(B)]


def twin_cosine(a, b):
    dot = sum(a[c] * b[c] for c in range(C))
    return dot / (torch.sqrt(sum(a[c] ** 2 for c in range(C))) * torch.sqrt(sum(b[c] ** 2 for c in range(C))))


def test_hifi_2():
    """Every row with every row; the bank's own is in tests/networks/test_memory_equations.py."""
    a, b, probe = random(4, C, seed=5), random(3, C, seed=6), random(4, 3, seed=7)
    twin = lambda a, b: sum(probe[n, m] * twin_cosine(a[n], b[m]) for n in range(4) for m in range(3))
    agree(lambda a, b: (probe * contrastive.cosine(a, b)).sum(), twin, a, b)


# -- pixels, structures, images


def twin_contrast(anchor, positive, negatives, tau, weight=1.0, inside=1.0):
    """The positive stands in its own denominator, once; weight multiplies the whole, inside the numerator's cosine."""
    close = twin_cosine(anchor, positive) / tau
    below = torch.exp(close) + sum(torch.exp(twin_cosine(anchor, other) / tau) for other in negatives)
    return -weight * torch.log(torch.exp(inside * close) / below)


def twin_pixels(contents, pixels=ALL, annotated=True):
    queries = []
    for k, (subject, structure, z, translated) in enumerate(images(*contents)):
        for y, x in (PLACES[n] for n in pixels[k % B]):
            queries.append((subject, int(structure[y, x]), z[:, y, x], translated[:, y, x]))
    total = 0
    for subject, structure, query, positive in queries:
        others = [q for q in queries if q[0] != subject or (annotated and q[1] != structure)]
        total = total + twin_contrast(query, positive, [z for q in others for z in q[2:]], TAU["tau_pixel"])
    return total / len(queries)


@pytest.mark.parametrize("annotated", [True, False], ids=["with labels", "without"])
@pytest.mark.parametrize("pixels", [ALL, torch.tensor([[0, 4], [5, 2]])], ids=["all", "two"])
def test_hifi_7(pixels, annotated):
    ours = lambda *zs: LOSSES["pixel_discrimination"](trace_by_hand(*zs, pixels=pixels, annotated=annotated))
    agree(ours, lambda *zs: twin_pixels(zs, pixels, annotated), *Z)


def area(structure, s):
    return [(y, x) for y, x in PLACES if structure[y, x] == s]


def twin_mean(z, structure, s):
    """Mean content of a structure; None where it is absent."""
    where = area(structure, s)
    return sum(z[:, y, x] for y, x in where) / len(where) if where else None


def test_hifi_8():
    """The masked content, averaged over its pixels; absent structures are 0."""
    probe = random(B, S, C, seed=16)

    def twin(z):
        found = {(b, s): twin_mean(z[b], G_I[b], s) for b in range(B) for s in range(S)}
        return sum((probe[b, s] * mean).sum() for (b, s), mean in found.items() if mean is not None)

    agree(lambda z: (probe * contrastive.structure_means(z, G_I, S)[0]).sum(), twin, Z[0])
    means, present = contrastive.structure_means(Z[0], G_I, S)
    assert present.tolist() == [[bool(area(G_I[b], s)) for s in range(S)] for b in range(B)]
    assert not present.all() and not means[~present].any()


def twin_deformation(z, translated, structure, s, measure):
    """As printed a sum over the structure's pixels; over channels, of which nothing is said, a mean."""
    where = area(structure, s)
    total = sum(sum(abs(z[c, y, x] - translated[c, y, x]) for c in range(C)) / C for y, x in where)
    return total / len(where) if measure == "mean" and where else total


@pytest.mark.parametrize("measure", DEFORMATIONS)
def test_hifi_9(measure):
    probe, places = random(B, S, seed=17), [(b, s) for b in range(B) for s in range(S)]
    twin = lambda z, t: sum(probe[b, s] * twin_deformation(z[b], t[b], G_J[b], s, measure) for b, s in places)
    agree(lambda z, t: (probe * DEFORMATIONS[measure](z, t, G_J, S)).sum(), twin, Z[1], Z[3])


def twin_rank_weights(deformation):
    """From {structure: deformation} of one image: rank 0 has the largest."""
    values = {s: d.item() for s, d in deformation.items()}
    rank = {s: sum(other > d for other in values.values()) for s, d in values.items()}
    return {s: torch.exp(torch.tensor(-ALPHA * r, dtype=torch.float64)) for s, r in rank.items()}


def test_hifi_10():
    """Of structures that are there: absent ones, however deformed they seem, have weight 0 and no rank."""
    deformation, present = random(4, 5, seed=18, low=0), random(4, 5, seed=19) > -0.5
    weights = contrastive.rank_weights(deformation.clone().requires_grad_(), present, ALPHA)
    assert not present.all() and not weights.requires_grad
    for b in range(4):
        expected = twin_rank_weights({s: deformation[b, s] for s in range(5) if present[b, s]})
        assert weights[b].tolist() == pytest.approx([float(expected.get(s, 0)) for s in range(5)])


def twin_structures(contents, weighting="term", measure="mean"):
    regions = []
    for subject, structure, z, translated in images(*contents):
        there = [s for s in range(S) if area(structure, s)]
        weights = twin_rank_weights({s: twin_deformation(z, translated, structure, s, measure) for s in there})
        for s in there:
            regions.append((subject, s, *(twin_mean(x, structure, s) for x in (z, translated)), weights[s]))
    total = 0
    for subject, s, region, positive, weight in regions:
        negatives = [z for r in regions if (r[0], r[1]) != (subject, s) for z in r[2:4]]
        how = {"weight": weight} if weighting == "term" else {"inside": weight}
        total = total + twin_contrast(region, positive, negatives, TAU["tau_structure"], **how)
    return total / len(regions)


@pytest.mark.parametrize("weighting", WEIGHTINGS)
@pytest.mark.parametrize("deformation", DEFORMATIONS)
def test_hifi_11(weighting, deformation):
    how = {"weighting": weighting, "deformation": deformation}
    ours = lambda *zs: LOSSES["structure_discrimination"](trace_by_hand(*zs, **how))
    agree(ours, lambda *zs: twin_structures(zs, weighting, deformation), *Z)


def twin_global(contents):
    means = [(who, *(sum(x[:, y, x_] for y, x_ in PLACES) / (H * W) for x in zs)) for who, _, *zs in images(*contents)]
    total = 0
    for subject, image, positive in means:
        negatives = [z for m in means if m[0] != subject for z in m[1:]]
        total = total + twin_contrast(image, positive, negatives, TAU["tau_global"])
    return total / len(means)


def test_hifi_12():
    """hifi-11 of whole images with weights 1; needs no labels."""
    ours = lambda *zs: LOSSES["global_discrimination"](trace_by_hand(*zs, annotated=False))
    agree(ours, lambda *zs: twin_global(zs), *Z)


# -- the backbone's losses and the total

M_I, M_J, BACK_I, BACK_J = (random(B, 1, 2, 3, seed=k) for k in range(20, 24))
LOGITS = [random(B, 1, 2, 2, seed=k, low=-3, high=3) for k in range(24, 28)]


def value_of(name, **given):
    return LOSSES[name](SimpleNamespace(**given))


def twin_l1(a, b):
    """The norm as a mean over elements: a printed sum would change lambda with the resolution."""
    return sum(abs(p - q) for p, q in zip(a.flatten(), b.flatten(), strict=True)) / a.numel()


twin_back = lambda i, j: twin_l1(i, M_I) + twin_l1(j, M_J)


def test_hifi_13():
    ours = lambda i, j: value_of("cross_cycle", cycled_i=i, cycled_j=j, image_i=M_I, image_j=M_J)
    agree(ours, twin_back, BACK_I, BACK_J)


def test_hifi_14():
    ours = lambda i, j: value_of("self_reconstruction", self_i=i, self_j=j, image_i=M_I, image_j=M_J)
    agree(ours, twin_back, BACK_I, BACK_J)


def twin_mean_of(logits, real, weight=1.0):
    """E[log D] (real), E[log(1 - D)] (not) of the sigmoid D of logits."""
    chance = [1 / (1 + torch.exp(-x)) for x in logits.flatten()]
    return weight * sum(torch.log(p if real else 1 - p) for p in chance) / logits.numel()


def twin_confusion(logits_i, logits_j):
    return -sum(twin_mean_of(logits, real, 0.5) for logits in (logits_i, logits_j) for real in (True, False))


def test_hifi_15():
    """As printed, but negated, for the encoders; the critic, whose printed optimum is 1/2, is to tell j from i."""
    confuse = lambda i, j: value_of("content_adversarial", guessed_i=i, guessed_j=j)
    agree(confuse, twin_confusion, *LOGITS[:2])
    tell = lambda i, j: value_of("content_critic", guessed_i=i, guessed_j=j)
    agree(tell, lambda i, j: -twin_mean_of(i, False) - twin_mean_of(j, True), *LOGITS[:2])


def test_hifi_16():
    """Critics minimise minus what is printed; generators want their images taken for real, instead of not for fake."""

    def twin(real_i, real_j, fake_ji, fake_ij):
        pairs = ((real_i, fake_ji), (real_j, fake_ij))
        return -sum(twin_mean_of(real, True) + twin_mean_of(fake, False) for real, fake in pairs)

    critics = lambda ri, rj, fi, fj: value_of("domain_critic", real_i=ri, real_j=rj, fake_ji=fi, fake_ij=fj)
    agree(critics, twin, *LOGITS)
    generators = lambda i, j: value_of("domain_adversarial", fake_ji=i, fake_ij=j)
    agree(generators, lambda i, j: -twin_mean_of(i, True) - twin_mean_of(j, True), *LOGITS[:2])


LAMBDAS = (1, 1, 2 * 10, 2 * 10, 1, 2, 1)  # the paper's, but for lambda_3 and lambda_4: its images span 2 units, ours 1


def test_hifi_17():
    """Along one direction of each thing that terms read, so that no gradient has hundreds of numbers."""
    names = ("guessed_i", "guessed_j", "fake_ij", "fake_ji", "cycled_i", "cycled_j", "self_i", "self_j")
    start = (*Z, *LOGITS, BACK_I, BACK_J, BACK_J + 1, BACK_I + 1)
    moved = lambda steps: [x + t * random(*x.shape, seed=k) for k, (x, t) in enumerate(zip(start, steps, strict=True))]

    def ours(steps):
        xs = moved(steps)
        given = {"image_i": M_I, "image_j": M_J, **dict(zip(names, xs[4:], strict=True))}
        return LOSSES.total(LOSSES.parts(trace_by_hand(*xs[:4], given=given), "generator"))

    def twin(steps):
        *z, gi, gj, fi, fj, ci, cj, si, sj = moved(steps)
        domain = -twin_mean_of(fi, True) - twin_mean_of(fj, True)
        backbone = (twin_confusion(gi, gj), domain, twin_back(ci, cj), twin_back(si, sj))
        granular = (twin_pixels(z), twin_structures(z), twin_global(z))
        return sum(weight * part for weight, part in zip(LAMBDAS, backbone + granular, strict=True))

    agree(ours, twin, random(len(start), seed=30, low=0, high=0.1))
    assert recipe("smoke").losses == LOSSES


def test_the_table_gives_each_player_the_terms_of_its_equations():
    wanted = {"generator": ["15", "16", "13", "14", "7", "11", "12"], "critic": ["16"], "content_critic": ["15"]}
    for player, numbers in wanted.items():
        assert [term.equation for term in LOSSES.active(player)] == [f"hifi-{n}" for n in numbers]
