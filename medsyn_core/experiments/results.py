"""The numbers of a plan's records, ready to be averaged, compared and drawn; smoke numbers are refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from medsyn_core.evaluation import Comparison, Summary, compare, summary, verdict
from medsyn_core.experiments import provenance
from medsyn_core.experiments.plan import Job, Plan
from medsyn_core.experiments.records import Record, RecordError


class ExhibitError(ValueError):
    """An exhibit cannot be shown: unknown, not recorded, or asked for at the smoke profile."""


@dataclass(frozen=True)
class Metric:
    """How a score is written: key in a record's metrics, heading, unit, decimals, whether higher is better,
    and the smallest difference worth naming."""

    key: str
    title: str
    unit: str
    decimals: int
    higher: bool
    smallest: float


METRICS = {
    m.key: m
    for kind, where in (("", ""), ("_brain", ", brain"), ("_tumour", ", tumour"), ("_box", ", tumour box"))
    for m in (
        Metric(f"mae{kind}", f"MAE{where}", "grey levels of 255", 2, False, 0.25),
        Metric(f"psnr{kind}", f"PSNR{where}", "dB", 2, True, 0.1),
        Metric(f"ssim{kind}", f"SSIM{where}", "", 3, True, 0.005),
    )
}


@dataclass(frozen=True)
class Claim:
    """A paper's claim "row a is better than row b" in one metric. paper: its own numbers, in words."""

    text: str
    a: str
    b: str
    metric: str
    paper: str


@dataclass(frozen=True)
class Results:
    """Records of some rows of a plan at one profile, all seeds, checked against the code.

    Raises ExhibitError at the smoke profile (its sizes are for tests) and where a run is missing, stale or
    damaged, with the one command that makes all of them.
    """

    plan: Plan
    profile: str
    rows: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.profile == "smoke":
            raise ExhibitError("smoke numbers never reach a results table; use --profile laptop or gpu.")

    @cached_property
    def records(self) -> dict[str, list[Record]]:
        """Row -> one record a seed, in the order of seeds."""
        found: dict[str, list[Record]] = {row: [] for row in self.rows}
        wrong = []
        for job in self.jobs:
            try:
                found[job.row.name].append(job.load())
            except RecordError as error:
                wrong.append(str(error))
        if wrong:
            rows = " ".join(self.rows)
            raise ExhibitError(
                f"{len(wrong)} of {len(self.jobs)} records cannot be used; the first: {wrong[0]}\n"
                f"All at once: python -m medsyn_core record {self.plan.paper} --profile {self.profile} --rows {rows}"
            )
        return found

    @property
    def jobs(self) -> list[Job]:
        """The runs that these results need."""
        return self.plan.jobs(self.profile, self.rows)

    def title(self, row: str) -> str:
        """A row's title, as tables print it."""
        return self.plan.row(row).title

    @cached_property
    def subjects(self) -> list[tuple]:
        """(direction, subject) of every metrics row; the same in all records, else RecordError."""
        first = None
        for record in (r for row in self.records.values() for r in row):
            keys = [(m.get("direction"), m["subject"]) for m in record.metrics]
            if first is not None and keys != first:
                raise RecordError(f"{record.path} was tested on other subjects. Re-make it: {record.command}")
            first = keys
        return first or []

    def values(self, row: str, metric: str) -> list[list]:
        """(seeds, subjects) of one metric, None where a subject has none."""
        if len(self.subjects) == 0:
            raise ExhibitError("no record has any metrics.")
        return [[m[metric] for m in record.metrics] for record in self.records[row]]

    def summary(self, row: str, metric: str) -> Summary:
        """Mean, spread over subjects, spread over seeds, and their numbers."""
        return summary(self.values(row, metric))

    def scores(self, metrics: Sequence[str]) -> dict[str, dict[str, Summary]]:
        """Row's title -> metric -> summary, as `figures.scores` takes them."""
        return {self.title(row): {m: self.summary(row, m) for m in metrics} for row in self.rows}

    def best(self, rows: Sequence[str], metric: str = "psnr") -> str:
        """The row with the best mean of a metric."""
        sign = 1 if METRICS[metric].higher else -1
        return max(rows, key=lambda row: sign * self.summary(row, metric).mean)

    def compare(self, a: str, b: str, metric: str) -> Comparison:
        """Paired comparison of two rows over test subjects: A - B in the metric's unit."""
        return compare(self.values(a, metric), self.values(b, metric))

    def judge(self, claim: Claim) -> str:
        """ "yes", "no" or "not decided", by `significance.RULE`; seeds are paired by their number."""
        metric = METRICS[claim.metric]
        a, b = (np.array(self.values(row, claim.metric), float) for row in (claim.a, claim.b))  # None becomes nan
        return verdict((a - b) if metric.higher else (b - a), metric.smallest)

    def provenance(self) -> str:
        """One line under a table: profile, device, seeds, subjects, data, versions, time, and older sources
        if any.
        """
        records = [r for row in self.records.values() for r in row]
        trained = [r for r in records if r.kind == "training"] or records
        split = trained[0].data["split"]
        places = sorted({f"{r.device} ({r.hardware})" for r in trained})
        seeds = len({r.seed for r in trained})
        cohort = f"{trained[0].data['source']} cohort {trained[0].data['cohort_hash']}"
        minutes = sum(r.seconds or 0 for r in trained) / 60
        line = (
            f"Profile {self.profile}; {', '.join(places)}; {seeds} seeds; {split['test']} test subjects, "
            f"{split['train']} trained on ({cohort}); torch {trained[0].versions['torch']}; "
            f"{minutes:.0f} minutes of training."
        )
        older = sum(r.source_hash != provenance.source_hash() for r in records)
        since = f" The code has changed since {older} of {len(records)} records were made; their settings still fit."
        return line + (since if older else "")

    def pictures(self) -> dict[str, dict[str, np.ndarray]]:
        """Row -> the arrays beside its seed 0, for figures."""
        return {row: records[0].arrays() for row, records in self.records.items()}
