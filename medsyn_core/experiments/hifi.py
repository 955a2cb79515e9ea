"""The HiFi-Syn plans: two modalities of healthy brains (IXI's and UK Biobank's), and three pairs of brains with a
tumour; all on the phantom, unpaired."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from itertools import permutations
from typing import Any

import numpy as np

from medsyn_core.experiments import hifi_tissue, references
from medsyn_core.experiments.cohorts import hash_cohort, load_cohort
from medsyn_core.experiments.hifi_microscope import Microscope
from medsyn_core.experiments.plan import Plan, Reference, Row
from medsyn_core.methods import hifi_syn
from medsyn_core.training import Recipe

SCALING = "median"  # for the reason that UTAD-Net's plan gives

# -- trained rows

NO_PIXEL, NO_STRUCTURE, NO_GLOBAL = ({f"{name}_discrimination": 0.0} for name in ("pixel", "structure", "global"))
ABLATIONS: dict[str, tuple[str, dict[str, float], str]] = {
    "full": ("HiFi-Syn (PGD + SGD + GGD)", {}, "whole"),
    "baseline": ("backbone alone (DRIT++ parts)", NO_PIXEL | NO_STRUCTURE | NO_GLOBAL, "none"),
    "pixel": ("PGD", NO_STRUCTURE | NO_GLOBAL, "whole"),
    "pixel-no-bank": ("PGD, no memory bank", NO_STRUCTURE | NO_GLOBAL, "none"),
    "pixel-no-map": ("PGD, no annotation map", NO_STRUCTURE | NO_GLOBAL, "unlabelled"),
    "pixel-structure": ("PGD + SGD", NO_GLOBAL, "whole"),
    "full-no-pixel": ("HiFi-Syn without PGD's loss, bank kept", NO_PIXEL, "whole"),
    "full-sharp": ("HiFi-Syn, temperatures of the losses 0.1", {}, "sharp"),
}
"""Row -> title, weights that differ from the recipe's, and its settings. The last two are not in the paper's Table 5:
figures 8 and 9 compare with a bank that is there and PGD that is not; temperatures are what the paper does not give."""


def _settings(method: hifi_syn.HiFiSyn, which: str) -> dict[str, Any]:
    """Settings of the "whole" bank, of the same slots "unlabelled", as are the images then, of "none", and of the whole
    with "sharp" losses."""
    nobodys = (0,) * len(method.items)
    return {
        "whole": {},
        "sharp": {"tau_pixel": 0.1, "tau_structure": 0.1, "tau_global": 0.1},
        "unlabelled": {"items": nobodys, "common": sum(method.items) + method.common, "annotations": False},
        "none": {"items": nobodys, "common": 0},
    }[which]


def _recipe(profile: str, modalities: tuple[str, str], tumour: bool, weights: dict[str, float], which: str) -> Recipe:
    whole = hifi_syn.recipe(profile, modalities, tumour)
    return whole.edit(**weights).configure(**_settings(whole.method, which))


def rows(modalities: tuple[str, str], tumour: bool, names: tuple[str, ...] = tuple(ABLATIONS)) -> tuple[Row, ...]:
    """Some rows of `ABLATIONS` for one pair of modalities."""
    chosen = ((name, *ABLATIONS[name]) for name in names)
    how = {"modalities": modalities, "tumour": tumour}
    return tuple(
        Row(name, title, partial(_recipe, **how, weights=weights, which=which))
        for name, title, weights, which in chosen
    )


# -- references: nothing is trained

REAL = "real"


def _score(
    cohort: Any, name: str, modalities: tuple[str, str], tissue: bool
) -> tuple[list[dict], Mapping[str, np.ndarray]]:
    test = references.everything(cohort, "test", modalities)
    pairs = list(permutations(modalities, 2))
    if name == REAL:
        answers = {(s, t): test["images"][:, modalities.index(t)] for s, t in pairs}
    else:
        answers = references.predicted(name, cohort, test, modalities)
    shown = references.four_slices(test)
    arrays = {"shown": np.stack([answers[pair][shown] for pair in pairs]).astype(np.float16)}
    if name == "copy":  # what the other rows' pictures are seen beside is kept once, here
        arrays |= references.beside(test, shown, ("brain", "seg", "tissue"))
    scores = references.scores(test, answers, modalities)
    return (_with_tissue(scores, answers, cohort) if tissue else scores), arrays


def _with_tissue(scores: list[dict], answers: Mapping[references.Pair, np.ndarray], cohort: Any) -> list[dict]:
    """The rows of the direction that makes T1, with the agreement of its tissue."""
    pair = hifi_tissue.SOURCE, hifi_tissue.TARGET
    found = {row["subject"]: row for row in hifi_tissue.agreement(answers[pair], cohort)}
    return [row | (found[row["subject"]] if row["direction"] == "-".join(pair) else {}) for row in scores]


def reference_rows(modalities: tuple[str, str], tissue: bool = False) -> tuple[Reference, ...]:
    """The rows that nobody trains, for one pair; tissue: segment the T1 they give, and the real one."""
    titles = references.TITLES | ({REAL: "the real image"} if tissue else {})
    made = []
    for name, title in titles.items():
        # A copy of T2 is no T1: its tissues come in another order, and segmenting it would say nothing.
        segmented = tissue and name != "copy"
        settings = {"modalities": list(modalities), "tissue": segmented, **references.SETTINGS}
        score = partial(_score, name=name, modalities=modalities, tissue=segmented)
        made.append(Reference(name, title, settings, score))
    return tuple(made)


# -- plans


def _plan(paper: str, title: str, kind: str, modalities: tuple[str, str], names: tuple[str, ...]) -> Plan:
    tissue = paper == "hifi"
    return Plan(
        paper=paper,
        title=f"HiFi-Syn: {title}",
        rows=(*reference_rows(modalities, tissue), *rows(modalities, kind == "glioma", names)),
        cohort=partial(load_cohort, kind=kind, scaling=SCALING),
        data_hash=partial(hash_cohort, kind=kind, scaling=SCALING),
        observe=partial(Microscope, tissue=tissue),
        precision="auto",
    )


TWO = ("full", "baseline")
PLAN = _plan("hifi", "T1 and T2 of healthy brains", "ixi", ("t1", "t2"), tuple(ABLATIONS))
UKB_PLAN = _plan("hifi-ukb", "T1 and FLAIR of healthy brains", "ukb", ("t1", "flair"), TWO)
T2_PLAN = _plan("hifi-t2", "T1 and T2 of brains with a tumour", "glioma", ("t1", "t2"), TWO)
T1CE_PLAN = _plan("hifi-t1ce", "T1 and T1ce of brains with a tumour", "glioma", ("t1", "t1ce"), TWO)
FLAIR_PLAN = _plan("hifi-flair", "T1 and FLAIR of brains with a tumour", "glioma", ("t1", "flair"), TWO)
PLANS = {plan.paper: plan for plan in (PLAN, UKB_PLAN, T2_PLAN, T1CE_PLAN, FLAIR_PLAN)}
