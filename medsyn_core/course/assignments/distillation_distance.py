"""Distil where a teacher looks, not how large its features are: attention maps in the place of L1 (utad-10)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from medsyn_core import data
from medsyn_core.course.checks import every, gradient, number, same_under, scalar, unchanged, value, zero_at
from medsyn_core.course.parts import Assignment, Part, Probe, Result, Wrong
from medsyn_core.course.remote import Student
from medsyn_core.course.short_floats import alike_in
from medsyn_core.data.views import Paired
from medsyn_core.losses.consistency import absolute

FUNCTION = "distil"


def _pattern(start: int, *shape: int) -> Tensor:
    """Numbers between -0.5 and 0.5 that look drawn and are the same everywhere."""
    count = torch.tensor(shape).prod()
    return ((torch.arange(count) * 37 + start) % 101 / 101 - 0.5).float().view(shape)


def _features(*channels: list[list[float]]) -> Tensor:
    """One image's features, (1, C, h, w)."""
    return torch.tensor([channels])


# Strengths (9, 16) and (16, 9): lengths 18.36, shares 0.49 and 0.87; then drawn ones.
TWO_PLACES = (_features([[3.0, 0.0]], [[0.0, 4.0]]), _features([[0.0, 3.0]], [[4.0, 0.0]]))
DRAWN = (_pattern(3, 1, 3, 2, 3), _pattern(40, 1, 3, 2, 3))
BATCH = (_pattern(5, 2, 3, 3, 4), _pattern(77, 2, 3, 3, 4))
APART = (_features([[1.0, 0.0], [0.0, 0.0]]), _features([[0.0, 0.0], [0.0, -5.0]]))
NOTHING = torch.zeros(1, 3, 2, 3)
# Whole numbers below 128, which bfloat16 holds exactly; the student is off by one in a hundred.
CLOSE = ((_pattern(9, 2, 4, 3, 3) * 20).round() + 112, (_pattern(9, 2, 4, 3, 3) * 20).round() + 112)
CLOSE[0][:, :, 0] += 1


def _louder(case: tuple) -> tuple:
    """Each image of the student by a factor of its own, the teacher by another."""
    return case[0] * torch.tensor([3.0, 0.5]).view(2, 1, 1, 1), case[1] * 20


def _turned(case: tuple) -> tuple:
    return -case[0].flip(1), case[1]


def _wider(case: tuple) -> tuple:
    """Two more channels that are silent everywhere."""
    return torch.cat([case[0], torch.zeros_like(case[0][:, :2])], dim=1), case[1]


def _samples(student: Student) -> None:
    """A batch is the mean of its images."""
    both = number(student.call(FUNCTION, *BATCH))
    each = [number(student.call(FUNCTION, *(x[k : k + 1] for x in BATCH))) for k in range(2)]
    if abs(both - sum(each) / 2) > 1e-5 * abs(both) + 1e-7:
        raise Wrong(
            f"one image costs {each[0]:.5g}, the other {each[1]:.5g}; together their mean {sum(each) / 2:.5g} was "
            f"expected, {both:.5g} came back"
        )


def _silent(student: Student) -> None:
    """Features that are zero everywhere have an empty map: a price of 1, and a gradient without NaN."""
    for student_map, teacher_map, wanted in ((NOTHING, DRAWN[1], 1.0), (DRAWN[0], NOTHING, 1.0), (NOTHING, NOTHING, 0)):
        answer = student.call(FUNCTION, student_map, teacher_map, gradient=True)
        if abs((got := number(answer)) - wanted) > 1e-5:
            raise Wrong(f"where one side is silent, {wanted:g} was expected, {got:.5g} came back")
        slope = answer.gradients["0"]
        if slope is not None and not slope.isfinite().all():
            raise Wrong("where one side is silent, the gradient is not finite")


def _refuses_other_shapes(student: Student) -> None:
    """One teacher's map for two students' would be broadcast."""
    try:
        got = number(student.call(FUNCTION, BATCH[0], BATCH[1][:1]))
    except Wrong as wrong:
        if "ValueError" in str(wrong):
            return
        raise
    raise Wrong(f"two images and one of the teacher were not refused with a ValueError: {got:.4g} came back")


# -- the probe: a student that is not told where the tumour is

STEPS, CHANNELS, LOUD, LEAST = 300, 8, 20.0, 3.0


def _student() -> nn.Module:
    """Image (B, 1, H, W) -> features (B, CHANNELS, H / 2, W / 2)."""
    return nn.Sequential(
        nn.Conv2d(1, 8, 5, padding=2),
        nn.ReLU(),
        nn.AvgPool2d(2),
        nn.Conv2d(8, 16, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(16, CHANNELS, 3, padding=1),
        nn.ReLU(),
    )


class _Teacher(nn.Module):
    """Features of a frozen convolution, turned up where a mask says so: loud, and privileged."""

    def __init__(self) -> None:
        super().__init__()
        self.look = nn.Sequential(nn.Conv2d(1, CHANNELS, 3, padding=1), nn.ReLU(), nn.AvgPool2d(2))
        self.requires_grad_(False)

    def forward(self, image: Tensor, mask: Tensor) -> Tensor:
        return LOUD * self.look(image) * (0.2 + 2 * F.avg_pool2d(mask, 2))


def _slices(name: str) -> dict[str, Tensor]:
    """FLAIR, tumour and brain of one set, (N, 1, H, W) each."""
    cohort = data.load("phantom", subjects=8, px=32, slices=4, scaling="median", jobs=1)
    view = Paired(cohort.subset(name), "flair", "t1")
    batch = view.batch(range(len(view)))
    return {"image": batch["source"], "mask": (batch["seg"][:, None] > 0).float(), "brain": batch["brain"]}


def _focus(features: Tensor, slices: Mapping[str, Tensor]) -> float:
    """How many times as active the features are inside the tumour as in the rest of the brain."""
    activity = features.abs().mean(dim=1, keepdim=True)  # (N, 1, h, w)
    mask, brain = F.avg_pool2d(slices["mask"], 2), F.avg_pool2d(slices["brain"], 2)
    return float(activity[mask > 0.5].mean() / activity[(mask == 0) & (brain > 0.5)].mean())


def _taught(teacher: nn.Module, distance: Callable[..., Tensor], slices: Mapping[str, Tensor], seed: int) -> nn.Module:
    torch.manual_seed(seed)
    student = _student()
    adam = torch.optim.Adam(student.parameters(), 3e-3)
    for _ in range(STEPS):
        pick = torch.randperm(len(slices["image"]))[:8]
        image = slices["image"][pick]
        loss = distance(student(image), teacher(image, slices["mask"][pick]))
        adam.zero_grad()
        loss.backward()
        adam.step()
    return student


def train(functions: Mapping[str, Callable[..., Tensor]], seed: int = 0) -> dict[str, Tensor | float]:
    """Two students of one teacher, taught by the student's distance and by L1, on patients they have not seen."""
    torch.manual_seed(seed)
    teacher, slices, new = _Teacher(), _slices("train"), _slices("test")
    l1 = lambda features, taught: absolute(features, taught, "features")
    widest = new["mask"].flatten(1).sum(dim=1).argmax()
    shown: dict[str, Tensor | float] = {}
    with torch.no_grad():
        found = {"the teacher's": teacher(new["image"], new["mask"])}
    for name, distance in (("with your distance", functions[FUNCTION]), ("with L1", l1)):
        student = _taught(teacher, distance, slices, seed)
        with torch.no_grad():
            found[name] = student(new["image"])
    for name, features in found.items():
        activity = features[widest].abs().mean(dim=0)  # (h, w)
        shown[f"tumour over brain, {name}"] = _focus(features, new)
        shown[f"activity, {name}"] = activity / activity.max().clamp_min(1e-12)
    return {"FLAIR of a new patient": new["image"][widest, 0], **shown}


def judge(result: Result) -> str:
    """Whether the student looks where the teacher looks, on new patients."""
    yours, plain, teacher = (
        float(result[f"tumour over brain, {name}"]) for name in ("with your distance", "with L1", "the teacher's")
    )
    seen = (
        f"in the tumours of new patients your student is {yours:.1f} times as active as in the rest of the brain, "
        f"with L1 {plain:.1f} times, its teacher {teacher:.1f} times"
    )
    if not yours > LEAST:
        raise Wrong(f"{seen}; a distance between maps gives more than {LEAST:g}")
    return seen


ASSIGNMENT = Assignment(
    name="distillation-distance",
    title="Another distance to the teacher",
    functions=(FUNCTION,),
    parts=(
        Part(
            "value",
            3,
            "right on two examples",
            value(FUNCTION, [(TWO_PLACES, 0.29080119), (DRAWN, 0.68520188)]),
            "Squares summed over the channels; divided by the length of the image's map; squared difference summed "
            "over the places",
        ),
        Part(
            "gradient",
            2,
            "the student learns from it, as finite differences say",
            gradient(FUNCTION, BATCH, to=("0",)),
            "Finite differences are taken in float64: a .float() on the way throws half of the digits away",
        ),
        Part(
            "teacher",
            3,
            "the teacher is a constant",
            every(scalar(FUNCTION, BATCH), gradient(FUNCTION, BATCH, to=(), not_to=("1",))),
            "Which of the two arguments must be detached?",
        ),
        Part(
            "scale",
            2,
            "how loud, in which sign and in how many channels does not matter",
            every(
                same_under(FUNCTION, BATCH, _louder, "features are multiplied, each image's by a factor of its own"),
                same_under(FUNCTION, BATCH, _turned, "channels change places and signs"),
                same_under(FUNCTION, BATCH, _wider, "the student gets two more channels that are silent"),
            ),
            "Only a map over places is compared, and its length is divided out for each image",
        ),
        Part(
            "limits",
            1,
            "0 for equal maps, 2 for maps that share no place",
            every(zero_at(FUNCTION, (BATCH[1], BATCH[1])), value(FUNCTION, [(APART, 2.0)])),
            "Two vectors of length 1 at a right angle are the root of 2 apart",
        ),
        Part("samples", 2, "a batch is the mean of its images", _samples, "The mean over the batch comes last"),
        Part("silent", 1, "features of zeros give no NaN", _silent, "A map of zeros has no length to divide by"),
        Part(
            "shape",
            1,
            "inputs left alone, other batches refused",
            every(scalar(FUNCTION, BATCH), unchanged(FUNCTION, BATCH), _refuses_other_shapes),
            "Batch and places must be the same, channels need not; raise a ValueError that says both shapes",
        ),
        Part(
            "precision",
            1,
            "the same in bfloat16",
            alike_in("bfloat16", FUNCTION, CLOSE, within=0.05),
            "Maps of a good student differ in their last digits: compute them in float32 or better",
        ),
    ),
    probe=Probe(3, "a student that is not told where the tumour is", train, judge, seconds=60),
    minutes=60,
    level="an hour or two",
    chapters=("part2/utad_net",),
    questions=5,
)
