"""What the exhibits of D²-Net need, claim and print."""

from __future__ import annotations

from functools import partial

import numpy as np

from medsyn_core.experiments import d2
from medsyn_core.experiments import d2_published as published
from medsyn_core.experiments.d2_scores import (
    CHOICES,
    DISTANCES,
    OF_COST,
    OF_SAMPLES,
    by_weight,
    choices_table,
    codes_table,
    cost_table,
    features_table,
    score_table,
    weights_table,
)
from medsyn_core.experiments.exhibits import Need
from medsyn_core.experiments.metrics import Claim

COMPONENTS = ("base", "spatial", "frequency", "sfmc", "feature", "logit", "kd", "full")
"""The rows of the paper's table II, in its order."""
ALL = CHOICES[-1]
FEW = tuple(where for where in CHOICES if where.count("+") < 2)
SINGLE = tuple(where for where in CHOICES if "+" not in where)
WITH_T1CE = tuple(where for where in CHOICES if "t1ce" in where.split("+"))
WITHOUT_T1CE = tuple(where for where in CHOICES if where not in WITH_T1CE)
CASES = (ALL, "t1ce+t2+flair", "t1ce+flair", "t1ce")
"""The four cases of the paper's figure 5."""


# -- claims


def _printed(a: str, b: str) -> str:
    """Mean Dice of two rows of the paper's table II."""
    mean = lambda row: published.COMPONENTS[1][COMPONENTS.index(row)][-1].split(" ")[0]
    return f"{mean(a)} against {mean(b)} % (Table II)"


def _better(text: str, a: str, b: str) -> Claim:
    return Claim(text, a, b, "dice", _printed(a, b))


def _et_of_t1ce() -> str:
    """Mean Dice of ET in the paper's table I with T1ce and without it."""
    line = next(row for row in published.ROBUSTNESS[1] if row[0] == "D²-Net, ET")
    found = dict(zip(published.SUBSETS, map(float, line[1 : 1 + len(published.SUBSETS)]), strict=True))
    there = {subset: subset == "all" or "T1ce" in subset.split() for subset in found}
    means = [np.mean([found[s] for s in found if there[s] == wanted]) for wanted in (True, False)]
    return f"{means[0]:.1f} against {means[1]:.1f} % (means of Table I)"


ROBUSTNESS_CLAIMS = (
    Claim(
        "Enhancing tumour depends on T1ce",
        "full",
        "",
        "dice_et",
        _et_of_t1ce(),
        directions=WITH_T1CE,
        than=WITHOUT_T1CE,
        where="with T1ce – without",
    ),
)
COMPONENT_CLAIMS = (
    _better("Spatial contrast helps", "spatial", "base"),
    _better("Frequency contrast helps", "frequency", "base"),
    _better("Both contrasts help", "sfmc", "base"),
    _better("Frequency contrast helps on top of spatial", "sfmc", "spatial"),
    _better("Spatial contrast helps on top of frequency", "sfmc", "frequency"),
    _better("Distillation helps", "kd", "base"),
    _better("Distilling features and logits is better than features alone", "kd", "feature"),
    _better("Distilling features and logits is better than logits alone", "kd", "logit"),
    _better("Distillation helps on top of both contrasts", "full", "sfmc"),
    _better("Contrast helps on top of distillation", "full", "kd"),
    _better("All of it helps", "full", "base"),
    Claim(
        "Distillation helps most where modalities are missing",
        "full",
        "sfmc",
        "dice",
        "said of the TD stage, no number",
        directions=FEW,
        than=(ALL,),
        where="at most two modalities – all four",
    ),
)
PROJECTION_CLAIMS = (
    Claim("The projection E_TM helps", "full", "no-projection", "dice", "62.0 against 61.2 % (Table IV)"),
)
ALTERNATIVE_CLAIMS = (
    Claim("Contrast is better than an auto-encoder alone", "sfmc", "base", "dice", "60.2 against 46.1 % (Table V)"),
    Claim("Contrast is better than a critic", "sfmc", "gan", "dice", "60.2 against 51.0 % (Table V)"),
    Claim("A critic is better than an auto-encoder alone", "gan", "base", "dice", "51.0 against 46.1 % (Table V)"),
    Claim(
        "ADT-KD is better than distilling the same layers", "kd", "multi-kd", "dice", "58.6 against 55.9 % (Table V)"
    ),
    Claim(
        "ADT-KD is better than distilling all pairs alike", "kd", "dense-kd", "dice", "58.6 against 57.3 % (Table V)"
    ),
    Claim(
        "Of features alone, weights by affinity are better than all pairs alike",
        "feature",
        "dense-kd",
        "dice",
        "56.5 (Table II) against 57.3 % (Table V)",
    ),
)
SINGLE_CLAIMS = (
    Claim(
        "T2 or FLAIR alone shows the whole tumour better than T1 or T1ce alone",
        "full",
        "",
        "dice_wt",
        "shown in Fig. 1, no number",
        directions=("t2", "flair"),
        than=("t1", "t1ce"),
        where="T2, FLAIR – T1, T1ce",
    ),
    Claim(
        "T1ce alone shows enhancing tumour better than the others alone",
        "full",
        "",
        "dice_et",
        "shown in Fig. 1, no number",
        directions=("t1ce",),
        than=("t1", "t2", "flair"),
        where="T1ce – mean of T1, T2, FLAIR",
    ),
)


# -- exhibits


def _one_fold(rows: tuple[str, ...], **more) -> Need:
    """Rows that one fold is trained of, beside the full method's same fold."""
    return Need(rows=rows, optional=tuple(row for row in rows if row != "full"), seeds=1, **more)


T1 = Need(
    rows=("full",),
    awaited=published.BASELINES,
    tables=(
        partial(choices_table, title="Dice of D²-Net from each choice of modalities"),
        partial(score_table, title="means over all 15 choices of modalities", awaited=published.BASELINES),
    ),
    claims=ROBUSTNESS_CLAIMS,
    published=published.ROBUSTNESS,
    published_note=published.ROBUSTNESS_NOTE,
)
T2 = Need(
    rows=COMPONENTS,
    optional=COMPONENTS[:-1],
    tables=(score_table,),
    claims=COMPONENT_CLAIMS,
    published=published.COMPONENTS,
    published_note=published.COMPONENTS_NOTE,
)
T3 = _one_fold(
    ("full", *(row.name for row in (*d2.POSITIVES, *d2.NEGATIVES))),
    tables=(partial(score_table, columns=OF_SAMPLES),),
    published=published.SAMPLES,
    published_note=published.SAMPLES_NOTE,
)
T4 = Need(
    rows=("no-projection", "full"),
    optional=("no-projection",),
    tables=(score_table,),
    claims=PROJECTION_CLAIMS,
    published=published.PROJECTION,
    published_note=published.PROJECTION_NOTE,
)
T5 = Need(
    rows=("base", "gan", "sfmc", "multi-kd", "dense-kd", "feature", "kd"),
    optional=("base", "gan", "multi-kd", "dense-kd", "feature", "kd"),
    tables=(
        partial(
            score_table,
            title="modality disentanglement (AE: neither contrast nor distillation)",
            rows=("base", "gan", "sfmc"),
            against="sfmc",
        ),
        partial(
            score_table,
            title="distillation, without contrast",
            rows=("multi-kd", "dense-kd", "feature", "kd"),
            against="kd",
        ),
    ),
    claims=ALTERNATIVE_CLAIMS,
    published=published.ALTERNATIVES,
    published_note=published.ALTERNATIVES_NOTE,
)
T6 = _one_fold(
    ("full", *(row.name for row in d2.LAYERS)),
    tables=(
        partial(
            score_table,
            columns=(("layers", lambda recipe: str(recipe.method.layers)),),
            order=lambda recipe: recipe.method.layers,
        ),
    ),
    published=published.LAYERS,
    published_note=published.LAYERS_NOTE,
)
T7 = Need(
    rows=("base", "full"),
    optional=("base",),
    awaited=published.BASELINES,
    tables=(
        partial(
            score_table,
            title="distances between surfaces, means over all 15 choices of modalities",
            metrics=DISTANCES,
            awaited=published.BASELINES,
        ),
        cost_table,
    ),
    published=published.DISTANCES,
    published_note=published.DISTANCES_NOTE,
)
T8 = _one_fold(
    (*(row.name for row in d2.LEVELS), "full"),
    tables=(score_table,),
    published=published.LEVELS,
    published_note=published.LEVELS_NOTE,
)
T9 = _one_fold(
    ("full", *(row.name for row in d2.STUDENTS)),
    tables=(partial(score_table, columns=OF_COST),),
    published=published.STUDENTS,
    published_note=published.STUDENTS_NOTE,
)
F1 = Need(
    rows=("full",),
    tables=(partial(choices_table, title="Dice from one modality, and from all", choices=(*SINGLE, ALL)),),
    claims=SINGLE_CLAIMS,
)
F5 = Need(rows=("full",), awaited=published.BASELINES)
F6 = Need(
    rows=("base", "spatial", "frequency", "sfmc"),
    optional=("spatial", "frequency", "sfmc"),
    seeds=1,
    tables=(codes_table,),
)
F7 = _one_fold(("no-td", "base", "full"), tables=(features_table,))
F8 = _one_fold(
    ("full", *(row for name in d2.TERMS for row in by_weight(name).values() if row != "full")),
    tables=(weights_table,),
)

NEEDS = {
    "d2-T1": T1,
    "d2-T2": T2,
    "d2-T3": T3,
    "d2-T4": T4,
    "d2-T5": T5,
    "d2-T6": T6,
    "d2-T7": T7,
    "d2-T8": T8,
    "d2-T9": T9,
    "d2-F1": F1,
    "d2-F5": F5,
    "d2-F6": F6,
    "d2-F7": F7,
    "d2-F8": F8,
}
