"""The UTAD-Net plan: all twelve directions between four modalities on the phantom, unpaired."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from medsyn_core.experiments import references
from medsyn_core.experiments.cohorts import hash_cohort, load_cohort
from medsyn_core.experiments.plan import Plan, Reference, Row
from medsyn_core.experiments.references import everything, four_slices
from medsyn_core.methods import utad
from medsyn_core.training import Recipe, Run, Watch, in_parts

SHOWN = (("t1ce", "t1"), ("flair", "t2"), ("t1", "t1ce"), ("flair", "t1ce"))
"""The four directions of the paper's figure 3."""
SCALING = "median"
"""Divided by the 99.5th percentile, a brain with an enhancing tumour turns dark on T1ce and one without stays bright:
how bright cannot be known from an unpaired image of another modality, and would drown what methods differ in."""


# -- references: nothing is trained


def _score(cohort: Any, name: str) -> tuple[list[dict], Mapping[str, np.ndarray]]:
    test = everything(cohort, "test")
    answers = references.predicted(name, cohort, test, cohort.modalities)
    shown = four_slices(test)
    arrays = {"shown": np.stack([answers[pair][i] for pair, i in zip(SHOWN, shown, strict=True)]).astype(np.float16)}
    if name == "copy":  # what the other rows' pictures are seen beside is kept once, here
        arrays |= references.beside(test, shown)
    return references.scores(test, answers, cohort.modalities), arrays


REFERENCES = tuple(
    Reference(name, title, references.SETTINGS, partial(_score, name=name)) for name, title in references.TITLES.items()
)


# -- trained rows


LONGER = 3
"""How many times the steps of the others the longer teacher gets, and with it its student."""


def _teacher(profile: str, region: str, guide: str, times: int) -> Recipe:
    recipe = utad.teacher(profile, region, guide)
    return recipe.configure(steps=times * recipe.training.steps)


def _student(profile: str, teacher: Row, structure: str, tumours: bool) -> Recipe:
    return utad.student(teacher.recipe(profile), structure, tumours)


def _teacher_row(name: str, title: str, region: str = "WT", guide: str = "tumour", times: int = 1) -> Row:
    return Row(name, title, partial(_teacher, region=region, guide=guide, times=times))


def _student_row(name: str, title: str, teacher: Row, structure: str = "full", tumours: bool = False) -> Row:
    own = {"structure": structure, "tumours": tumours}
    return Row(name, title, partial(_student, teacher=teacher, **own), teacher.name, partial(utad.student, **own))


WT, TC, ET = (_teacher_row(f"teacher-{r.lower()}", f"teacher, {r} mask", region=r) for r in ("WT", "TC", "ET"))
LONG = _teacher_row("teacher-wt-long", "teacher, WT mask, three times the steps (ours)", times=LONGER)


ROWS = (
    WT,
    _student_row("student-wt", "student, WT teacher", WT),
    _teacher_row("teacher-zeros", "teacher, zeros map", guide="zeros"),
    _teacher_row("teacher-random", "teacher, random map", guide="random"),
    _student_row("student-global", "student, only global branch", WT, structure="global"),
    _student_row("student-no-encoder", "student, without local encoder", WT, structure="no_local_encoder"),
    _student_row("student-no-decoder", "student, without local decoder", WT, structure="no_local_decoder"),
    TC,
    _student_row("student-tc", "student, TC teacher", TC),
    ET,
    _student_row("student-et", "student, ET teacher", ET),
    _student_row("student-wt-tumours", "student, WT teacher, tumours distilled (ours)", WT, tumours=True),
    LONG,
    _student_row("student-wt-long", "student, three times the steps, tumours distilled (ours)", LONG, tumours=True),
)


class Looker:
    """Looks at a run when it is over. extra: for students, mean absolute and mean square feature error against the
    teacher over the test slices of all modalities; arrays: for seed 0, the four pictures of figure 3, the
    feature error of each channel, and of a full student every translation of the slices shown."""

    def __init__(self, recipe: Recipe, cohort: Any, seed: int):
        self.watch = Watch((recipe.training.steps,), self.look)
        self.extra: dict = {}
        self.first = seed == 0
        self.test = everything(cohort, "test")
        self.shown = four_slices(self.test)
        self._kept: dict[str, np.ndarray] = {}

    def look(self, step: int, run: Run) -> None:
        """Measure features and keep pictures."""
        if self.first:
            self._keep_pictures(run)
        if "teacher" in run.networks:
            absolute, square = self._feature_errors(run)
            self.extra = {"feature_mae": float(absolute.mean()), "feature_mse": float(square.mean())}
            if self.first:
                self._kept["feature_error"] = absolute.astype(np.float32)

    def arrays(self, run: Run) -> Mapping[str, np.ndarray]:
        """What `look` kept."""
        return self._kept

    def _translate(self, run: Run, source: int, target: str, rows: np.ndarray) -> np.ndarray:
        """(n, H, W) translations of test slices."""
        method = run.recipe.method
        batch = {name: torch.from_numpy(np.asarray(self.test[name][rows], np.int64)) for name in ("seg", "index")}
        images = torch.from_numpy(self.test["images"][rows, source])[:, None]
        return run.model.translate(images, target, *method.guides(batch))[:, 0].numpy()

    def _keep_pictures(self, run: Run) -> None:
        names = run.recipe.method.modalities
        shown = [self._translate(run, names.index(s), t, [i])[0] for (s, t), i in zip(SHOWN, self.shown, strict=True)]
        self._kept["shown"] = np.stack(shown).astype(np.float16)  # (4, H, W)
        if getattr(run.recipe.method, "structure", None) == "full":
            frames = [[self._translate(run, s, t, self.shown) for t in names] for s in range(len(names))]
            self._kept["frames"] = np.array(frames).astype(np.float16)  # (source, target, slice, H, W)

    @torch.no_grad()  # looking, not training
    def _feature_errors(self, run: Run) -> tuple[np.ndarray, np.ndarray]:
        """Mean absolute and mean square error of each channel of the features that eq. utad-10 compares, (C,)."""
        method, student, teacher = run.recipe.method, run.model.generator, run.networks["teacher"]

        class Errors(torch.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.networks = torch.nn.ModuleList((student, teacher))

            def forward(self, image: Tensor, mask: Tensor) -> Tensor:
                off = student.encode(image, image)[0] - teacher.encode(image, image * mask)[0]  # (B, C, h, w)
                return torch.stack([off.abs().mean(dim=(2, 3)), off.square().mean(dim=(2, 3))], dim=1)  # (B, 2, C)

        seg = torch.from_numpy(self.test["seg"])
        mask, total = method.mask(seg, torch.zeros(len(seg))), 0
        for source in range(len(method.modalities)):
            images = torch.from_numpy(self.test["images"][:, source])[:, None]
            total = total + in_parts(Errors(), 32, images, mask).mean(dim=0)  # (2, C)
        absolute, square = (total / len(method.modalities)).numpy()
        return absolute, square


PLAN = Plan(
    paper="utad",
    title="UTAD-Net: twelve directions on the phantom cohort",
    rows=(*REFERENCES, *ROWS),
    cohort=partial(load_cohort, scaling=SCALING),
    data_hash=partial(hash_cohort, scaling=SCALING),
    observe=Looker,
    precision="auto",
)
