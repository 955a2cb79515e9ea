"""Write the gradient penalty of a Wasserstein critic: signs, norms, and what must be a constant (dual-2, utad-1)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from medsyn_core import data
from medsyn_core.course.checks import every, finite_in, gradient, scalar, unchanged, value
from medsyn_core.course.parts import Assignment, Part, Probe, Result, Wrong
from medsyn_core.course.props import Prop
from medsyn_core.data.views import Paired
from medsyn_core.losses.adversarial import score_gradient, wasserstein_critic
from medsyn_core.networks.critics import GlobalCritic

FUNCTION = "gradient_penalty"


def _bowl(*scale: float) -> Prop:
    """A critic whose slope is known: the score of x is half the sum of scale x^2, its slope is scale x."""
    return Prop("bowl", scale=torch.tensor(scale).view(-1, 1, 1))


def _images(*rows: list[float]) -> Tensor:
    """One row of numbers a sample, as images of one row of pixels, (B, 1, 1, W)."""
    return torch.tensor(rows)[:, None, None]


def _mix(*shares: float) -> Tensor:
    return torch.tensor(shares).view(-1, 1, 1, 1)


# Slopes: 5 at the first sample and 1 at the second; then 0.2 and 1.8, whose mean is 1; then two channels, mixed.
ENDS = (_bowl(1.0), _images([3.0, 4.0], [9.0, 9.0]), _images([7.0, 7.0], [0.6, 0.8]), _mix(1.0, 0.0))
OPPOSED = (_bowl(2.0), _images([0.1, 0.0], [0.0, 0.9]), _images([0.5, 0.5], [0.5, 0.5]), _mix(1.0, 1.0))
MIXED = (
    _bowl(2.0, 1.0),
    torch.tensor([[[[1.0, 0.0]], [[2.0, 0.0]]], [[[0.0, 0.0]], [[0.4, 0.0]]]]),
    torch.tensor([[[[0.0, 1.0]], [[0.0, 2.0]]], [[[0.0, 0.2]], [[0.0, 0.4]]]]),
    _mix(0.25, 0.5),
)
FLAT = (_bowl(1.0), _images([0.0, 0.0], [3.0, 4.0]), _images([0.0, 0.0], [0.0, 0.0]), _mix(0.5, 1.0))

# -- the probe: a critic between sharp and blurred T2, with and without the student's penalty

STEPS, BATCH, WEIGHT = 80, 8, 10.0
LAST = 20  # steps that the slope is averaged over
LOW, HIGH = 0.6, 1.6  # a slope that the penalty holds


def _trained(sharp: Tensor, blurred: Tensor, penalty: Callable[..., Tensor] | None, seed: int) -> Tensor:
    """Mean slope of a critic between both kinds of image after each step of its training, (STEPS,)."""
    torch.manual_seed(seed)
    critic = GlobalCritic(1, tuple(sharp.shape[-2:]), width=4)
    adam = torch.optim.Adam(critic.parameters(), 1e-3, betas=(0.5, 0.9))
    slopes = []
    for _ in range(STEPS):
        pick = torch.randint(len(sharp), (BATCH,))
        real, fake, mix = sharp[pick], blurred[pick], torch.rand(BATCH, 1, 1, 1)
        loss = wasserstein_critic(critic(fake), critic(real))
        if penalty is not None:
            loss = loss + WEIGHT * penalty(critic, real, fake, mix)
        adam.zero_grad()
        loss.backward()
        adam.step()
        between = (mix * real + (1 - mix) * fake).requires_grad_()
        slopes.append(score_gradient(critic, between).detach().flatten(1).norm(dim=1).mean())
    return torch.stack(slopes)


def train(functions: Mapping[str, Callable[..., Tensor]], seed: int = 0) -> dict[str, Tensor | float]:
    """The slope of two critics during training, one with the student's penalty and one with none."""
    view = Paired(data.load("phantom", subjects=8, px=32, slices=4).subset("train"), "t1", "t2")
    sharp = view.batch(range(len(view)))["target"]  # (N, 1, 32, 32)
    blurred = torch.nn.functional.avg_pool2d(sharp, 3, stride=1, padding=1)
    slopes = {"your penalty": _trained(sharp, blurred, functions[FUNCTION], seed)}
    slopes["no penalty"] = _trained(sharp, blurred, None, seed)
    curves = {f"slope (powers of ten), {name}": slope.log10() for name, slope in slopes.items()}
    return curves | {f"slope at the end, {name}": slope[-LAST:].mean() for name, slope in slopes.items()}


def judge(result: Result) -> str:
    """Whether the penalty holds the slope near 1 at the end.

    Over 5 seeds it ends at 1.02 to 1.04 with the right penalty. With mistakes: one length for the batch 0.35 to 0.36,
    scores averaged 10.7 to 11.9, lengths over channels 60 to 81, no graph 826 to 1506 (as without a penalty), sign
    turned 0. It cannot see one side only (0.98 to 1.02), a missing root (0.97 to 0.99), or lengths averaged before the
    square (1.02 to 1.05): the examples can.
    """
    held, free = (float(result[f"slope at the end, {which}"]) for which in ("your penalty", "no penalty"))
    seen = f"at the end the critic's slope is {held:.2f} with your penalty, {free:.0f} with none"
    if not LOW <= held <= HIGH:
        raise Wrong(f"{seen}; a penalty that works holds it between {LOW} and {HIGH}")
    return f"{seen}: a price of {WEIGHT:g} holds it near 1"


ASSIGNMENT = Assignment(
    name="gradient-penalty",
    title="The gradient penalty",
    functions=(FUNCTION,),
    parts=(
        Part("scalar", 1, "one number that can be trained", scalar(FUNCTION, ENDS), "The last step is a mean."),
        Part(
            "value",
            4,
            "right on three examples whose slopes are known",
            value(FUNCTION, [(ENDS, 8.0), (OPPOSED, 0.64), (MIXED, 0.977522)], atol=1e-4),
            "In this order: a point between both images, the slope there, one norm a sample over all its pixels and "
            "channels, off from 1, squared, then the mean over samples",
        ),
        Part(
            "critic",
            3,
            "the critic is trained by it, and rightly",
            gradient(FUNCTION, MIXED, to=("0.scale",)),
            "The slope is itself differentiated: torch.autograd.grad must keep its graph",
        ),
        Part(
            "images",
            3,
            "the images are constants: no gradient reaches them, none is changed",
            every(unchanged(FUNCTION, MIXED), gradient(FUNCTION, MIXED, to=("0.scale",), not_to=("1", "2"))),
            "The penalty shapes the critic; through the synthetic image it would reach the generator",
        ),
        Part(
            "flat",
            1,
            "where the critic is flat, the gradient is finite",
            finite_in(FUNCTION, FLAT, "float32"),
            "The derivative of a square root has no value at 0",
        ),
    ),
    probe=Probe(3, "a critic trained with it keeps a slope near 1", train, judge, seconds=60),
    minutes=60,
    level="an hour or two",
    chapters=("part1/adversarial", "part2/utad_net"),
    questions=5,
    own=tuple(
        f"medsyn_core.losses.adversarial.{name}"
        for name in ("gradient_penalty", "interpolate", "score_gradient", "wasserstein_critic_gp")
    ),
)
