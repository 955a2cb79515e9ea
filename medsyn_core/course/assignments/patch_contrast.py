"""Contrast a pixel's content with one positive and many negatives, and let the hard ones count more (hifi-7)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from medsyn_core import data
from medsyn_core.course.checks import ask, every, finite_in, gradient, number, same_under, scalar, unchanged, value
from medsyn_core.course.parts import Assignment, Part, Probe, Result, Wrong
from medsyn_core.course.remote import Student
from medsyn_core.data.views import Paired
from medsyn_core.losses.contrastive import cosine

FUNCTION = "patch_contrast"

# Unit vectors, so that cosines can be read off: of the first query 0.8 with its positive, 0.6 and 0 with its negatives.
QUERY, POSITIVE = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.8, 0.6]])
NEGATIVES = torch.tensor([[[0.6, 0.8], [0.0, 1.0]]])
# Three queries of three channels, of any length, with four negatives each.
QUERIES = torch.tensor([[1.0, 0.2, -0.4], [0.3, 0.9, 0.1], [-0.5, 0.4, 1.1]])
POSITIVES = torch.tensor([[0.8, 0.4, -0.1], [0.1, 0.6, 0.7], [-0.2, -0.3, 0.9]])
OTHERS = torch.tensor(
    [
        [[0.9, -0.3, 0.2], [0.1, 0.8, 0.5], [-0.6, 0.2, 0.3], [0.5, 0.5, -0.9]],
        [[0.7, 0.6, 0.0], [-0.2, 0.3, 0.8], [0.4, -0.9, 0.1], [0.2, 1.0, -0.3]],
        [[-0.9, 0.1, 0.4], [0.3, 0.7, 0.6], [-0.1, 0.9, 0.8], [0.8, -0.2, -0.5]],
    ]
)
ONE, BATCH = (QUERY, POSITIVE, NEGATIVES), (QUERIES, POSITIVES, OTHERS)
ALIKE = (QUERY, POSITIVE, torch.stack([POSITIVE, POSITIVE, POSITIVE], dim=1))  # three negatives as near as the positive
SECOND = (QUERY, NEGATIVES[0, :1], torch.tensor([[[0.8, 0.6], [0.0, 1.0]]]))  # a negative is nearer than the positive
FAR = (QUERY, QUERY, -QUERY.repeat(1, 2, 1).view(1, 2, 2))  # the positive in its place, all negatives opposite
BLANK = (torch.stack([QUERIES[0], torch.zeros(3)]), POSITIVES[:2], OTHERS[:2])


def _longer(arguments: tuple) -> tuple:
    queries, positives, negatives, *rest = arguments
    return (3 * queries, 0.5 * positives, negatives * torch.tensor([2.0, 0.1, 5.0, 1.0])[:, None], *rest)


def _reordered(arguments: tuple) -> tuple:
    """Every query's negatives in an order of their own."""
    queries, positives, negatives, *rest = arguments
    orders = ([2, 0, 3, 1], [1, 0, 2, 3], [3, 2, 1, 0])
    return (queries, positives, torch.stack([n[o] for n, o in zip(negatives, orders, strict=True)]), *rest)


def _mean_of_each(hardness: float) -> Callable[[Student], None]:
    """A batch costs what its queries cost one by one, on average."""

    def check(student: Student) -> None:
        together = number(ask(student, FUNCTION, (*BATCH, 0.3, hardness)))
        alone = [
            number(ask(student, FUNCTION, (*(part[k : k + 1] for part in BATCH), 0.3, hardness)))
            for k in range(len(QUERIES))
        ]
        if abs(together - sum(alone) / len(alone)) > 1e-5:
            each = ", ".join(f"{cost:.4f}" for cost in alone)
            raise Wrong(f"one by one the queries cost {each}; together they should cost the mean, not {together:.4f}")

    return check


def _never_below_zero(student: Student) -> None:
    """A share of a sum that holds it is at most 1, so its negative logarithm is at least 0."""
    for temperature in (0.5, 0.1):
        got = number(ask(student, FUNCTION, (*FAR, temperature)))
        if not -1e-6 <= got < 0.05:
            raise Wrong(
                f"a positive with cosine 1 and negatives with -1, at temperature {temperature:g}: the loss should be "
                f"just above 0, {got:.4f} came back"
            )


def _constant_weights(student: Student) -> None:
    """The gradient to the negatives, across their direction, is that of fixed weights."""
    got = ask(student, FUNCTION, (*ONE, 0.5, 3.0), gradient=True).gradients["2"]
    if got is None:
        raise Wrong("no gradient reaches the negatives: they are to be pushed away")
    across = (got - (got * NEGATIVES).sum(dim=2, keepdim=True) * NEGATIVES).norm(dim=2)[0]
    wanted = torch.tensor([0.8337, 0.0519])
    if not torch.allclose(across, wanted, atol=2e-4):
        raise Wrong(
            f"with hardness 3 the gradient turns the two negatives with {across[0]:.4f} and {across[1]:.4f}; if the "
            f"weights are constants, it is {wanted[0]:.4f} and {wanted[1]:.4f}"
        )


# -- the probe: pixels of T1 look for themselves in T2

STEPS, QUERIED, COMPARED, TEMPERATURE, HARDNESS = 200, 64, 32, 1.0, 10.0
NEAREST, ENOUGH = 0.05, 0.5
Encoders = list[nn.Module]  # of T1 and of T2
WHERE = (2, 16, 12)  # slice, row and column of the pixel that the pictures look for


def _draw(brain: Tensor) -> tuple[Tensor, Tensor]:
    """Places of some pixels of the brain (N,), and for each the places of others (N, K)."""
    inside = brain.flatten().nonzero()[:, 0]
    chosen = inside[torch.randperm(len(inside))[:QUERIED]]
    order = torch.rand(len(chosen), len(chosen)).fill_diagonal_(2).argsort(dim=1)  # nobody is his own negative
    return chosen, chosen[order[:, :COMPARED]]


def _encoder(width: int = 16, channels: int = 8) -> nn.Module:
    """An encoder that sees 9 x 9 pixels and cannot know where they lie: no halvings, no border of zeros."""
    layers: list[nn.Module] = []
    for inputs, reach in ((1, 1), (width, 1), (width, 2)):
        layers += [nn.Conv2d(inputs, width, 3, padding=reach, dilation=reach, padding_mode="replicate"), nn.GELU()]
    return nn.Sequential(*layers, nn.Conv2d(width, channels, 1))


def _contents(encoders: Encoders, images: Mapping[str, Tensor], k: int) -> list[Tensor]:
    """Content of slice k in both modalities, (H * W, C) each."""
    return [
        encoder(images[name][k : k + 1])[0].flatten(1).T
        for encoder, name in zip(encoders, ("source", "target"), strict=True)
    ]


def _trained(contrast: Callable[..., Tensor], images: Mapping[str, Tensor], hardness: float, seed: int) -> Encoders:
    torch.manual_seed(seed)
    encoders = [_encoder() for _ in range(2)]
    adam = torch.optim.Adam([p for encoder in encoders for p in encoder.parameters()], 3e-3)
    for _ in range(STEPS):
        k = int(torch.randint(len(images["brain"]), ()))
        chosen, others = _draw(images["brain"][k])
        t1, t2 = _contents(encoders, images, k)
        loss = contrast(t1[chosen], t2[chosen], t2[others], TEMPERATURE, hardness)
        adam.zero_grad()
        loss.backward()
        adam.step()
    return encoders


@torch.no_grad()  # measuring
def _found(encoders: Encoders, images: Mapping[str, Tensor]) -> float:
    """Share of T1 pixels whose own T2 pixel is among the nearest of its brain."""
    hits = []
    for k, brain in enumerate(images["brain"]):
        t1, t2 = (content[brain.flatten() > 0] for content in _contents(encoders, images, k))
        similar = cosine(t1, t2)  # (P, P)
        nearer = (similar > similar.diagonal()[:, None]).float().mean(dim=1)
        hits.append(nearer < NEAREST)
    return float(torch.cat(hits).float().mean())


@torch.no_grad()  # a picture
def _alike(encoders: Encoders, images: Mapping[str, Tensor]) -> Tensor:
    """How alike the T2 pixels of one brain are to one T1 pixel, (H, W); the background is as dark as the least."""
    k, row, column = WHERE
    t1, t2 = _contents(encoders, images, k)
    brain = images["brain"][k, 0]
    likeness = cosine(t1[row * brain.shape[1] + column][None], t2).view(brain.shape)
    return torch.where(brain > 0, likeness, likeness[brain > 0].min())


def train(functions: Mapping[str, Callable[..., Tensor]], seed: int = 0) -> dict[str, Tensor | float]:
    """Two pairs of encoders, with the student's hard negatives and with his plain ones, on slices new to them."""
    cohort = data.load("phantom", subjects=8, px=32, slices=4, jobs=1)
    views = {name: Paired(cohort.subset(name), "t1", "t2") for name in ("train", "test")}
    seen, new = (view.batch(range(len(view))) for view in views.values())
    plain, hard = (_trained(functions[FUNCTION], seen, hardness, seed) for hardness in (0.0, HARDNESS))
    k, row, column = WHERE
    marked = new["source"][k, 0].clone()
    marked[row, column] = 2 * marked.max()
    return {
        "T1 pixels found again in T2, plain negatives": _found(plain, new),
        "T1 pixels found again in T2, hard negatives": _found(hard, new),
        "T1 of a new patient, one pixel marked": marked,
        "its likeness to every T2 pixel, plain negatives": _alike(plain, new),
        "its likeness to every T2 pixel, hard negatives": _alike(hard, new),
    }


def judge(result: Result) -> str:
    """Whether T1 pixels find themselves in T2. Of six seeds: 0.69 to 0.84 with hard negatives, 0.66 to 0.76 with plain
    ones (hard ones ahead in each, by 0.01 to 0.13), 0.06 to 0.16 where easy negatives count more in their place."""
    plain, hard = (float(result[f"T1 pixels found again in T2, {which} negatives"]) for which in ("plain", "hard"))
    seen = (
        f"in a new patient {hard:.0%} of T1 pixels find their own T2 pixel among the nearest {NEAREST:.0%} with "
        f"hardness {HARDNESS:g}, {plain:.0%} with hardness 0"
    )
    if hard < ENOUGH:
        raise Wrong(f"{seen}; where hard negatives count more it is at least {ENOUGH:.0%}")
    return f"{seen}, at temperature {TEMPERATURE:g}"


ASSIGNMENT = Assignment(
    name="patch-contrast",
    title="Contrast, temperature and hard negatives",
    functions=(FUNCTION,),
    parts=(
        Part(
            "scalar",
            1,
            "one number that can be trained, and nothing changed in place",
            every(scalar(FUNCTION, (*BATCH, 0.3, 1.0)), unchanged(FUNCTION, (*BATCH, 0.3, 1.0))),
            "The last step is a mean over queries",
        ),
        Part(
            "value",
            2,
            "right for plain negatives, on vectors of length 1",
            value(FUNCTION, [((*ONE, 0.2), 0.326563), ((*ONE, 1.0, 0.0), 0.818925), ((*SECOND, 0.5), 1.027123)]),
            "With hardness 0 every weight is 1 and the loss is a cross-entropy of (s+, s1, …, sK) / tau",
        ),
        Part(
            "length",
            1,
            "only directions count",
            same_under(FUNCTION, (*BATCH, 0.3, 1.0), _longer, "features are made longer or shorter"),
            "A cosine divides by both lengths",
        ),
        Part(
            "denominator",
            2,
            "the positive is in its own denominator, once",
            every(value(FUNCTION, [((*ALIKE, 0.5), 1.386294)]), _never_below_zero),
            "The denominator sums over the positive and the K negatives: 1 + K terms",
        ),
        Part(
            "each",
            2,
            "every query is compared with its own negatives, in any order, and the mean is over queries",
            every(
                _mean_of_each(0.0),
                _mean_of_each(3.0),
                same_under(FUNCTION, (*BATCH, 0.3, 3.0), _reordered, "each query's negatives are put in another order"),
            ),
            "Over which axis is the softmax, over which the sum in the denominator, over which the mean?",
        ),
        Part(
            "temperature",
            2,
            "right at the ends of the temperature",
            value(FUNCTION, [((*ONE, 1e6), 1.098612), ((*SECOND, 1e-3), 200.0), ((*ONE, 1e-3), 0.0)], atol=1e-4),
            "Hot, all candidates are alike; cold, only the nearest counts. exp(800) has no place in a float: "
            "torch.logsumexp",
        ),
        Part(
            "hard",
            2,
            "hard negatives count more, and all of them K together",
            value(
                FUNCTION,
                [
                    ((*ONE, 0.5, 2.0), 0.753199),
                    ((*ONE, 0.2, 3.0), 0.492613),
                    ((*ALIKE, 0.2, 5.0), 1.386294),
                    ((*ONE, 0.5, 400.0), 0.850424),
                ],
                atol=1e-5,
            ),
            "A weight is K times a softmax of hardness times similarity; the positive keeps the weight 1",
        ),
        Part(
            "gradient",
            2,
            "with plain negatives, all three kinds of features receive the right gradient",
            gradient(FUNCTION, (*BATCH, 0.3, 0.0), to=("0", "1", "2")),
            "Positives and negatives are features of the same encoder: nothing is detached but the weights",
        ),
        Part(
            "constant",
            1,
            "the weights carry no gradient",
            _constant_weights,
            "A weight says where to look; detach it",
        ),
        Part(
            "finite",
            1,
            "finite in bfloat16, also for a feature of zeros",
            finite_in(FUNCTION, (*BLANK, 0.05, 1.0)),
            "A vector of zeros has length 0: torch.nn.functional.normalize knows that",
        ),
    ),
    probe=Probe(3, "trained with hard negatives, T1 pixels find themselves in T2", train, judge, seconds=60),
    minutes=90,
    level="an hour or two",
    chapters=("part2/hifi_syn",),
    questions=6,
    own=tuple(
        f"medsyn_core.losses.contrastive.{name}"
        for name in ("contrast", "weighted_contrast", "numerator_weighted_contrast", "pixel_discrimination")
    ),
)
