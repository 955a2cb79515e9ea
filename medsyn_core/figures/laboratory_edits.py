"""What was recorded of a method, row by row, as edits of its loss table: the numbers behind the loss laboratory.

Nothing is typed here but which row of a plan is the whole method: terms, weights and settings are those of the rows'
recipes, curves and scores those of their records.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from medsyn_core.evaluation import Comparison, Summary
from medsyn_core.experiments.metrics import METRICS, Claim, Metric
from medsyn_core.experiments.plan import Plan, Row
from medsyn_core.experiments.plans import papers, plan
from medsyn_core.experiments.records import differences
from medsyn_core.experiments.results import Results
from medsyn_core.training.history import History

WHOLE = {
    "dual": ("dual discriminators", "dual-attention"),
    "utad": ("UTAD-Net", "student-wt"),
    "hifi": ("HiFi-Syn", "full"),
    "d2": ("D²-Net", "full"),
}
"""Name of a plan -> what its method is called, and the row that is the whole of it."""
SCORES = ("psnr", "ssim", "mae", "psnr_box", "dice", "dice_wt", "dice_tc", "dice_et")
"""Metrics that are shown, as far as a method's records have them."""
POINTS = 60
"""As many stretches a curve is averaged over."""
HIDDEN = ("method.name", "method.teacher")
"""What differs in a recipe but says nothing to a reader: a name that the title has, and a hash."""


@dataclass(frozen=True)
class Edit:
    """A trained row of a plan. weights: term -> weight, 0 where it is switched off or not there; settings: in what else
    its recipe differs from the whole method's, as "tau_pixel: 1.0 -> 0.1"; seeds: those recorded; planned: how many
    there will be."""

    name: str
    title: str
    weights: Mapping[str, float]
    settings: tuple[str, ...]
    seeds: tuple[int, ...]
    planned: int


@dataclass(frozen=True)
class Curve:
    """A term's history. mean: (P,) over seeds, P at most POINTS; spread: standard deviation over seeds of the last
    stretch, None for one seed; seeds: how many."""

    mean: np.ndarray
    spread: float | None
    seeds: int


@dataclass(frozen=True)
class Effect:
    """A metric of an edit, beside the whole method's over the same seeds and subjects: the paired difference edit -
    whole, and whether either is better ("yes", "no" or "not decided"). None where the whole method is not recorded, or
    is the edit itself."""

    metric: Metric
    own: Summary
    whole: Summary | None
    difference: Comparison | None
    better: str | None
    worse: str | None


@dataclass(frozen=True)
class Bench:
    """A method with all its recorded edits at a profile. title: the method's; whole: the row that is all of it."""

    title: str
    plan: Plan
    whole: str
    profile: str = "laptop"

    @cached_property
    def table(self) -> dict[str, dict]:
        """Term -> what its first recipe says of it (player, equation, weight …), the whole method's terms first."""
        found: dict[str, dict] = {}
        for config in (self._configs[self.whole], *self._configs.values()):
            for term, said in config["losses"].items():
                found.setdefault(term, said)
        return found

    @cached_property
    def edits(self) -> tuple[Edit, ...]:
        """Every trained row that the plan has at this profile, the whole method first."""
        planned: dict[str, list] = {}
        for job in self.plan.jobs(self.profile):
            planned.setdefault(job.row.name, []).append(job)
        made = []
        for name, config in self._configs.items():
            weights = {term: config["losses"].get(term, {"weight": 0.0})["weight"] for term in self.table}
            seeds = tuple(job.seed for job in planned[name] if job.path.exists())
            title = self.plan.row(name).title
            made.append(Edit(name, title, weights, self._settings(config), seeds, len(planned[name])))
        return tuple(sorted(made, key=lambda edit: edit.name != self.whole))

    @cached_property
    def _configs(self) -> dict[str, dict]:
        rows = [row for row in self.plan.rows if isinstance(row, Row) and row.has(self.profile)]
        return {row.name: row.recipe(self.profile).config() for row in rows}

    def _settings(self, config: Mapping) -> tuple[str, ...]:
        without = lambda config: {part: values for part, values in config.items() if part != "losses"}
        lines = differences(without(self._configs[self.whole]), without(config))
        shown = [line for line in lines if not line.startswith(HIDDEN) and not line.endswith("-> nothing")]
        short = (line.removeprefix("method.").removeprefix("training.") for line in shown)
        return tuple(re.sub(r"^players\.(\w+): nothing -> .*", r"a player more: \1", line) for line in short)

    def compared(self, edit: Edit) -> tuple[int, ...]:
        """The seeds of an edit that are shown: those that the whole method has too, or all where it has none."""
        return tuple(seed for seed in edit.seeds if seed in self.edits[0].seeds) or edit.seeds

    @cached_property
    def _found(self) -> dict[tuple[int, ...], Results]:
        """Seeds -> the results of all edits that are shown with these; each record is read once for each."""
        groups: dict[tuple[int, ...], list[str]] = {}
        for edit in self.edits:
            if edit.seeds:
                groups.setdefault(self.compared(edit), []).append(edit.name)
        for seeds, rows in groups.items():
            if self.whole not in rows and set(seeds) <= set(self.edits[0].seeds):
                rows.insert(0, self.whole)
        return {seeds: Results(self.plan, self.profile, tuple(rows), seeds=seeds) for seeds, rows in groups.items()}

    def results(self, edit: Edit) -> Results:
        """The records of an edit, with the whole method's where those seeds of it are there. Raises ExhibitError for a
        record that no longer fits the code; there is nothing for an edit without any."""
        return self._found[self.compared(edit)]

    def curves(self, edit: Edit) -> dict[str, Curve]:
        """Term -> its history; terms that were switched off are not there, and nothing of what is not recorded."""
        if not edit.seeds:
            return {}
        thin = [History(**record.history).as_dict(POINTS)["series"] for record in self.results(edit).records[edit.name]]
        made = {}
        for term in (term for term in self.table if term in thin[0]):
            runs = np.array([series[term] for series in thin])  # (seeds, P)
            spread = float(runs[:, -1].std(ddof=1)) if len(runs) > 1 else None
            made[term] = Curve(runs.mean(axis=0), spread, len(runs))
        return made

    def edit(self, name: str) -> Edit:
        """The edit of a row's name. Raises ValueError, naming those that exist, for any other."""
        found = {edit.name: edit for edit in self.edits}
        if name not in found:
            raise ValueError(f"{self.title} has no edit {name!r}; its edits are: {', '.join(found)}.")
        return found[name]

    def effects(self, edit: Edit) -> dict[str, Effect]:
        """Key of a metric -> what was measured of an edit; empty where nothing is recorded."""
        if not edit.seeds:
            return {}
        found, shown = self.results(edit), (METRICS[key] for key in SCORES)
        return {m.key: self._effect(found, edit.name, m) for m in shown if _has(found, edit.name, m)}

    def _effect(self, found: Results, row: str, metric: Metric) -> Effect:
        own = found.summary(row, metric.key)
        if row == self.whole or self.whole not in found.records:
            return Effect(metric, own, None, None, None, None)
        claim = lambda a, b: found.judge(Claim(f"{a} is better than {b}", a, b, metric.key, paper=""))
        return Effect(
            metric,
            own,
            found.summary(self.whole, metric.key),
            found.compare(row, self.whole, metric.key),
            claim(row, self.whole),
            claim(self.whole, row),
        )


def _has(found: Results, row: str, metric: Metric) -> bool:
    """Whether the row was scored in a metric at all: a brain without tumour has no tumour's box."""
    keys = metric.parts or (metric.key,)
    scores = [scores for record in found.records[row] for scores in record.metrics]
    return any(all(scores.get(key) is not None for key in keys) for scores in scores)


def bench(paper: str, profile: str = "laptop") -> Bench:
    """The bench of a plan's name, with what is recorded now. Raises ValueError for a name that has none."""
    if paper not in names():
        raise ValueError(f"there is no bench for {paper!r}; there are: {', '.join(names())}.")
    title, whole = WHOLE[paper]
    return Bench(title, plan(paper), whole, profile)


def names() -> tuple[str, ...]:
    """Names of the plans that have a bench."""
    return tuple(name for name in WHOLE if name in papers())
