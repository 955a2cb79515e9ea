"""A local consistency that respects the tumour's border: where it looks, and by what it divides (utad-8)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from medsyn_core import data
from medsyn_core.course.checks import (
    every,
    finite_in,
    gradient,
    number,
    same_under,
    scalar,
    scales,
    unchanged,
    value,
)
from medsyn_core.course.parts import Assignment, Part, Probe, Result, Wrong
from medsyn_core.course.remote import Student
from medsyn_core.losses.consistency import local_consistency
from medsyn_core.methods import utad

FUNCTION = "border_consistency"


def _pattern(start: int, *shape: int) -> Tensor:
    """Numbers between 0 and 1 that look drawn and are the same everywhere."""
    count = torch.tensor(shape).prod()
    return ((torch.arange(count) * 37 + start) % 101 / 101).float().view(shape)


def _block(size: int, top: int, left: int, height: int, width: int) -> Tensor:
    """A mask (1, 1, size, size) with one rectangle in it."""
    mask = torch.zeros(1, 1, size, size)
    mask[..., top : top + height, left : left + width] = 1
    return mask


def _pair(start: int, size: int) -> tuple[Tensor, Tensor]:
    return _pattern(start, 1, 1, size, size), _pattern(start + 50, 1, 1, size, size)


SQUARE = (*_pair(3, 10), _block(10, 3, 3, 4, 4), 1, 3.0)
BENT = (*_pair(8, 14), torch.maximum(_block(14, 4, 4, 6, 3), _block(14, 7, 4, 3, 6)), 2)  # an L, with the defaults
THIN = (*_pair(5, 10), _block(10, 4, 3, 1, 4), 1, 2.0)  # nothing of it is further than a pixel from its border
SMALL = (*_pair(9, 10), _block(10, 4, 5, 2, 2), 1, 3.0)
BLANK = (*_pair(7, 10), torch.zeros(1, 1, 10, 10), 1, 3.0)


def _together(*cases: tuple) -> tuple:
    """Cases of one size as one batch, with the width and emphasis of the first."""
    return (*(torch.cat(parts) for parts in list(zip(*cases, strict=True))[:3]), *cases[0][3:])


BATCH = _together(SQUARE, SMALL)


def _images(change: Callable[[Tensor], Tensor], and_mask: bool = False) -> Callable[[tuple], tuple]:
    """The same case with both images changed, and the mask as well."""
    return lambda case: (change(case[0]), change(case[1]), change(case[2]) if and_mask else case[2], *case[3:])


def _charge(student: Student, row: int, column: int) -> float:
    """What a smudge of 1 at one pixel costs, where everything else agrees."""
    _, whole, mask, width, emphasis = SQUARE
    branch = mask * whole
    branch[0, 0, row, column] += 1
    return number(student.call(FUNCTION, branch, whole, mask, width, emphasis))


def _band(student: Student) -> None:
    """Both sides of the border count alike, more than the interior; what lies further out counts nothing."""
    _, whole, mask, width, emphasis = SQUARE
    if number(student.call(FUNCTION, mask * whole, whole, mask, width, emphasis)) > 1e-6:
        raise Wrong("where the branch gives exactly the crop of the whole image, 0 was expected")
    deep = _charge(student, 4, 4)
    if deep <= 0:
        raise Wrong("a smudge in the middle of the tumour costs nothing")
    for where, row, column in (
        ("inside the tumour, next to its border,", 3, 4),
        ("outside, next to the border,", 2, 5),
        ("outside, at a corner,", 2, 2),
    ):
        if abs((share := _charge(student, row, column) / deep) - emphasis) > 1e-3:
            raise Wrong(
                f"with emphasis {emphasis:g} a smudge {where} should cost {emphasis:g} times one in the middle, "
                f"it costs {share:.3g} times as much"
            )
    if (far := _charge(student, 0, 0)) > 1e-6:
        raise Wrong(f"a smudge further out than the band should cost nothing here, it costs {far:.3g}")


def _blank(student: Student) -> None:
    """A slice without tumour pays nothing, trains nothing, and still counts in the mean over the batch."""
    answer = student.call(FUNCTION, *BLANK, gradient=True)
    if got := number(answer):
        raise Wrong(f"of a slice without tumour 0 was expected, {got:.6g} came back")
    alone, both = (number(student.call(FUNCTION, *case)) for case in (SQUARE, _together(SQUARE, BLANK)))
    if abs(2 * both - alone) > 1e-5 * max(abs(alone), 1e-30):
        raise Wrong(
            f"a slice without tumour beside one with {alone:.5g} should make a mean of {alone / 2:.5g}, not {both:.5g}"
        )
    for case, last in ((BLANK, 0), (_together(SQUARE, BLANK), 1)):
        slopes = student.call(FUNCTION, *case, gradient=True).gradients
        for k, name in enumerate(("branch", "whole image")):
            if (slope := slopes[str(k)]) is not None and not (slope[last] == 0).all():
                raise Wrong(f"of a slice without tumour the gradient to the {name} should be 0: is 0 divided by 0?")


def _sizes(student: Student) -> None:
    """An even error costs the same whatever the tumour's size, and a batch is the mean of its images."""
    for name, (_, whole, mask, *rest) in (("large", SQUARE), ("small", SMALL)):
        got = number(student.call(FUNCTION, mask * whole + 1, whole, mask, *rest))
        if abs(got - 1) > 1e-5:
            raise Wrong(f"an error of 1 everywhere should cost 1, with a {name} tumour it costs {got:.5g}")
    large, small, both = (number(student.call(FUNCTION, *case)) for case in (SQUARE, SMALL, BATCH))
    if abs(both - (large + small) / 2) > 1e-5 * abs(both):
        raise Wrong(
            f"one image costs {large:.5g}, the other {small:.5g}; together {(large + small) / 2:.5g} was expected, "
            f"{both:.5g} came back"
        )


def _refuses_other_shapes(student: Student) -> None:
    """Broadcasting would compare every branch image with every whole one."""
    branch, whole, mask, *rest = BATCH
    try:
        got = number(student.call(FUNCTION, branch, whole[:, 0], mask, *rest))
    except Wrong as wrong:
        if "ValueError" in str(wrong):
            return
        raise
    raise Wrong(f"a whole image of shape (2, 10, 10) was not refused with a ValueError: {got:.4g} came back")


# -- the probe: a branch that has to learn where to stop

STEPS, BAND, EMPHASIS, MOST_SPILL, MOST_ERROR = 500, 1, 2.0, 0.3, 0.3


def _keep(trace: Any) -> Tensor:
    """Stands in for critics: the whole image should stay as it is."""
    return (trace.translated - trace.image).abs().mean()


def _papers(branch: Tensor, whole: Tensor, mask: Tensor) -> Tensor:
    """The first half of utad-8."""
    return local_consistency(branch, whole, torch.zeros_like(whole), torch.zeros_like(whole), mask)


def _fitted(term: Callable[..., Tensor], seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """The answers of both branches for the test slices, and their masks, of a generator trained with one term."""
    cohort = data.load("phantom", subjects=8, px=32, slices=4, scaling="median", jobs=1)
    recipe = utad.teacher("smoke").configure(steps=STEPS, width=8)
    recipe = recipe.edit(**dict.fromkeys(recipe.losses, 0.0)).add("keep", _keep, 10.0)
    recipe = recipe.add("consistency", lambda trace: term(trace.forth.tumour, trace.translated, trace.mask), 5.0)
    run = recipe.fit(cohort, seed=seed, device="cpu", progress=False)
    view = recipe.method.view(cohort.subset("test"))
    batch = view.batch(range(len(view)))
    (mask,) = recipe.method.guides(batch)
    with torch.no_grad():  # use, not training
        code = (batch["modality"] + 1) % len(cohort.modalities)
        made = run.networks["generator"](batch["image"], batch["image"] * mask, code)
    return made.tumour, made.image, mask


def train(functions: Mapping[str, Callable[..., Tensor]], seed: int = 0) -> dict[str, Tensor | float]:
    """Two generators, one with the student's term and one with the paper's: what the local branch paints just outside
    the tumour, and how far it is from the whole image inside."""
    shown: dict[str, Tensor | float] = {}
    yours = lambda branch, whole, mask: functions[FUNCTION](branch, whole, mask, BAND, EMPHASIS)
    terms = {"your term": yours, "the paper's": _papers}
    for name, term in terms.items():
        branch, whole, mask = _fitted(term, seed)
        outside = (F.max_pool2d(mask, 2 * BAND + 1, 1, BAND) > mask) & (whole != 0)
        inside = mask > 0
        shown[f"painted just outside, {name}"] = branch[outside].abs().mean()
        shown[f"off inside, {name}"] = (branch - whole)[inside].abs().mean()
        widest = mask.flatten(1).sum(dim=1).argmax()
        shown[f"the local branch, {name}"] = branch[widest, 0]
        shown["the local branch, what it should give"] = (mask * whole)[widest, 0]
    return shown


def judge(result: Result) -> str:
    """Whether the branch stops at the border and agrees inside. A brain spans about 1."""
    spill, off = (float(result[f"{what}, your term"]) for what in ("painted just outside", "off inside"))
    seen = f"just outside the tumour the branch paints {spill:.3f}; inside it is {off:.3f} off the whole image"
    if spill > MOST_SPILL or off > MOST_ERROR:
        raise Wrong(f"{seen}; a term that minds the border stays below {MOST_SPILL:g} and {MOST_ERROR:g}")
    paper = (float(result[f"{what}, the paper's"]) for what in ("painted just outside", "off inside"))
    return f"{seen}; with the paper's term {' and '.join(f'{x:.3f}' for x in paper)}, at the same weight"


ASSIGNMENT = Assignment(
    name="border-consistency",
    title="A consistency that minds the border",
    functions=(FUNCTION,),
    parts=(
        Part(
            "value",
            3,
            "right on three tumours",
            value(FUNCTION, [(SQUARE, 0.50772278), (BENT, 0.48601894), (THIN, 0.49614962)]),
            "Weights first: dilate, erode, 1 in the interior, emphasis between; then the weighted mean of the error",
        ),
        Part(
            "band",
            3,
            "a smudge costs what its place says",
            _band,
            "The band lies on both sides of the border, and the branch itself is not multiplied by the mask",
        ),
        Part(
            "gradient",
            2,
            "both branches learn from it, as finite differences say",
            gradient(FUNCTION, SQUARE, to=("0", "1")),
            "Neither branch is a teacher here: nothing is detached",
        ),
        Part(
            "blank",
            2,
            "a slice without tumour pays nothing and gives no NaN",
            _blank,
            "Keep the divisor above 0, and take the mean over the whole batch",
        ),
        Part(
            "sizes",
            2,
            "small and large tumours count alike",
            _sizes,
            "Each image is divided by the sum of its own weights; the mean over images comes last",
        ),
        Part(
            "scale",
            2,
            "twice the difference costs twice as much, and left and right do not matter",
            every(
                scales(FUNCTION, BATCH, _images(lambda x: 2 * x), 2, "both images are twice as bright"),
                same_under(FUNCTION, BATCH, _images(lambda x: x.flip(-1), and_mask=True), "everything is mirrored"),
            ),
            "An absolute difference, as in the paper's equation",
        ),
        Part(
            "shape",
            1,
            "one number, inputs left alone, other shapes refused",
            every(scalar(FUNCTION, BATCH), unchanged(FUNCTION, BATCH), _refuses_other_shapes),
            "Compare the three shapes first and raise a ValueError that says them",
        ),
        Part("short", 1, "finite in bfloat16", finite_in(FUNCTION, _together(SQUARE, BLANK)), "Is 0 divided by 0?"),
    ),
    probe=Probe(3, "a branch that learns where to stop", train, judge, seconds=150),
    minutes=120,
    level="an afternoon",
    chapters=("part2/utad_net",),
    questions=6,
)
