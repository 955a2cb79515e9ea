"""Repair a weight that repels what it should attract, so that deformed structures count more (hifi-10, hifi-11)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from medsyn_core import data
from medsyn_core.course.checks import ask, every, finite_in, gradient, number, same_under, scalar, unchanged, value
from medsyn_core.course.parts import Assignment, Part, Probe, Result, Wrong
from medsyn_core.course.remote import Student
from medsyn_core.data.views import Paired
from medsyn_core.losses.contrastive import (
    cosine,
    mean_deformation,
    numerator_weighted_contrast,
    rank_weights,
    structure_means,
)
from medsyn_core.networks.unet import UNet

FUNCTION = "repaired_weighting"

SIMILARITY = torch.tensor([[0.9, 0.2, -0.1], [0.3, 0.4, 0.5], [-0.2, 0.1, 0.6]])
DEFORMED = torch.tensor([0.1, 0.7, 0.3])  # ranks 2, 0, 1
ALL = torch.tensor([True, True, True])
THREE = (SIMILARITY, DEFORMED, ALL)
TIES = (SIMILARITY, torch.tensor([0.4, 0.4, 0.1]), ALL)
# The same with a fourth region, third in the list, which is absent though it has a deformation and similarities.
WITH_ABSENT = (
    torch.tensor([[0.9, 0.2, 0.8, -0.1], [0.3, 0.4, 0.9, 0.5], [0.7, 0.7, -1.0, 0.7], [-0.2, 0.1, 0.9, 0.6]]),
    torch.tensor([0.1, 0.7, 0.5, 0.3]),
    torch.tensor([True, True, False, True]),
)
NOBODY = (SIMILARITY, DEFORMED, torch.tensor([False, False, False]))
PAIR = torch.tensor([[0.0, 0.2], [0.2, 0.0]])


def _brighter(arguments: tuple) -> tuple:
    """Every row of similarities raised, each by an amount of its own."""
    similarity, *rest = arguments
    return (similarity + torch.tensor([[0.3], [-0.5], [0.1]]), *rest)


def _renamed(arguments: tuple) -> tuple:
    similarity, deformation, present, *rest = arguments
    order = [1, 2, 0]
    return (similarity[order][:, order], deformation[order], present[order], *rest)


def _always_pulls(student: Student) -> None:
    """Whatever has been reached, the gradient on a positive is not above 0 and that on a negative not below."""
    for agreed in (-0.5, 0.0, 0.5, 0.9):
        similarity = PAIR + agreed * torch.eye(2)
        answer = ask(student, FUNCTION, (similarity, torch.tensor([0.5, 0.1]), ALL[:2], 0.2, 1.0), gradient=True)
        slope = answer.gradients["0"]
        if slope is None:
            raise Wrong("no gradient reaches the similarities")
        pull, push = slope.diagonal().max().item(), (slope - slope.diag().diag()).min().item()
        if pull > 1e-6:
            raise Wrong(
                f"with cosines of {agreed:g} on the diagonal a positive has the gradient {pull:+.4f}: a step down the "
                "loss pushes the pair apart"
            )
        if push < -1e-6:
            raise Wrong(f"with cosines of {agreed:g} on the diagonal a negative has the gradient {push:+.4f}: it pulls")


def _takes_a_share(student: Student) -> None:
    """Where all terms are alike their weighted mean is that term, however weights fall off."""
    for alpha in (0.0, 0.5, 2.0):
        got = number(ask(student, FUNCTION, (torch.full((3, 3), 0.4), DEFORMED, ALL, 0.2, alpha)))
        if abs(got - 1.098612) > 1e-4:
            raise Wrong(
                f"three regions, all similarities alike: every term is log 3 = 1.0986, and so is their weighted mean; "
                f"with alpha {alpha:g} {got:.4f} came back"
            )


def _nobody_costs_nothing(student: Student) -> None:
    answer = ask(student, FUNCTION, (*NOBODY, 0.2, 0.5), gradient=True)
    if got := number(answer):
        raise Wrong(f"where no region is there, 0 was expected, {got:.6g} came back")
    slope = answer.gradients["0"]
    if slope is not None and not (slope == 0).all():
        raise Wrong("where no region is there, the gradient should be 0, and it is not")


def _absent_are_not_learnt(student: Student) -> None:
    slope = ask(student, FUNCTION, (*WITH_ABSENT, 0.2, 0.5), gradient=True).gradients["0"]
    if slope is None or not slope.isfinite().all():
        raise Wrong("the gradient is not finite where a region is absent: is minus infinity subtracted from itself?")
    if slope[2].any() or slope[:, 2].any():
        raise Wrong("the similarities of an absent region receive a gradient")


# -- the probe: structures of T1 look for themselves in T2

STEPS, STRUCTURES, TEMPERATURE, ALPHA = 150, 6, 0.2, 0.5
ENOUGH = 0.4


def _labelled(batch: Mapping[str, Tensor]) -> Tensor:
    """Background, CSF, grey and white matter, oedema, core: (B, H, W) in 0 … 5."""
    seg = batch["seg"]
    return torch.where(seg == 2, 4, torch.where(seg > 0, 5, batch["tissue"]))


def _regions(encoders: list[UNet], batch: Mapping[str, Tensor], k: int) -> tuple[Tensor, Tensor, Tensor]:
    """similarity (R, R) of the structures of slice k in T1 and T2, their deformation (R,), and which are there."""
    labels = _labelled(batch)[k : k + 1]
    t1, t2 = (encoder(batch[name][k : k + 1]) for encoder, name in zip(encoders, ("source", "target"), strict=True))
    (means, present), (others, _) = (structure_means(content, labels, STRUCTURES) for content in (t1, t2))
    return cosine(means[0], others[0]), mean_deformation(t1, t2, labels, STRUCTURES)[0], present[0]


def _as_printed(similarity: Tensor, deformation: Tensor, present: Tensor, temperature: float, alpha: float) -> Tensor:
    """hifi-11 to the letter, a mean over the regions that are there."""
    there = present[:, None] & present[None]
    positive = torch.eye(len(present), dtype=torch.bool) & there
    weight = rank_weights(deformation[None], present[None], alpha)[0]
    each = numerator_weighted_contrast(similarity, positive, there & ~positive, temperature, weight)
    return each.sum() / present.sum()


def _trained(weigh: Callable[..., Tensor], batch: Mapping[str, Tensor], seed: int) -> tuple[list[UNet], Tensor]:
    """Encoders, and the mean cosine of the positives after each step, (STEPS,)."""
    torch.manual_seed(seed)
    encoders = [UNet(1, 8, width=8, levels=1) for _ in range(2)]
    adam = torch.optim.Adam([p for encoder in encoders for p in encoder.parameters()], 3e-3)
    agreed = []
    for _ in range(STEPS):
        similarity, deformation, present = _regions(encoders, batch, int(torch.randint(len(batch["brain"]), ())))
        loss = weigh(similarity, deformation, present, TEMPERATURE, ALPHA)
        adam.zero_grad()
        loss.backward()
        adam.step()
        agreed.append(similarity.detach().diagonal()[present].mean())
    return encoders, torch.stack(agreed)


@torch.no_grad()  # measuring
def _agreement(encoders: list[UNet], batch: Mapping[str, Tensor]) -> float:
    """Mean cosine of a structure's features in both modalities."""
    found = (_regions(encoders, batch, k) for k in range(len(batch["brain"])))
    return float(torch.cat([similarity.diagonal()[present] for similarity, _, present in found]).mean())


def train(functions: Mapping[str, Callable[..., Tensor]], seed: int = 0) -> dict[str, Tensor | float]:
    """Two pairs of encoders, with the student's weighting and with the printed one."""
    cohort = data.load("phantom", subjects=8, px=32, slices=4, jobs=1)
    views = {name: Paired(cohort.subset(name), "t1", "t2") for name in ("train", "test")}
    seen, new = (view.batch(range(len(view))) for view in views.values())
    yours, own_curve = _trained(functions[FUNCTION], seen, seed)
    printed, printed_curve = _trained(_as_printed, seen, seed)
    return {
        "cosine of positives, your weighting": own_curve,
        "cosine of positives, as printed": printed_curve,
        "cosine on new patients, your weighting": _agreement(yours, new),
        "cosine on new patients, as printed": _agreement(printed, new),
    }


def judge(result: Result) -> str:
    """Whether positives end up alike. Mean cosine on new patients, of six seeds: 0.77 to 0.87 with the weight on the
    whole term, -0.99 to -0.80 as printed."""
    yours, printed = (float(result[f"cosine on new patients, {which}"]) for which in ("your weighting", "as printed"))
    seen = f"on new patients the cosine of positives is {yours:.2f} with your weighting, {printed:.2f} as printed"
    if yours < ENOUGH:
        raise Wrong(f"{seen}; a weighting that always pulls brings it above {ENOUGH}")
    return f"{seen}: what should attract attracts"


ASSIGNMENT = Assignment(
    name="repair-weighting",
    title="Repair a weight that repels",
    functions=(FUNCTION,),
    parts=(
        Part(
            "scalar",
            1,
            "one number that can be trained, and nothing changed in place",
            every(scalar(FUNCTION, (*THREE, 0.2, 0.5)), unchanged(FUNCTION, (*THREE, 0.2, 0.5))),
            "The last step is a weighted mean over regions",
        ),
        Part(
            "value",
            2,
            "right where all weights are 1",
            value(FUNCTION, [((*THREE, 0.2, 0.0), 0.437405), ((*THREE, 1.0, 0.0), 0.815204)]),
            "Each row is a softmax over the regions of the translation; the positive stands on the diagonal",
        ),
        Part(
            "ranks",
            2,
            "right where weights follow the ranks of the deformations",
            value(FUNCTION, [((*THREE, 0.2, 0.5), 0.633932), ((*THREE, 0.5, 1.0), 0.879162)]),
            "Rank 0 is the largest deformation; w = exp(-alpha rank) times the whole term, over the sum of all w",
        ),
        Part(
            "pull",
            2,
            "positives are always pulled, negatives always pushed",
            _always_pulls,
            "Where does the weight stand? In the numerator alone it makes the slope (p - w) / tau",
        ),
        Part(
            "shift",
            1,
            "nothing is won by making everything less alike",
            same_under(FUNCTION, (*THREE, 0.2, 0.5), _brighter, "a number is added to all similarities of a row"),
            "A softmax does not care what all its inputs have in common; a weight inside one half of the ratio does",
        ),
        Part(
            "share",
            2,
            "the mean is a weighted one",
            _takes_a_share,
            "Divide by the sum of the weights, or alpha changes how much the term counts against all others",
        ),
        Part(
            "ties",
            1,
            "equal deformations have equal weights, whatever the order of the regions",
            every(
                value(FUNCTION, [((*TIES, 0.2, 0.5), 0.528632)]),
                same_under(FUNCTION, (*TIES, 0.2, 0.5), _renamed, "regions are listed in another order"),
            ),
            "A rank is the number of regions that are deformed more; sorting gives ties different ranks",
        ),
        Part(
            "absent",
            2,
            "absent regions are not ranked, not compared, not counted",
            every(
                value(FUNCTION, [((*WITH_ABSENT, 0.2, 0.5), 0.633932), ((*WITH_ABSENT, 0.2, 0.0), 0.437405)]),
                _absent_are_not_learnt,
                _nobody_costs_nothing,
            ),
            "They must leave the ranks, the columns of the softmax and the mean; where nobody is left, nothing is owed",
        ),
        Part(
            "gradient",
            2,
            "the similarities receive the right gradient, the deformations none",
            gradient(FUNCTION, (*THREE, 0.3, 0.7), to=("0",), not_to=("1",)),
            "A weight says how much to look, it is no objective",
        ),
        Part(
            "finite",
            1,
            "finite in bfloat16 at a low temperature",
            finite_in(FUNCTION, (*WITH_ABSENT, 0.002, 0.5)),
            "exp(450) has no place in a float: torch.logsumexp, and no minus infinity that is subtracted from itself",
        ),
    ),
    probe=Probe(3, "trained with it, structures of T1 and T2 become alike", train, judge, seconds=60),
    minutes=90,
    level="an hour or two",
    chapters=("part2/hifi_syn",),
    questions=6,
    own=tuple(
        f"medsyn_core.losses.contrastive.{name}"
        for name in (
            "contrast",
            "weighted_contrast",
            "numerator_weighted_contrast",
            "region_discrimination",
            "rank_weights",
        )
    ),
)
