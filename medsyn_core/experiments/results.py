"""The numbers of a plan's records, ready to be averaged, compared and drawn; smoke numbers are refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from medsyn_core.evaluation import Comparison, Summary, compare, summary, verdict
from medsyn_core.evaluation.lpips import VARIABLES
from medsyn_core.experiments import provenance
from medsyn_core.experiments.plan import Job, Plan
from medsyn_core.experiments.records import Record, RecordError


class ExhibitError(ValueError):
    """An exhibit cannot be shown: unknown, not recorded, or asked for at the smoke profile."""


@dataclass(frozen=True)
class Metric:
    """How a score is written: key in a record's metrics, heading, unit, decimals, whether higher is better,
    the smallest difference worth naming, and what to say where records lack it (empty: they never do)."""

    key: str
    title: str
    unit: str
    decimals: int
    higher: bool
    smallest: float
    absent: str = ""


NO_LPIPS = (
    "LPIPS is not among these scores: it needs the weights of a trained backbone and of its heads, which are not "
    f"shipped. Name both files in {' and '.join(VARIABLES)} and record the rows again."
)
METRICS = {
    m.key: m
    for kind, where in (("", ""), ("_brain", ", brain"), ("_tumour", ", tumour"), ("_box", ", tumour box"))
    for m in (
        Metric(f"mae{kind}", f"MAE{where}", "grey levels of 255", 2, False, 0.25),
        Metric(f"psnr{kind}", f"PSNR{where}", "dB", 2, True, 0.1),
        Metric(f"ssim{kind}", f"SSIM{where}", "", 3, True, 0.005),
    )
} | {"lpips": Metric("lpips", "LPIPS", "", 4, False, 0.002, NO_LPIPS)}


@dataclass(frozen=True)
class Claim:
    """A paper's claim "row a is better than row b" in one metric. paper: its own numbers, in words.

    margin, in the metric's unit: the claim is that a is less than this much worse than b. beyond, another metric: the
    claim is that a's gain over b is larger in `metric` than in this one.
    """

    text: str
    a: str
    b: str
    metric: str
    paper: str
    margin: float = 0.0
    beyond: str | None = None

    @property
    def rows(self) -> tuple[str, ...]:
        """Rows that it speaks of; of "best of …" all that may be the best."""
        return (self.a, *self.b.removeprefix("best of ").split(", "))


@dataclass(frozen=True)
class Results:
    """Records of some rows of a plan at one profile, all seeds, checked against the code.

    optional: rows that are left out where a seed has not been recorded yet. Raises ExhibitError at the smoke profile
    (its sizes are for tests) and where another run is missing, or any is stale or damaged, with the one command that
    makes all of them.
    """

    plan: Plan
    profile: str
    rows: tuple[str, ...]
    optional: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.profile == "smoke":
            raise ExhibitError("smoke numbers never reach a results table; use --profile laptop or gpu.")

    @cached_property
    def records(self) -> dict[str, list[Record]]:
        """Row -> one record a seed, in the order of seeds; rows in `missing` are not there."""
        found: dict[str, list[Record]] = {row: [] for row in self.rows if row not in self.missing}
        wrong = []
        for job in self.jobs:
            if job.row.name in self.missing and not job.path.exists():
                continue
            try:
                record = job.load()  # also of an unfinished row: a stale or damaged record is never passed over
            except RecordError as error:
                wrong.append(str(error))
                continue
            if job.row.name in found:
                found[job.row.name].append(record)
        if wrong:
            raise ExhibitError(
                f"{len(wrong)} of {len(self.jobs)} records cannot be used; the first: {wrong[0]}\n"
                f"All at once: {self.command(self.rows)}"
            )
        return found

    @cached_property
    def missing(self) -> tuple[str, ...]:
        """Optional rows that lack the record of at least one seed."""
        absent = {job.row.name for job in self.jobs if not job.path.exists()}
        return tuple(row for row in self.rows if row in self.optional and row in absent)

    def command(self, rows: Sequence[str]) -> str:
        """The one command that makes these rows."""
        return f"python -m medsyn_core record {self.plan.paper} --profile {self.profile} --rows {' '.join(rows)}"

    @property
    def jobs(self) -> list[Job]:
        """The runs that these results need."""
        return self.plan.jobs(self.profile, self.rows)

    def title(self, row: str) -> str:
        """A row's title, as tables print it."""
        return self.plan.row(row).title + (" (not yet recorded)" if row in self.missing else "")

    @cached_property
    def cases(self) -> list[tuple]:
        """(direction, subject) of every metrics row; the same in all records, else RecordError."""
        first = None
        for record in (r for row in self.records.values() for r in row):
            keys = [(m.get("direction"), m["subject"]) for m in record.metrics]
            if first is not None and keys != first:
                raise RecordError(f"{record.path} was tested on other subjects. Re-make it: {record.command}")
            first = keys
        return first or []

    @property
    def directions(self) -> tuple[str, ...]:
        """Directions that were scored, in the order of the records."""
        return tuple(dict.fromkeys(direction for direction, _ in self.cases))

    def has(self, metric: str) -> bool:
        """Whether every record has this metric."""
        return all(metric in m for row in self.records.values() for record in row for m in record.metrics)

    def values(self, row: str, metric: str, direction: str | None = None) -> list[list]:
        """(seeds, subjects) of one metric, None where a subject has none.

        A subject's directions are averaged over those that have a value: they are translations of the same few slices,
        so counting each as a case of its own would be pseudo-replication, and every n here is subjects. direction: of
        this one only. Raises ExhibitError where nothing was scored.
        """
        if not self.cases:
            raise ExhibitError("no record has any metrics.")
        if direction not in (None, *self.directions):
            raise ExhibitError(
                f"nothing was scored in direction {direction!r}; there are: {', '.join(self.directions)}."
            )
        places: dict[int, list[int]] = {}
        for place, (where, subject) in enumerate(self.cases):
            if direction in (None, where):
                places.setdefault(subject, []).append(place)
        return [
            [_mean([record.metrics[place][metric] for place in own]) for own in places.values()]
            for record in self.records[row]
        ]

    def summary(self, row: str, metric: str, direction: str | None = None) -> Summary:
        """Mean, spread over subjects, spread over seeds, and their numbers."""
        return summary(self.values(row, metric, direction))

    def scores(self, metrics: Sequence[str]) -> dict[str, dict[str, Summary]]:
        """Row's title -> metric -> summary, as `figures.scores` takes them."""
        return {self.title(row): {m: self.summary(row, m) for m in metrics} for row in self.records}

    def best(self, rows: Sequence[str], metric: str = "psnr") -> str:
        """The row with the best mean of a metric."""
        sign = 1 if METRICS[metric].higher else -1
        return max(rows, key=lambda row: sign * self.summary(row, metric).mean)

    def compare(self, a: str, b: str, metric: str) -> Comparison:
        """Paired comparison of two rows over test subjects: A - B in the metric's unit."""
        return compare(self.values(a, metric), self.values(b, metric))

    def measure(self, claim: Claim) -> Comparison:
        """The paired comparison that a claim is about: a - b, in `beyond` claims that of `metric` minus that of the
        other metric."""
        return compare(self._of_claim(claim.a, claim), self._of_claim(claim.b, claim))

    def judge(self, claim: Claim) -> str:
        """ "yes", "no" or "not decided", by `significance.RULE`; seeds are paired by their number.

        With a margin the rule judges a - b + margin; beyond another metric it judges the difference of both gains, and
        a gain in `metric` itself has to be there.
        """
        metric = METRICS[claim.metric]
        a, b = (self._of_claim(row, claim) for row in (claim.a, claim.b))
        better = (a - b) if metric.higher else (b - a)
        answer = verdict(better + claim.margin, 0.0 if claim.margin else metric.smallest)
        if claim.beyond is None:
            return answer
        answers = {answer, self.judge(replace(claim, beyond=None))}
        return next((word for word in ("no", "not decided") if word in answers), "yes")

    def _of_claim(self, row: str, claim: Claim) -> np.ndarray:
        """(seeds, subjects) of a row in what a claim speaks of; nan where a subject has none."""
        of = lambda metric: np.array(self.values(row, metric), float)  # None becomes nan
        return of(claim.metric) - (of(claim.beyond) if claim.beyond else 0.0)

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


def _mean(values: list[float | None]) -> float | None:
    """Mean of what is there, None where nothing is."""
    there = [value for value in values if value is not None]
    return sum(there) / len(there) if there else None
