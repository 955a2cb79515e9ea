"""Invent a loss term, say what it should change, and run the ablation that could refute it (dual-7, d2-11)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from medsyn_core.course.ablation import PLAN, PLAYERS, SCORES, TERM, judge, train
from medsyn_core.course.checks import ask, number
from medsyn_core.course.parts import Assignment, Part, Probe, Wrong
from medsyn_core.course.props import METHODS, PROPS, Prop
from medsyn_core.course.remote import Answer, Student

REST = "at_rest"
TRACES = {"dual_d": 14, "d2net": 18}  # more than a method has terms, or anything would be a sum of them
DISGUISE = 1e-4  # share of its variance that a term must not owe to terms that are there
NOISES = (0.02, 0.1, 0.6)  # times the spread of what is at rest


# -- made-up steps


def _smooth(draws: torch.Generator, *shape: int) -> Tensor:
    """Random fields that are smooth along all axes but the first two."""
    coarse = torch.randn(*shape[:2], *(max(side // 4, 2) for side in shape[2:]), generator=draws)
    mode = "bilinear" if len(shape) == 4 else "trilinear"
    return F.interpolate(coarse, size=shape[2:], mode=mode, align_corners=True)


def _labels(draws: torch.Generator, *shape: int) -> Tensor:
    """BraTS codes (B, ...), a tumour of all three labels in the middle third of each sample."""
    labels = torch.tensor([1, 2, 4])[torch.randint(3, shape, generator=draws)]
    for axis, side in enumerate(shape[1:], start=1):
        place = torch.arange(side).view(-1, *[1] * (len(shape) - 1 - axis))
        labels = labels * ((place >= side // 3) & (place < 2 * side // 3))
    return labels


def given(method: str, seed: int) -> dict[str, Tensor]:
    """A made-up batch, with the draws of the step: of Dual-D (4, 1, 16, 16) images, of D²-Net (2, 4, 16, 16, 16)."""
    draws = torch.Generator().manual_seed(seed)
    uniform = lambda *shape: torch.rand(*shape, generator=draws)
    if method == "dual_d":
        contrast, light = 0.05 + 0.3 * uniform(2, 4, 1, 1, 1), 0.3 + 0.4 * uniform(2, 4, 1, 1, 1)
        source, target = (light[k] + contrast[k] * _smooth(draws, 4, 1, 16, 16) for k in range(2))
        brain = torch.zeros(4, 1, 16, 16)
        brain[..., 2:14, 2:14] = 1
        images = {"source": source * brain, "target": target * brain, "brain": brain}
        return {**images, "seg": _labels(draws, 4, 16, 16), "mix": uniform(4, 1, 1, 1)}
    images = _smooth(draws, 2, 4, 16, 16, 16) * (0.5 + uniform(2, 4, 1, 1, 1))
    images[..., :2] = 0  # background
    numbers = {"stay": uniform(2, 4), "flip": uniform(2)}
    numbers |= {name: torch.randn(2, 4, generator=draws) for name in ("gain", "offset")}
    known = {"present": torch.ones(2, 4), "subject": torch.arange(2), "seg": _labels(draws, 2, 16, 16, 16)}
    return {"images": images, **known, **numbers}


def step(method: str, seed: int = 0, put: Mapping[str, Tensor] | None = None, which: list[int] | None = None) -> Prop:
    """A step of a method. put: entries that are given instead of computed; which: samples of the batch, in order."""
    batch = {name: x if which is None else x[which] for name, x in given(method, seed).items()}
    players = {p: Prop("player", called=p, method=method, player=p, seed=seed) for p in PLAYERS[method]}
    return Prop("step", method=method, given=batch, put=dict(put or {}), **players)


def _built(value: Any) -> Any:
    """A prop as the student's process builds it, here."""
    if isinstance(value, Prop):
        return PROPS[value.name](**{name: _built(inner) for name, inner in value.settings.items()})
    return value


@cache
def _existing(method: str) -> Tensor:
    """What the terms of the method's own table are on `TRACES` steps, (steps, terms) float64."""
    losses = METHODS[method].recipe("smoke").losses
    terms = [term for term in losses.terms if term.player == PLAYERS[method][0]]
    rows = []
    for seed in range(TRACES[method]):
        trace = _built(step(method, seed))
        rows.append(torch.stack([term(trace).detach() for term in terms]))
    return torch.stack(rows).double()


# -- the parts


def _plan(student: Student) -> dict[str, Any]:
    """What the student plans; only the method is looked at."""
    plan = student.call(PLAN).value
    if not isinstance(plan, dict) or plan.get("method") not in PLAYERS:
        raise Wrong(f'plan() must return a dict whose "method" is one of: {", ".join(PLAYERS)}')
    return plan


def _whole_plan(student: Student) -> None:
    plan = _plan(student)
    allowed = {"score": SCORES[plan["method"]], "better": ("higher", "lower")}
    for name, choices in allowed.items():
        if plan.get(name) not in choices:
            raise Wrong(f'"{name}" must be one of {", ".join(choices)}, not {plan.get(name)!r}')
    for name in ("weight", "smallest"):
        got = plan.get(name)
        if isinstance(got, bool) or not isinstance(got, int | float) or not 0 < got < math.inf:
            raise Wrong(f'"{name}" must be a number above 0, not {got!r}')


def _asked(student: Student, seed: int = 0, **how: Any) -> Answer:
    """What the term gives on one step. how: put and which as `step` takes them, else as `Student.call` takes it."""
    staged = {name: how.pop(name) for name in ("put", "which") if name in how}
    return ask(student, TERM, (step(_plan(student)["method"], seed, **staged),), **how)


def _scalar(student: Student) -> None:
    answer = _asked(student, gradient=True)
    number(answer)
    if not answer.differentiable:
        raise Wrong("the value has no graph behind it, so it trains nothing: .item(), no_grad, only given tensors?")


def _reaches(student: Student) -> None:
    mover, *others = PLAYERS[_plan(student)["method"]]
    moved = _asked(student, gradient=True).moved
    if not moved[mover]:
        raise Wrong(f"no gradient reaches the {mover}: the term looks at nothing that the {mover} has made")
    for name in others:
        if moved[name]:
            raise Wrong(f"a gradient reaches the {name}: your term looks through its networks; detach what they say")


def _own(student: Student) -> None:
    method = _plan(student)["method"]
    values = torch.tensor([number(_asked(student, seed)) for seed in range(TRACES[method])], dtype=torch.float64)
    spread = values - values.mean()
    if spread.norm() <= 1e-6 * values.norm():
        raise Wrong(f"the term is {values[0]:.6g} on every step: a constant teaches nothing")
    terms = _existing(method)
    columns = torch.cat([terms / terms.abs().mean(dim=0).clamp_min(1e-12), torch.ones(len(terms), 1)], dim=1)
    left = values - columns @ torch.linalg.lstsq(columns, values[:, None]).solution[:, 0]
    if left.square().sum() <= DISGUISE * spread.square().sum():
        raise Wrong("on all steps the term is a weighted sum of terms of the table: edit their weights instead")


def _at_rest(student: Student) -> dict[str, Tensor]:
    """The entries that the student puts in the trace to bring the term to its least."""
    rest = ask(student, REST, (step(_plan(student)["method"]),)).value
    if not isinstance(rest, dict) or not rest or not all(isinstance(x, Tensor) for x in rest.values()):
        raise Wrong('at_rest must return a dict of tensors by the name of a trace\'s entry, {"translated": …}')
    return rest


def _rest(student: Student) -> None:
    """Least at rest: lower neither along the slope there nor after noise, and higher after much of it."""
    rest = _at_rest(student)
    answer = _asked(student, put=rest, gradient=True)
    least, draws = number(answer), torch.Generator().manual_seed(0)
    margin = 1e-6 + 1e-4 * abs(least)

    def move(size: float, way: Callable[[str, Tensor], Tensor]) -> float:
        moved = {name: x + size * x.float().std().clamp_min(0.1) * way(name, x) for name, x in rest.items()}
        if (value := number(_asked(student, put=moved))) < least - margin:
            raise Wrong(f"at rest the term is {least:.6g}, beside it {value:.6g}: it is not least there")
        return value

    def down(name: str, x: Tensor) -> Tensor:
        slope = answer.gradients[f"0.put.{name}"]
        if slope is None or not slope.isfinite().all():  # a slope of no size is another part's affair
            return torch.zeros_like(x)
        return -F.normalize(slope.flatten(), dim=0).view(x.shape)

    for size in NOISES:
        move(size, lambda name, x: down(name, x) * x.numel() ** 0.5)
        value = move(size, lambda name, x: torch.randn(x.shape, generator=draws))
    if not value > least + margin:
        raise Wrong(f"the term stays at {least:.6g} when what is at rest is disturbed: it does not look at it")


def _slope(student: Student) -> None:
    for where, how in {"at rest": {"put": _at_rest(student)}, "on an ordinary step": {}}.items():
        answer = _asked(student, gradient=True, **how)
        number(answer)
        for path, slope in answer.gradients.items():
            if slope is not None and not slope.isfinite().all():
                raise Wrong(f"{where} the gradient with respect to {path.rpartition('.')[2]} is not finite")


def _batch(student: Student) -> None:
    plain = number(_asked(student))
    many = len(next(iter(given(_plan(student)["method"], 0).values())))
    turned = list(range(many))[::-1]
    for which, what in ((turned, "the other way round"), (turned * 2, "each sample twice")):
        got = number(_asked(student, which=which))
        if abs(got - plain) > 1e-5 + 1e-4 * abs(plain):
            raise Wrong(f"the batch gives {plain:.6g}, with {what} {got:.6g}: its weight would depend on the batch")


def _half(student: Student) -> None:
    answer = _asked(student, gradient=True, dtype="bfloat16")
    number(answer)
    if not all(slope is None or slope.isfinite().all() for slope in answer.gradients.values()):
        raise Wrong("in bfloat16 a gradient is not finite: take .float() of what you divide by, or take the root of")


ASSIGNMENT = Assignment(
    name="term-of-your-own",
    title="A term of your own, and what could refute it",
    functions=(TERM, REST, PLAN),
    parts=(
        Part("plan", 1, "a prediction that can fail", _whole_plan, "See the list under step 1"),
        Part("scalar", 1, "one finite number that can be trained", _scalar, "The last step is a mean"),
        Part("reaches", 1, "its gradient goes where it should", _reaches, "Who has made what you look at?"),
        Part("own", 1, "neither a constant nor a term that is there already", _own, "Print recipe.losses"),
        Part("rest", 1, "least where you say that it is", _rest, "Is a sign turned round, or is it least elsewhere?"),
        Part("slope", 1, "a finite slope at rest and elsewhere", _slope, "The derivative of a root has no value at 0"),
        Part("batch", 1, "blind to the order and the size of the batch", _batch, "A mean over samples, not a sum"),
        Part("half", 1, "finite in bfloat16", _half, "Half of all digits are gone: 1 + 0.003 is 1"),
    ),
    probe=Probe(2, "a training obeys it, and a paired ablation is run", train, judge, seconds=90),
    minutes=360,
    level="a small project",
    chapters=("part1/measuring", "part2/dual_discriminator", "part3/d2net"),
    questions=12,
)
