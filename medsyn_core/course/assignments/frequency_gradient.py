"""Write an amplitude spectrum of codes that a loss can learn through, and measure what it is worth (d2-2 to d2-4)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from medsyn_core import data
from medsyn_core.course.checks import (
    Check,
    ask,
    every,
    finite_in,
    gradient,
    same_under,
    scales,
    tensor,
    unchanged,
    value,
)
from medsyn_core.course.parts import Assignment, Part, Probe, Result, Wrong
from medsyn_core.course.remote import Student
from medsyn_core.losses.modality_contrast import all_slice_pairs, modality_contrast
from medsyn_core.networks.modality_codes import SliceEncoders

FUNCTION = "amplitude"
CODE = torch.tensor([3.0, 1.0, 0.0, -1.0, 0.5, 2.0, -0.5, -1.0])  # of the chapter's picture
FIVE = torch.tensor([1.0, 2.0, 0.0, -1.0, 0.5])

# Nothing to hear: a missing modality's code, a constant one, and one that has a single wave.
SILENT = (torch.zeros(8), torch.full((6,), 2.0), torch.tensor([1.0, -1.0, 1.0, -1.0]))

# A batch of three modalities and two slices, as the networks hand it over: every code is by itself.
BATCH = torch.tensor([[[1.0, 0, 0, 0], [1, -1, 1, -1]], [[3, 0, 0, -1], [0, 2, 0, 2]], [[0, 1, 2, 3], [1, 1, -1, -1]]])
SPECTRA = [[[0.707107, 0.5], [0.0, 2.0]], [[2.236068, 2.0], [0.0, 2.0]], [[2.0, 1.0], [2.0, 0.0]]]
FLOOR = 1e-3  # how large an amplitude of nothing may be, for who keeps its slope finite by a small number


def _no_mean(student: Student) -> None:
    for code in SILENT[:2]:
        got = tensor(ask(student, FUNCTION, (code,)))
        if not got.abs().le(FLOOR).all():
            raise Wrong(f"of a code whose numbers are all alike nothing should be left, {got.tolist()} came back")


def _length(student: Student) -> None:
    for code in (CODE, FIVE):
        got = float(tensor(ask(student, FUNCTION, (code,))).double().norm())
        wanted = float((code - code.mean()).double().norm())
        if abs(got - wanted) > 1e-3:
            raise Wrong(f"of {len(code)} numbers without their mean the length is {wanted:.4f}, yours is {got:.4f}")


def _short_floats(student: Student) -> None:
    got = tensor(ask(student, FUNCTION, (CODE,), dtype="bfloat16"))
    if got.dtype != torch.float32:
        raise Wrong(f"codes in bfloat16 should give float32, {str(got.dtype).removeprefix('torch.')} came back")


def _shifted(code: Tensor) -> Check:
    return every(
        same_under(FUNCTION, (code,), lambda a: (a[0].roll(3),), "a code is shifted round"),
        same_under(FUNCTION, (code,), lambda a: (a[0].flip(0),), "a code is turned back to front"),
    )


def _scaled(code: Tensor) -> Check:
    return every(
        scales(FUNCTION, (code,), lambda a: (-3 * a[0],), 3, "a code is multiplied by -3"),
        scales(FUNCTION, (code,), lambda a: (0.1 * a[0],), 0.1, "a code is divided by 10"),
    )


# -- the probe: encoders of codes, trained by contrasts of codes and of the student's spectra, modalities missing

STEPS, RATE, TEMPERATURE, DROPOUT = 200, 2e-3, 0.2, 0.25
NEIGHBOURS = 5
LEFT = 0.7  # of the frequency contrast, at most, when training is over


def _slices(subset: str) -> Tensor:
    """Slices of the subjects of a set, (S, M, G, 16, 16)."""
    cohort = data.load("phantom", subjects=8, px=32, slices=4)
    volumes = [torch.tensor(cohort.volume(k)["images"]).float() for k in cohort.subset(subset).numbers]
    return F.avg_pool3d(torch.stack(volumes), (1, 2, 2))  # (S, M, G, 32, 32) -> (S, M, G, 16, 16)


def _contrast(codes: Tensor, present: Tensor) -> Tensor:
    modalities, slices = codes.shape[1:3]
    there = present[:, :, None].expand(-1, -1, slices)
    return modality_contrast(codes, there, *all_slice_pairs(modalities, slices), TEMPERATURE)


def _trained(images: Tensor, terms: list[Callable[[Tensor], Tensor]], seed: int) -> SliceEncoders:
    """Encoders after training by the contrasts of these views of their codes; none leaves them as they were drawn."""
    torch.manual_seed(seed)
    encoders = SliceEncoders(8, 8)
    adam = torch.optim.Adam(encoders.parameters(), RATE)
    for _ in range(STEPS if terms else 0):
        draw = torch.rand(images.shape[:2])
        present = (draw >= draw.amax(dim=1, keepdim=True).clamp_max(DROPOUT)).float()  # (S, M)
        seen = images * (1 + 0.1 * torch.randn(*images.shape[:2], 1, 1, 1)) * present[:, :, None, None, None]
        codes = encoders(seen)[0] * present[:, :, None, None]  # (S, M, G, N), 0 of what is missing
        loss = torch.stack([_contrast(term(codes), present) for term in terms]).sum()
        if not loss.requires_grad or not loss.isfinite():
            break  # as the public code: a value that teaches nothing
        adam.zero_grad()
        loss.backward()
        adam.step()
    return encoders


def _told(codes: Tensor, others: Tensor) -> float:
    """Share of codes (S, M, G, N) whose modality most of the nearest codes of other patients have."""
    ours, theirs = (F.normalize(x.flatten(0, 2), dim=-1) for x in (codes, others))
    whose = [torch.arange(x.shape[1]).repeat_interleave(x.shape[2]).repeat(x.shape[0]) for x in (codes, others)]
    nearest = (ours @ theirs.T).topk(NEIGHBOURS).indices  # (n, NEIGHBOURS)
    return float((whose[1][nearest].mode(dim=1).values == whose[0]).float().mean())


@torch.no_grad()  # measuring, not training
def _measured(encoders: SliceEncoders, amplitude: Callable[[Tensor], Tensor]) -> tuple[float, float]:
    """The frequency contrast of the training patients, and how often a test patient's code tells its modality."""
    train, test = (encoders(_slices(name))[0] for name in ("train", "test"))
    if not train.isfinite().all():
        return float("nan"), float("nan")
    return float(_contrast(amplitude(train), torch.ones(train.shape[:2]))), _told(test, train)


def train(functions: Mapping[str, Callable[..., Tensor]], seed: int = 0) -> dict[str, Tensor | float]:
    """Encoders that nothing has trained, and encoders trained by the contrast of codes, of spectra, and of both."""
    amplitude, images, contrasts, told = functions[FUNCTION], _slices("train"), {}, {}
    itself = lambda codes: codes
    rows = {"untrained": [], "trained in space": [itself], "in your frequencies": [amplitude]}
    for name, terms in {**rows, "in both": [itself, amplitude]}.items():
        seen = _measured(_trained(images, terms, seed), amplitude)
        contrasts[f"frequency contrast, {name}"], told[f"modality told by a code of a new patient, {name}"] = seen
    return contrasts | told


def judge(result: Result) -> str:
    """Whether the frequency contrast has been learnt; what it is worth is for the student to say.

    Seen over six seeds: a right amplitude brings it to 0.26 to 0.47 of what it was, one outside the graph leaves it
    (1.00), a plain root gives weights that are no numbers. One that keeps the sum trains as well: values tell it apart.
    """
    before, after = (float(result[f"frequency contrast, {name}"]) for name in ("untrained", "in your frequencies"))
    if after != after:
        raise Wrong("the weights are no numbers any more: one missing modality was enough, its code is zero")
    seen = f"the frequency contrast goes from {before:.2f} to {after:.2f}"
    if not after <= LEFT * before:
        raise Wrong(f"{seen}; with an amplitude that carries a gradient it falls below {LEFT * before:.2f}")
    return f"{seen}: it trains. What that is worth is for you to say"


ASSIGNMENT = Assignment(
    name="frequency-gradient",
    title="A frequency loss that teaches",
    functions=(FUNCTION,),
    parts=(
        Part(
            "value",
            2,
            "right on codes of four, eight, three and five numbers",
            value(
                FUNCTION,
                [
                    ((BATCH[0, 0],), SPECTRA[0][0]),
                    ((CODE,), [0.902408, 3.201562, 1.713377, 0.707107]),
                    ((torch.tensor([2.0, -1.0, 0.5]),), [2.12132]),
                    ((FIVE,), [2.070955, 0.843294]),
                ],
                atol=1e-4,
            ),
            "k runs from 1 to N/2; a wave with a mirror image counts for two; all is divided by the root of N",
        ),
        Part(
            "axis",
            1,
            "every code of a batch by itself",
            every(value(FUNCTION, [((BATCH,), SPECTRA)], atol=FLOOR), unchanged(FUNCTION, (BATCH,))),
            "Where single codes are right: the transform runs along the last axis alone",
        ),
        Part("mean", 1, "the mean is left out", _no_mean, "k = 0 is the sum of the numbers; begin with k = 1"),
        Part(
            "length",
            1,
            "as long as the code without its mean",
            _length,
            "The amplitudes at k and N - k are the same: one side of a spectrum has to count both. N/2 has no twin",
        ),
        Part(
            "order",
            1,
            "the same for a code that is shifted round or turned back to front",
            _shifted(CODE),
            "An amplitude is the length of a complex number, real and imaginary part together",
        ),
        Part(
            "scale",
            1,
            "proportional to the code",
            _scaled(CODE),
            "No square, no norm divided out; a number added for safety must be far smaller than an amplitude",
        ),
        Part(
            "gradient",
            2,
            "a gradient reaches the codes, and it is the right one",
            every(gradient(FUNCTION, (CODE,)), gradient(FUNCTION, (FIVE,))),
            "Stay within torch: a detour by numpy or .detach() keeps the value and loses the slope. Leave the "
            "given line as it is: float64 has to stay float64 here",
        ),
        Part(
            "zero",
            2,
            "a finite slope where an amplitude is zero",
            every(*(finite_in(FUNCTION, (code,), "float32") for code in SILENT)),
            "The derivative of a square root has no value at 0: what is under it, or what is taken of it, must be safe",
        ),
        Part(
            "half",
            1,
            "bfloat16 comes in, float32 goes out",
            every(_short_floats, finite_in(FUNCTION, (CODE,))),
            "The given line does it: no Fourier transform knows bfloat16 on a CPU",
        ),
    ),
    probe=Probe(2, "the frequency contrast can be learnt, with modalities missing", train, judge, seconds=60),
    minutes=90,
    level="an hour or two",
    chapters=("part3/d2net",),
    questions=6,
    own=("medsyn_core.losses.modality_contrast.amplitude",),
)
