"""dual-1 … dual-6: each function against its naive twin, in value and gradient; and the traps of each."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from medsyn_core.losses import adversarial, synthesis
from tests.twins import agree, random

Y, G = random(2, 1, 3, 4, seed=1), random(2, 1, 3, 4, seed=2)  # target and translated
M = random(2, 1, 3, 4, seed=3, low=0.05, high=0.95)  # confidence


def pixels(x):
    return [(b, 0, i, j) for b in range(x.shape[0]) for i in range(x.shape[2]) for j in range(x.shape[3])]


@pytest.mark.parametrize("p", [1.0, 2.0])
def test_dual_1(p):
    def twin(g, y):
        return sum(abs(y[k] - g[k]) ** p for k in pixels(y)) / len(pixels(y))

    agree(lambda g, y: synthesis.synthesis(g, y, p), twin, G, Y)


def critic(images):
    """A small critic that is not linear, so that its gradient depends on where it is taken."""
    return torch.stack([(x.square() * 0.3 + torch.sin(2 * x)).sum() for x in images])


def test_dual_2():
    mix = random(2, 1, 1, 1, seed=4, low=0, high=1)
    fake_score, real_score = random(2, 1, seed=5), random(2, 1, seed=6)
    gradient = adversarial.score_gradient(critic, adversarial.interpolate(Y, G, mix)).detach()

    def twin(fake, real, grad, lam=10.0):
        wasserstein = (fake[0, 0] + fake[1, 0]) / 2 - (real[0, 0] + real[1, 0]) / 2
        norms = [sum(grad[k] ** 2 for k in pixels(grad) if k[0] == b) ** 0.5 for b in range(2)]
        return wasserstein + lam * sum((n - 1) ** 2 for n in norms) / 2

    agree(adversarial.wasserstein_critic_gp, twin, fake_score, real_score, gradient)


def test_dual_2_gradient_is_taken_at_points_between_real_and_fake():
    mix = random(2, 1, 1, 1, seed=4, low=0, high=1)
    points = adversarial.interpolate(Y, G, mix)
    gradient = adversarial.score_gradient(critic, points)
    for b, _, i, j in pixels(Y):
        x = mix[b, 0, 0, 0] * Y[b, 0, i, j] + (1 - mix[b, 0, 0, 0]) * G[b, 0, i, j]
        assert float(points.detach()[b, 0, i, j]) == pytest.approx(float(x))
        assert float(gradient.detach()[b, 0, i, j]) == pytest.approx(0.6 * float(x) + 2 * math.cos(2 * float(x)))


def test_dual_2_penalty_reaches_the_critic_and_not_the_generator():
    scale = torch.tensor(1.5, dtype=torch.float64, requires_grad=True)
    fake = G.clone().requires_grad_()
    points = adversarial.interpolate(Y, fake, torch.full((2, 1, 1, 1), 0.5, dtype=torch.float64))
    adversarial.gradient_penalty(adversarial.score_gradient(lambda x: scale * critic(x), points)).backward()
    assert scale.grad.abs() > 0 and fake.grad is None


def test_dual_2_norm_runs_over_each_samples_pixels_together():
    gradient = torch.zeros(1, 3, 2, 2)
    gradient[0, 0] = 0.5  # four pixels of 0.5: norm 1, though every pixel's norm over channels is 0.5
    assert float(adversarial.gradient_penalty(gradient)) == pytest.approx(0, abs=1e-12)


def test_dual_3():
    agree(adversarial.wasserstein_generator, lambda s: -sum(s[b, 0] for b in range(3)) / 3, random(3, 1, seed=7))


def bce(logit, truth):
    probability = 1 / (1 + torch.exp(-logit))
    return -(truth * torch.log(probability) + (1 - truth) * torch.log(1 - probability))


def test_dual_4():
    def twin(real, fake):
        n = len(pixels(real))
        return sum(bce(real[k], 1.0) for k in pixels(real)) / n + sum(bce(fake[k], 0.0) for k in pixels(fake)) / n

    agree(adversarial.dense_discriminator, twin, 3 * Y, 3 * G)


def test_dual_5():
    agree(adversarial.dense_generator, lambda s: sum(bce(s[k], 1.0) for k in pixels(s)) / len(pixels(s)), 3 * G)


@pytest.mark.parametrize(("beta", "p"), [(2.0, 1.0), (1.0, 2.0), (0.5, 1.0)])
def test_dual_6(beta, p):
    def twin(g, y, m):
        return sum((1 - m[k]) ** beta * abs(y[k] - g[k]) ** p for k in pixels(y)) / len(pixels(y))

    agree(lambda g, y, m: synthesis.difficult_region(g, y, m, beta, p), twin, G, Y, M)


def test_dual_6_undetached_confidence_is_rewarded_for_being_fooled():
    """Why the method detaches M: the gradient of dual-6 with respect to M is negative wherever there is an error."""
    m = M.clone().requires_grad_()
    synthesis.difficult_region(G, Y, m).backward()
    assert (m.grad < 0).all()


@pytest.mark.parametrize("m", [0.05, 0.5, 0.95])
def test_dual_6_scale_collapses_as_the_discriminator_is_fooled_and_the_normalised_form_does_not(m):
    even = torch.full_like(M, m)
    plain = synthesis.synthesis(G, Y)
    assert float(synthesis.difficult_region(G, Y, even)) == pytest.approx(float(plain) * (1 - m) ** 2)
    assert float(synthesis.difficult_region_normalised(G, Y, even)) == pytest.approx(float(plain))


def test_normalised_attention_in_value_and_gradient():
    def twin(g, y, m):
        total = 0
        for b in range(2):
            mine = [k for k in pixels(y) if k[0] == b]
            mean = sum((1 - m[k]) ** 2 for k in mine) / len(mine)
            total = total + sum((1 - m[k]) ** 2 / mean * abs(y[k] - g[k]) for k in mine)
        return total / len(pixels(y))

    agree(synthesis.difficult_region_normalised, twin, G, Y, M)


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0.1, 4))
def test_attention_falls_with_confidence(a, b, beta):
    low, high = sorted((a, b))
    first, second = (float(synthesis.attention(torch.tensor(m, dtype=torch.float64), beta)) for m in (low, high))
    assert 0 <= second <= first <= 1


@given(st.permutations(range(4)))
def test_losses_do_not_care_about_the_order_of_samples(order):
    y, g, m = (torch.cat([x, x.flip(-1)]) for x in (Y, G, M))
    for f in (synthesis.difficult_region, synthesis.difficult_region_normalised):
        assert float(f(g[list(order)], y[list(order)], m[list(order)])) == pytest.approx(float(f(g, y, m)))


def test_shapes_that_would_broadcast_and_bad_powers_are_refused():
    with pytest.raises(ValueError, match="must have the same shape"):
        synthesis.synthesis(G, Y[:, 0])
    with pytest.raises(ValueError, match="p must be positive"):
        synthesis.synthesis(G, Y, p=0)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_finite_in_low_precision_at_extreme_scores(dtype):
    big = torch.tensor([[80.0], [-80.0]], dtype=dtype)
    for value in (adversarial.dense_generator(big), adversarial.dense_discriminator(big, -big)):
        assert torch.isfinite(value)
    one = torch.ones(1, 1, 2, 2, dtype=dtype)
    assert torch.isfinite(synthesis.difficult_region_normalised(one, 0 * one, one))
    nearly = torch.full((1, 1, 2, 2), 0.999, dtype=dtype)  # F is tiny, but even: the plain loss
    expected = 1.0 if float(nearly[0, 0, 0, 0]) < 1 else 0.0
    assert float(synthesis.difficult_region_normalised(one, 0 * one, nearly)) == pytest.approx(expected, abs=1e-3)
