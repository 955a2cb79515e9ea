"""The ablation of a loss term of somebody's own: the recipe with it and without it, from the same seeds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from medsyn_core import data
from medsyn_core.course.parts import Result, Wrong
from medsyn_core.course.props import METHODS
from medsyn_core.data.views import Paired
from medsyn_core.data.volume import region
from medsyn_core.evaluation.segmentation import dice
from medsyn_core.evaluation.significance import bootstrap_interval, table, verdict
from medsyn_core.training import Recipe, Run

TERM, PLAN = "my_term", "plan"
PLAYERS = {"dual_d": ("generator", "critic"), "d2net": ("segmenter",)}  # the first one gets the term
SCORES = {
    "dual_d": ("mae_brain", "psnr_brain", "ssim_brain", "mae_tumour", "psnr_tumour", "ssim_tumour"),
    "d2net": ("dice_wt", "dice_tc", "dice_et"),
}
SEEDS = 3
SIZES = {"dual_d": {"steps": 60, "width": 8}, "d2net": {"steps": 25}}  # of width 4, some generators stay flat
OBEYED = 0.95  # of the term's value without it, at most, in every seed


def _cohort(method: str) -> Any:
    """Two patients to learn from, six to be tested: with fewer the rule of `verdict` could never say yes."""
    planes = {"slices": 4} if method == "dual_d" else {"slices": "all", "scaling": "zscore"}
    return data.load("phantom", subjects=8, px=32, **planes).divide((2, 0, 6))


def _scores(run: Run, score: str) -> list[float | None]:
    """The score of each test patient, from all modalities."""
    if score in SCORES["dual_d"]:
        return [row[score] for row in run.metrics]
    name, found = score.rpartition("_")[2].upper(), []
    for volume in map(run.cohort.volume, run.cohort.subset("test").numbers):
        answer = run.model.segment(volume["images"]).numpy()
        found.append(float(dice(region(answer, name), region(volume["seg"], name))))
    return found


def _value(run: Run, term: Callable[..., Tensor]) -> Tensor:
    """The term on the patients that it was trained with: whether it is obeyed, not whether that carries over."""
    method, draws = run.recipe.method, torch.Generator().manual_seed(0)
    view = method.view(run.cohort.subset("train"))
    count = min(len(view), 24) if isinstance(view, Paired) else 4
    places = torch.linspace(0, len(view) - 1, count).round().long()
    return term(method.trace(run.networks, view.batch(places) | method.draws(count, draws))).detach()


def train(functions: Mapping[str, Callable[..., Any]], seed: int = 0) -> dict[str, Tensor | float]:
    """The student's term and score with and without the term, for `SEEDS` pairs of trainings."""
    plan, term = functions[PLAN](), functions[TERM]
    method, sign = plan["method"], 1 if plan["better"] == "higher" else -1
    plain: Recipe = METHODS[method].recipe("smoke").configure(**SIZES[method])
    mine = plain.add("mine", term, weight=plan["weight"], player=PLAYERS[method][0])
    cohort, shown = _cohort(method), {}
    for k in range(SEEDS):
        scores = {}
        for name, recipe in {"without it": plain, "with it": mine}.items():
            run = recipe.fit(cohort, seed=SEEDS * seed + k, progress=False)
            shown[f"your term, {name}, seed {k}"] = float(_value(run, term))
            scores[name] = np.array(_scores(run, plan["score"]), float)
        for patient, gain in enumerate(sign * (scores["with it"] - scores["without it"])):
            shown[f"gain, seed {k}, patient {patient}"] = float(gain)
    return {**shown, "smallest gain worth naming": float(plan["smallest"])}


def judge(result: Result) -> str:
    """Whether the term was obeyed; whether it helped is an answer in both directions.

    Seen over six seeds: the author's term falls to 0.85 to 0.89 of its value without it; with a weight of 1e-6 it ends
    at 1.00 to 1.01. Four other terms, of both methods, over three seeds: 0.00 to 0.69.
    """
    without, with_it = (
        np.array([float(result[f"your term, {name}, seed {k}"]) for k in range(SEEDS)])
        for name in ("without it", "with it")
    )
    seen = f"after training your term is {with_it.mean():.4g} with it and {without.mean():.4g} without it"
    if not (with_it < without - (1 - OBEYED) * abs(without)).all():
        raise Wrong(f"{seen}: not lower by {1 - OBEYED:.0%} in every seed; nobody obeys it, is its weight too small?")
    gains = table(
        [[float(x) for name, x in result.items() if name.startswith(f"gain, seed {k}, ")] for k in range(SEEDS)]
    )  # (seeds, patients)
    low, high = bootstrap_interval(gains)
    answer = verdict(gains, smallest=float(result["smallest gain worth naming"]))
    return (
        f"{seen}. The gain that you predict is {gains.mean():.4g} on average, 95 % interval {low:.4g} to {high:.4g} "
        f"({gains.shape[0]} seeds, {gains.shape[1]} patients). Is it there? By the book's rule: {answer}"
    )
