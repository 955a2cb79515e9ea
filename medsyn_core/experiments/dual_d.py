"""The dual-discriminator plan: T1 to T2 on the phantom, the paper's rows as edits of one recipe."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import torch

from medsyn_core.evaluation import (
    affine_matched_copy,
    copy_source,
    fit_lookup,
    training_mean,
    translation_metrics,
)
from medsyn_core.experiments.cohorts import hash_cohort, load_cohort
from medsyn_core.experiments.plan import Plan, Reference, Row
from medsyn_core.methods import dual_d
from medsyn_core.methods.dual_d import (
    WEIGHTS_OF_THE_ANCESTORS,
    WITHOUT_ATTENTION,
    WITHOUT_GLOBAL,
    WITHOUT_LOCAL,
)
from medsyn_core.training import Recipe, Run, Watch

PICTURES = 4  # test slices that are kept as images
LOOKS = (0.0, 0.05, 0.2, 0.5, 1.0)  # fractions of a run at which the confidence map is looked at


def edited(profile: str, weights: Mapping[str, float], settings: Mapping[str, Any]) -> Recipe:
    """The paper's recipe with other weights and settings."""
    return dual_d.recipe(profile).edit(**weights).configure(**settings)


def _row(name: str, title: str, *edits: Mapping[str, float], **settings: Any) -> Row:
    weights = {term: weight for edit in edits for term, weight in edit.items()}
    return Row(name, title, partial(edited, weights=weights, settings=settings))


PLAIN = (WITHOUT_ATTENTION, WITHOUT_GLOBAL, WITHOUT_LOCAL)
NORMALISED = {"difficult_region": 0.0, "difficult_region_normalised": 1.0}
ROWS = (
    _row("fcn", "FCN", *PLAIN, generator="fcn"),
    _row("unet", "U-Net", *PLAIN),
    _row("sgan-global", "sGAN, global discriminator", WITHOUT_ATTENTION, WITHOUT_LOCAL),
    _row("sgan-local", "sGAN, local discriminator", WITHOUT_ATTENTION, WITHOUT_GLOBAL),
    _row("dual", "dual discriminators", WITHOUT_ATTENTION),
    _row("dual-attention", "dual discriminators + attention"),
    _row("dual-attention-even", "dual discriminators + attention, renormalised", NORMALISED),
    _row("dual-attention-strong", "dual discriminators + attention, weights 0.05", WEIGHTS_OF_THE_ANCESTORS),
)


# -- references: nothing is trained


def paired_slices(cohort: Any, settings: dual_d.DualD, subset: str = "test") -> dict[str, np.ndarray]:
    """All paired slices of a subset as arrays: source, target, brain, seg (N, H, W), subject, index (N,)."""
    view = settings.view(cohort.subset(subset))
    batch = {name: value.numpy() for name, value in view.batch(range(len(view))).items()}
    for name in ("source", "target", "brain"):
        batch[name] = batch[name][:, 0]  # (N, 1, H, W) -> (N, H, W)
    return batch | {"brain": batch["brain"] > 0}


def _score(cohort: Any, name: str, settings: dual_d.DualD) -> tuple[list[dict], Mapping[str, np.ndarray]]:
    test = paired_slices(cohort, settings)
    predicted = _predict(name, cohort, test, settings)
    keys = ("target", "brain", "seg", "subject")
    metrics = translation_metrics(predicted, *(test[key] for key in keys))
    shown = tumour_slices(test)
    arrays = {"translated": predicted[shown].astype(np.float16)}
    if name == "copy":  # what the other rows' pictures are seen beside is kept once, here
        arrays |= {key: test[key][shown].astype(np.float16) for key in ("source", "target")}
        arrays |= {key: test[key][shown].astype(np.uint8) for key in ("brain", "seg")}
        arrays |= {"index": test["index"][shown]}
    return [{"direction": f"{settings.source}-{settings.target}", **row} for row in metrics], arrays


def _predict(name: str, cohort: Any, test: Mapping[str, np.ndarray], settings: dual_d.DualD) -> np.ndarray:
    if name == "copy":
        return copy_source(test["source"])
    if name == "affine-copy":
        return affine_matched_copy(test["source"], test["target"], test["brain"], test["subject"])
    train = paired_slices(cohort, settings, "train")
    if name == "look-up":
        return fit_lookup(train["source"], train["target"], train["brain"])(test["source"], test["brain"])
    return training_mean(train["target"], cohort.z_mm[train["index"]], cohort.z_mm[test["index"]], test["brain"])


def references(settings: dual_d.DualD) -> tuple[Reference, ...]:
    """The rows that nobody trains, for one pair of modalities."""
    pair = {"source": settings.source, "target": settings.target, "version": 1}
    return tuple(
        Reference(name, title, pair, partial(_score, name=name, settings=settings))
        for name, title in (
            ("copy", "copy of the source"),
            ("atlas", "training mean (atlas)"),
            ("look-up", "global intensity look-up"),
            ("affine-copy", "affine-matched copy (oracle)"),
        )
    )


def tumour_slices(test: Mapping[str, np.ndarray], count: int = PICTURES) -> np.ndarray:
    """Places of `count` slices to show: the widest tumour slice of each subject, from the larger half of subjects;
    in a cohort without tumours, the widest slice.

    Fixed by the data alone, so every row and seed shows the same ones; fewer where fewer subjects have a tumour.
    """
    counted = test["seg"] > 0 if (test["seg"] > 0).any() else test["brain"]
    area = counted.sum(axis=(1, 2))  # (N,)
    widest = [np.flatnonzero(test["subject"] == s) for s in np.unique(test["subject"])]
    widest = np.array([rows[np.argmax(area[rows])] for rows in widest])
    order = widest[np.argsort(-area[widest], kind="stable")]
    order = order[area[order] > 0]
    half = order[: max(count, (len(order) + 1) // 2)]
    return half[np.unique(np.linspace(0, len(half) - 1, min(count, len(half))).round().astype(int))]


# -- what is observed while a row trains


class Confidence:
    """Looks at the local discriminator's confidence map M on the test slices, at the fractions LOOKS of a
    run.

    extra: per look and subject, the mean of M inside the tumour and in the rest of the brain; arrays: for
    seed 0, the maps and the final translations of the slices to show.
    """

    def __init__(self, recipe: Recipe, cohort: Any, seed: int):
        steps = sorted({round(part * recipe.training.steps) for part in LOOKS})
        judged = recipe.losses["local_discriminator"].weight != 0
        self.watch = Watch(steps, self.look) if judged else None
        self.extra: dict = {"confidence": []} if judged else {}
        self.pictures = seed == 0
        self.test = paired_slices(cohort, recipe.method)
        self.shown = tumour_slices(self.test)
        self._maps: dict[str, np.ndarray] = {}

    @torch.no_grad()  # looking, not training
    def look(self, step: int, run: Run) -> None:
        """Measure M on all test slices before this step."""
        generator, judge = run.model, run.networks["local_discriminator"]
        device = next(generator.parameters()).device
        source = torch.from_numpy(self.test["source"])[:, None]  # (N, H, W) -> (N, 1, H, W)
        parts = [judge(generator(x.to(device))).sigmoid().float().cpu() for x in source.split(32)]
        confidence = torch.cat(parts)[:, 0].numpy()  # (N, 1, H, W) -> (N, H, W)
        tumour, brain = self.test["seg"] > 0, self.test["brain"]
        for subject in np.unique(self.test["subject"]):
            own = (self.test["subject"] == subject)[:, None, None]
            inside, rest = own & tumour & brain, own & brain & ~tumour
            if inside.any():
                means = {"tumour": float(confidence[inside].mean()), "rest": float(confidence[rest].mean())}
                self.extra["confidence"].append({"step": step, "subject": int(subject), **means})
        if self.pictures:
            self._maps[f"confidence-{step:06d}"] = confidence[self.shown].astype(np.float16)

    def arrays(self, run: Run) -> dict[str, np.ndarray]:
        """For seed 0: "translated" (k, H, W) and a "confidence-<step>" a look, all float16."""
        if not self.pictures:
            return {}
        source = torch.from_numpy(self.test["source"][self.shown])[:, None]  # (k, H, W) -> (k, 1, H, W)
        return {"translated": run.translate(source)[:, 0].numpy().astype(np.float16), **self._maps}


PLAN = Plan(
    paper="dual",
    title="Dual-D: T1 to T2 on the phantom cohort",
    rows=(*references(dual_d.DualD()), *ROWS),
    cohort=partial(load_cohort, kind="glioma"),
    data_hash=partial(hash_cohort, kind="glioma"),
    observe=Confidence,
)

CT = {"source": "t1", "target": "ct"}
CT_PLAN = Plan(
    paper="dual-ct",
    title="Dual-D: MR to CT on the phantom's heads",
    rows=(
        *references(dual_d.DualD(**CT)),
        _row("fcn", "FCN", *PLAIN, generator="fcn", **CT),
        _row("unet", "U-Net", *PLAIN, **CT),
        _row("sgan-global", "sGAN, global discriminator", WITHOUT_ATTENTION, WITHOUT_LOCAL, **CT),
        _row("dual-attention", "dual discriminators + attention", **CT),
    ),
    cohort=partial(load_cohort, kind="ct"),
    data_hash=partial(hash_cohort, kind="ct"),
    observe=Confidence,
)
