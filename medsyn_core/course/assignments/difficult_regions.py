"""Attend to regions that look synthetic, and say where the gradient goes when the map is detached or not (dual-6)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from medsyn_core import data
from medsyn_core.course.checks import ask, every, finite_in, gradient, number, reaches, scalar, unchanged, value
from medsyn_core.course.parts import Assignment, Part, Probe, Result, Wrong
from medsyn_core.course.props import Prop
from medsyn_core.course.remote import Student
from medsyn_core.data.views import Paired
from medsyn_core.networks.unet import FCN

FUNCTION = "attended"


def _rows(*rows: list[float]) -> Tensor:
    """One row of pixels an image, (B, 1, 1, W)."""
    return torch.tensor(rows)[:, None, None]


# A judge whose logits are known: slope times brightness plus level.
DARK_IS_FAKE = Prop("judge", slope=4.0, level=-2.0)
ONE = (_rows([0.2, 0.5, 0.9]), _rows([0.5, 0.6, 0.3]), DARK_IS_FAKE)
EVERYWHERE = torch.ones(1, 1, 1, 3)
# The left half of an image is brain; the target is far off in the right one.
HALF = (_rows([0.2, 0.5, 0.0, 0.0]), _rows([0.5, 0.6, 9.0, -7.0]), DARK_IS_FAKE, _rows([1.0, 1.0, 0.0, 0.0]))
# Three images: four pixels of brain, one, and none.
TWO = (
    _rows([0.1, 0.4, 0.7, 0.2], [0.9, 0.3, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]),
    _rows([0.3, 0.1, 0.8, 0.9], [0.1, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]),
    DARK_IS_FAKE,
    _rows([1.0, 1.0, 1.0, 1.0], [1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]),
)
# A judge who is sure that everything is real, with logits of 20 and more.
SURE = (_rows([0.2, 0.5, 0.9]), _rows([0.5, 0.6, 0.3]), Prop("judge", slope=1.0, level=20.0), EVERYWHERE)


def _drawn(detached: bool) -> tuple:
    draws = torch.Generator().manual_seed(1)
    translated, target = torch.rand(2, 2, 1, 4, 4, generator=draws)
    brain = (torch.rand(2, 1, 4, 4, generator=draws) < 0.7).float()
    return translated, target, Prop("translator", seed=1, called="judge"), brain, 2.0, detached


def _mean_of_each(student: Student) -> None:
    """A batch costs what its images cost one by one, on average."""
    together = number(ask(student, FUNCTION, (*TWO, 2.0)))
    alone = [
        number(ask(student, FUNCTION, (*(x[k : k + 1] if isinstance(x, Tensor) else x for x in TWO), 2.0)))
        for k in range(len(TWO[0]))
    ]
    if abs(together - sum(alone) / len(alone)) > 1e-5:
        each = ", ".join(f"{cost:.4f}" for cost in alone)
        raise Wrong(
            f"one by one the images cost {each}; together they should cost the mean, not {together:.4f}: a large brain "
            "must not outvote a small one"
        )
    if alone[-1]:
        raise Wrong(f"an image without brain should cost 0, not {alone[-1]:.4f}")


def _gradient_of_a_fixed_map(student: Student) -> None:
    """With the map detached every pixel of the translation is pulled with its own attention, towards the target."""
    got = ask(student, FUNCTION, (*ONE, EVERYWHERE, 2.0), gradient=True).gradients["0"]
    if got is None:
        raise Wrong("no gradient reaches the translated image, so this term cannot train a generator")
    wanted = _rows([-0.196877, -0.083333, 0.009406])
    if not torch.allclose(got, wanted, atol=1e-4):
        shown = [round(x, 4) for x in got.flatten().tolist()]
        raise Wrong(
            "detached, the gradient to the translated image should be the sign of the error times F over the number of "
            f"pixels, {[round(x, 4) for x in wanted.flatten().tolist()]}, not {shown}"
        )


# -- the probe: a judge that has seen early translations, and two generators that carry on from there

WARM, JUDGED, STEPS, BATCH, BETA = 20, 150, 100, 4, 2.0
ENOUGH, SHOWN = 0.14, 2


def _trained(network: nn.Module, loss: Callable[[Tensor, Tensor, Tensor], Tensor], batch: Mapping[str, Tensor],
             steps: int, rate: float) -> nn.Module:  # fmt: skip
    """The network after some steps on a loss of source, target and brain."""
    adam = torch.optim.Adam(network.parameters(), rate)
    for _ in range(steps):
        pick = torch.randint(len(batch["source"]), (BATCH,))
        adam.zero_grad()
        loss(*(batch[name][pick] for name in ("source", "target", "brain"))).backward()
        adam.step()
    return network


def _translator(width: int = 8) -> nn.Module:
    """A generator too plain to fool anybody at first: four convolutions, no normalisation."""
    layers: list[nn.Module] = []
    for inputs, reach in ((1, 1), (width, 1), (width, 2)):
        layers += [nn.Conv2d(inputs, width, 3, padding=reach, dilation=reach, padding_mode="replicate"), nn.GELU()]
    return nn.Sequential(*layers, nn.Conv2d(width, 1, 1))


@torch.no_grad()  # measuring
def _measured(generator: nn.Module, judge: nn.Module, batch: Mapping[str, Tensor]) -> tuple[Tensor, float, float]:
    """Translations, their mean absolute error in the brain, and the judge's mean confidence there."""
    brain = batch["brain"]
    made = generator(batch["source"]) * brain
    inside = lambda x: float((x * brain).sum() / brain.sum())
    return made, inside((made - batch["target"]).abs()), inside(judge(made).sigmoid())


def train(functions: Mapping[str, Callable[..., Tensor]], seed: int = 0) -> dict[str, Tensor | float]:
    """Two generators with nothing but the student's loss, one with the map detached, one without."""
    torch.manual_seed(seed)
    cohort = data.load("phantom", subjects=8, px=32, slices=4, jobs=1)
    views = {name: Paired(cohort.subset(name), "t1", "t2") for name in ("train", "test")}
    seen, new = (view.batch(range(len(view))) for view in views.values())
    early = _translator()
    _trained(early, lambda x, y, brain: (early(x) * brain - y).abs().mean(), seen, WARM, 3e-3)
    judge = FCN(width=6, levels=2)
    tell = lambda logits, real: F.binary_cross_entropy_with_logits(logits, real, reduction="none")

    def opinion(x: Tensor, y: Tensor, brain: Tensor) -> Tensor:
        """dual-4 inside the brain: outside it, all images are alike."""
        made = (early(x) * brain).detach()  # the judge trains, not the generator
        both = tell(judge(y), torch.ones_like(y)) + tell(judge(made), torch.zeros_like(y))
        return (both * brain).sum() / brain.sum()

    _trained(judge, opinion, seen, JUDGED, 1e-2)
    shown = {"T1": new["source"], "T2": new["target"]}
    result = {f"slice of a new patient, {name}": images[SHOWN, 0] for name, images in shown.items()}
    for name, detached in (("detached", True), ("not detached", False)):
        generator = deepcopy(early)

        def loss(x: Tensor, y: Tensor, brain: Tensor, generator=generator, detached=detached) -> Tensor:
            return functions[FUNCTION](generator(x) * brain, y, judge, brain, BETA, detached)

        _trained(generator, loss, seen, STEPS, 3e-3)
        made, error, confidence = _measured(generator, judge, new)
        result |= {
            f"slice of a new patient, {name}": made[SHOWN, 0],
            f"mean absolute error, {name}": error,
            f"confidence of the judge, {name}": confidence,
        }
    return result


def judge(result: Result) -> str:
    """Whether the detached map leaves the generator nothing to do but to paint better. Mean absolute error in brains of
    new patients, of six seeds: 0.083 to 0.102 detached, 0.18 to 0.33 not detached."""
    errors, trusts = (
        [float(result[f"{what}, {which}"]) for which in ("detached", "not detached")]
        for what in ("mean absolute error", "confidence of the judge")
    )
    seen = (
        f"with the map detached the error is {errors[0]:.3f} and the judge's confidence {trusts[0]:.2f}; not detached "
        f"they are {errors[1]:.3f} and {trusts[1]:.2f}"
    )
    if errors[0] > ENOUGH:
        raise Wrong(f"{seen}; a generator that cannot pay with the judge's confidence comes below {ENOUGH}")
    return seen


ASSIGNMENT = Assignment(
    name="difficult-regions",
    title="Attention to difficult regions, and where its gradient goes",
    functions=(FUNCTION,),
    parts=(
        Part(
            "scalar",
            1,
            "one number that can be trained, and nothing changed in place",
            every(scalar(FUNCTION, (*ONE, EVERYWHERE, 2.0)), unchanged(FUNCTION, (*TWO, 2.0))),
            "The last step is a mean over images",
        ),
        Part(
            "value",
            2,
            "right where everything is brain",
            value(FUNCTION, [((*ONE, EVERYWHERE, 2.0), 0.073040), ((*ONE, EVERYWHERE, 1.0), 0.127115)]),
            "M is the sigmoid of what the judge says of the translated image, F = (1 - M)^beta, the error is absolute",
        ),
        Part(
            "plain",
            1,
            "with beta = 0 it is the mean absolute error",
            value(FUNCTION, [((*ONE, EVERYWHERE, 0.0), 0.333333)]),
            "Anything to the power of 0 is 1",
        ),
        Part(
            "brain",
            2,
            "a mean over the pixels of the brain",
            value(FUNCTION, [((*HALF, 0.0), 0.2)]),
            "Leave out what lies outside, in the sum and in the number it is divided by",
        ),
        Part(
            "images",
            2,
            "every image counts the same, and one without brain costs nothing",
            _mean_of_each,
            "First a mean over each image's brain, then one over images; do not divide by 0",
        ),
        Part(
            "detached",
            3,
            "detached: the judge gets no gradient, the translation that of a fixed map",
            every(reaches(FUNCTION, _drawn(True), still=("judge",)), _gradient_of_a_fixed_map),
            "Detach the map and nothing else: not the images, and not the judge for good",
        ),
        Part(
            "leak",
            2,
            "not detached: the gradient runs through the judge, and reaches it",
            every(reaches(FUNCTION, _drawn(False), moved=("judge",)), gradient(FUNCTION, _drawn(False), to=("0",))),
            "detached=False must leave the way through the judge open, in value and in gradient",
        ),
        Part(
            "sure",
            1,
            "a judge that is sure costs no digits and makes no NaN",
            every(
                value(FUNCTION, [((*SURE, 0.25), 0.00191521)], atol=1e-7),
                finite_in(FUNCTION, (*SURE, 0.25, False), "float32"),
                finite_in(FUNCTION, (*SURE, 0.25, False)),
            ),
            "At a logit of 20 the sigmoid is 1 in float32, and 1 - 1 is 0. But 1 - sigmoid(l) = sigmoid(-l)",
        ),
    ),
    probe=Probe(3, "trained with the map detached, translations become right", train, judge, seconds=60),
    minutes=75,
    level="an hour or two",
    chapters=("part2/dual_discriminator",),
    questions=6,
    own=tuple(f"medsyn_core.losses.synthesis.{name}" for name in ("difficult_region", "difficult_region_normalised")),
)
