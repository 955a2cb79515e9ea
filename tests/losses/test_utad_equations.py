"""utad-1 … utad-13: what the loss table computes from a trace made by hand, against naive twins in loops, in value and
gradient. The signs are the paper's: its L_adv is what a critic maximises."""

import math
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from medsyn_core.losses import classification, distillation
from medsyn_core.methods.utad_step import DISTILLATION, LOSSES, TUMOUR_DISTILLATION, TeacherTrace
from tests.twins import agree, random

B, M = 3, 4  # samples and modalities
LAMBDA_GP, LAMBDA_2 = 1.0, 10.0
LAMBDA_1 = 2 * 10.0  # the paper's images span 2 units, ours 1
LAMBDA_LOCAL = 5 * LAMBDA_1  # of eq. 8, a mean over pixels of which few are tumour
S, T = torch.tensor([0, 3, 1]), torch.tensor([2, 1, 0])  # source and target modality
MASK = (random(B, 1, 2, 3, seed=1) > -0.3).double()
MASK[1] = 0  # the second slice has no tumour
SHOWS = [1.0, 0.0, 1.0]
I_SOURCE, I_TARGET, T_TARGET = (random(B, 1, 2, 3, seed=seed) for seed in (2, 3, 4))
T_SOURCE = MASK * I_SOURCE
MIX = random(B, 1, 1, 1, seed=5, low=0, high=1)
THETA = random(2, seed=6, low=0.5, high=1.5)  # a critic's weights
GAIN = random(M, seed=7, low=0.5, high=1.5)  # a critic's score of each modality


def pixels(x):
    """The places of one sample's elements."""
    return [(c, i, j) for c in range(x.shape[1]) for i in range(x.shape[2]) for j in range(x.shape[3])]


def value_of(names, **trace):
    """The weighted sum of terms of the table on a trace that holds nothing but these tensors."""
    return LOSSES.total({name: LOSSES[name](SimpleNamespace(**trace)) for name in names})


# -- adversarial: a critic whose scores, and their gradients, are known in closed form


def critic(theta, logits=None):
    """D(x | m): the sum over pixels of theta_0 x^2 + sin(theta_1 x), one number a sample, times the gain of modality m;
    its modality head answers theta_0 times the logits given."""
    score = lambda x, code: GAIN[code] * (theta[0] * x**2 + torch.sin(theta[1] * x)).flatten(1).sum(dim=1)
    return lambda x, code: (score(x, code), None if logits is None else theta[0] * logits)


def twin_score(theta, x, b, m):
    return GAIN[m] * sum(theta[0] * x[b][k] ** 2 + torch.sin(theta[1] * x[b][k]) for k in pixels(x))


def twin_adversarial(theta, real, fake, weight=(1.0,) * B):
    """E[D(real | s)] - E[D(fake | t)] - lambda_gp E[(|grad D(between | t)| - 1)^2]: utad-1 and utad-2, with a score for
    each modality."""
    total = 0
    for b in range(B):
        square = 0
        for k in pixels(real):
            x = MIX[b, 0, 0, 0] * real[b][k] + (1 - MIX[b, 0, 0, 0]) * fake[b][k]
            square = square + (GAIN[T[b]] * (2 * theta[0] * x + theta[1] * torch.cos(theta[1] * x))) ** 2
        wasserstein = twin_score(theta, real, b, S[b]) - twin_score(theta, fake, b, T[b])
        total = total + weight[b] * (wasserstein - LAMBDA_GP * (torch.sqrt(square) - 1) ** 2)
    return total / B  # all samples, also those that weigh nothing


def critics_trace(global_critic, local_critic, **changed):
    """A trace with these critics and what they look at given."""
    networks = {"global_critic": global_critic, "local_critic": local_critic}
    given = {"image": I_SOURCE, "translated": I_TARGET, "mask": MASK, "tumour_translated": T_TARGET, "mix": MIX}
    return TeacherTrace(networks, None, given | {"modality": S, "target": T} | changed)


def minimised(names, trace):
    return LOSSES.total({name: LOSSES[name](trace) for name in names})


def test_utad_1():
    """What the global critic minimises is minus what is printed, with lambda_gp = 1."""
    agree(
        lambda theta: -minimised(("global_critic", "global_penalty"), critics_trace(critic(theta), critic(THETA))),
        lambda theta: twin_adversarial(theta, I_SOURCE, I_TARGET),
        THETA,
    )


def test_utad_2():
    """The same of the local critic; a slice without tumour adds nothing, but is counted in the mean."""
    agree(
        lambda theta: -minimised(("local_critic", "local_penalty"), critics_trace(critic(THETA), critic(theta))),
        lambda theta: twin_adversarial(theta, T_SOURCE, T_TARGET, SHOWS),
        THETA,
    )


def test_utad_2_gives_the_local_critic_nothing_from_blank_slices():
    names = ("local_critic", "local_penalty", "local_adversarial")
    parts = [LOSSES[name](critics_trace(critic(THETA), critic(THETA), mask=0 * MASK)) for name in names]
    assert [part.item() for part in parts] == [0, 0, 0]


@pytest.mark.parametrize("kind", ["global", "local"])
def test_utad_1_and_2_norms_are_those_of_each_image(kind):
    """Another neighbour in the batch changes neither a sample's interpolate nor the gradient there."""
    gradient = lambda **changed: getattr(critics_trace(critic(THETA), critic(THETA), **changed), f"{kind}_gradient")
    other = torch.tensor([0.0, 1.0, 0.0], dtype=torch.float64).reshape(B, 1, 1, 1)
    one = gradient()
    two = gradient(image=I_SOURCE + other, translated=I_TARGET + other, tumour_translated=T_TARGET + other)
    assert torch.equal(one[[0, 2]], two[[0, 2]]) and not torch.equal(one[1], two[1])


# -- modality classification


def twin_classification(logits, label, weight=(1.0,) * B):
    """E[-log D_cls(label | x)]."""
    total = 0
    for b in range(B):
        probability = torch.exp(logits[b, label[b]]) / sum(torch.exp(logits[b, m]) for m in range(M))
        total = total - weight[b] * torch.log(probability)
    return total / B


LOGITS_G, LOGITS_L = random(B, M, seed=9, low=-3, high=3), random(B, M, seed=10, low=-3, high=3)
WEIGHTS = torch.tensor(SHOWS, dtype=torch.float64)


def classified(name, head, logits):
    return value_of([name], **{head: (None, logits)}, modality=S, target=T, shows=WEIGHTS)


def test_utad_3():
    value = lambda logits: classified("global_classification_real", "global_real", logits)
    agree(value, lambda logits: twin_classification(logits, S), LOGITS_G)


def test_utad_4():
    value = lambda logits: classified("local_classification_real", "local_real", logits)
    agree(value, lambda logits: twin_classification(logits, S, SHOWS), LOGITS_L)


def test_utad_5():
    value = lambda logits: classified("global_classification", "global_fake", logits)
    agree(value, lambda logits: twin_classification(logits, T), LOGITS_G)


def test_utad_6():
    value = lambda logits: classified("local_classification", "local_fake", logits)
    agree(value, lambda logits: twin_classification(logits, T, SHOWS), LOGITS_L)


def test_utad_7():
    names = ("global_classification", "local_classification")
    value = lambda g, l: value_of(names, global_fake=(None, g), local_fake=(None, l), target=T, shows=WEIGHTS)
    agree(value, lambda g, l: twin_classification(g, T) + twin_classification(l, T, SHOWS), LOGITS_G, LOGITS_L)


@given(st.integers(2, 6))
def test_a_critic_that_knows_nothing_pays_the_logarithm_of_the_number_of_modalities(modalities):
    value = classification.modality_classification(torch.zeros(5, modalities), torch.arange(5) % modalities)
    assert float(value) == pytest.approx(math.log(modalities))


# -- consistency, cycle and distillation

T_BACK, I_BACK = random(B, 1, 2, 3, seed=11), random(B, 1, 2, 3, seed=12)


def twin_l1(a, b):
    """E[|a - b|_1], the norm as a mean over elements: a printed sum would change lambda with the resolution."""
    total = 0
    for n in range(B):
        for k in pixels(a):
            total = total + abs(a[n][k] - b[n][k])
    return total / (B * len(pixels(a)))


def twin_local(tumour, image, tumour_back, source):
    """The prime of the first term is a crop of the whole image, that of the second an answer of the local branch."""
    return twin_l1(tumour, MASK * image) + twin_l1(MASK * source, tumour_back)


def test_utad_8():
    def value(tumour, image, back, source):
        given = {"tumour_translated": tumour, "translated": image, "tumour_reconstructed": back, "image": source}
        return value_of(["local_consistency"], **given, mask=MASK) / LAMBDA_LOCAL

    agree(value, twin_local, T_TARGET, I_TARGET, T_BACK, I_SOURCE)


def test_utad_9():
    value = lambda back, source: value_of(["reconstruction"], reconstructed=back, image=source) / LAMBDA_1
    agree(value, twin_l1, I_BACK, I_SOURCE)


F_STUDENT, F_TEACHER = random(B, 2, 1, 2, seed=13), random(B, 2, 1, 2, seed=14)
I_TEACHER = random(B, 1, 2, 3, seed=15)


def students_trace(features, translated, **more):
    taught = SimpleNamespace(features=F_TEACHER, image=I_TEACHER)
    return SimpleNamespace(forth=SimpleNamespace(features=features), translated=translated, taught=taught, **more)


def test_utad_10():
    twin = lambda features, image: twin_l1(F_TEACHER, features) + twin_l1(I_TEACHER, image)
    agree(lambda features, image: DISTILLATION(students_trace(features, image)), twin, F_STUDENT, I_TARGET)


def test_utad_10_cannot_be_lowered_by_moving_the_teacher():
    tensors = [x.clone().requires_grad_() for x in (F_STUDENT, F_TEACHER, I_TARGET, I_TEACHER)]
    distillation.distillation(*tensors).backward()
    assert [x.grad is not None for x in tensors] == [True, False, True, False]


def test_tumours_distilled_by_themselves():
    def twin(image):
        where = [(n, k) for n in range(B) for k in pixels(MASK) if MASK[n][k]]
        return sum(abs(I_TEACHER[n][k] - image[n][k]) for n, k in where) / len(where)

    agree(lambda image: TUMOUR_DISTILLATION(students_trace(F_STUDENT, image, mask=MASK)), twin, I_TARGET)
    assert distillation.inside(I_TARGET, I_TEACHER, 0 * MASK) == 0  # no tumour in sight
    with pytest.raises(ValueError, match="one shape"):
        distillation.inside(I_TARGET, I_TEACHER, MASK[:1])


# -- totals


@pytest.mark.parametrize("mine", ["global", "local"])
def test_utad_11(mine):
    """L_D = -L_adv + L_r_cls for each critic: the table's total is the sum of both, which share no weights."""
    weights = {"global": lambda theta: (theta, THETA), "local": lambda theta: (THETA, theta)}[mine]

    def ours(theta):
        g, l = weights(theta)
        trace = critics_trace(critic(g, LOGITS_G), critic(l, LOGITS_L))
        return LOSSES.total(LOSSES.parts(trace, "critic"))

    def twin(theta):
        g, l = weights(theta)
        global_total = -twin_adversarial(g, I_SOURCE, I_TARGET) + twin_classification(g[0] * LOGITS_G, S)
        local_total = -twin_adversarial(l, T_SOURCE, T_TARGET, SHOWS) + twin_classification(l[0] * LOGITS_L, S, SHOWS)
        return global_total + local_total

    agree(ours, twin, THETA)


ANSWERS = (random(B, seed=16), random(B, seed=17), LOGITS_G, LOGITS_L, I_TARGET, T_TARGET, I_BACK, T_BACK)


def generators_trace(score_g, score_l, logits_g, logits_l, image, tumour, image_back, tumour_back):
    """All that the generator's terms may read: no real image's score and no penalty is there."""
    return students_trace(
        F_STUDENT, image, global_fake=(score_g, logits_g), local_fake=(score_l, logits_l), target=T, shows=WEIGHTS,
        tumour_translated=tumour, reconstructed=image_back, tumour_reconstructed=tumour_back, image=I_SOURCE, mask=MASK,
    )  # fmt: skip


def twin_teacher(score_g, score_l, logits_g, logits_l, image, tumour, image_back, tumour_back):
    """utad-12 with what of L_adv the generator can change: -E[D(synthetic)]."""
    adversarial_g = -sum(score_g[b] for b in range(B)) / B
    adversarial_l = -sum(SHOWS[b] * score_l[b] for b in range(B)) / B
    named = twin_classification(logits_g, T) + twin_classification(logits_l, T, SHOWS)
    again = twin_l1(I_SOURCE, image_back)
    local = twin_local(tumour, image, tumour_back, I_SOURCE)
    return adversarial_g + adversarial_l + named + LAMBDA_1 * again + LAMBDA_LOCAL * local


def test_utad_12():
    agree(lambda *xs: LOSSES.total(LOSSES.parts(generators_trace(*xs), "generator")), twin_teacher, *ANSWERS)


def test_utad_13():
    losses = LOSSES.add(DISTILLATION)
    agree(
        lambda *xs: losses.total(losses.parts(generators_trace(*xs), "generator")),
        lambda *xs: twin_teacher(*xs) + LAMBDA_2 * (twin_l1(F_TEACHER, F_STUDENT) + twin_l1(I_TEACHER, xs[4])),
        *ANSWERS,
    )


@given(st.permutations(range(B)))
def test_no_term_cares_about_the_order_of_samples(order):
    order = list(order)
    trace, shuffled = generators_trace(*ANSWERS), generators_trace(*(x[order] for x in ANSWERS))
    for name, x in (("target", T), ("shows", WEIGHTS), ("image", I_SOURCE), ("mask", MASK)):
        setattr(shuffled, name, x[order])
    total = lambda t: float(LOSSES.total(LOSSES.parts(t, "generator")))
    assert total(shuffled) == pytest.approx(total(trace))


def test_the_table_gives_each_player_the_terms_of_its_equations():
    wanted = {"generator": ["1", "2", "5", "6", "8", "9", "10"], "critic": ["1", "1", "2", "2", "3", "4"]}
    table = LOSSES.add(DISTILLATION)
    for player, numbers in wanted.items():
        assert [term.equation for term in table.active(player)] == [f"utad-{n}" for n in numbers]
