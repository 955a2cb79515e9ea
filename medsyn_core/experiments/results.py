"""The numbers of a plan's records, ready to be averaged, compared and drawn; smoke numbers are refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from medsyn_core.evaluation import Comparison, Summary, significance
from medsyn_core.experiments import folds, provenance
from medsyn_core.experiments.metrics import METRICS, Claim, Metric
from medsyn_core.experiments.plan import Job, Plan
from medsyn_core.experiments.records import Record, RecordError


class ExhibitError(ValueError):
    """An exhibit cannot be shown: unknown, not recorded, or asked for at the smoke profile."""


@dataclass(frozen=True)
class Results:
    """Records of some rows of a plan at one profile, all seeds, checked against the code.

    optional: rows that are left out where a seed has not been recorded yet. others: plans with the same rows in other
    directions or on other subjects, which are joined to the plan's row by row; one that lacks a row which is not
    optional is left out. seeds: these alone, None for all. Raises ExhibitError at the smoke profile (its sizes are for
    tests) and where another run is missing, or any is stale or damaged, with the one command that makes all of them.
    """

    plan: Plan
    profile: str
    rows: tuple[str, ...]
    optional: tuple[str, ...] = ()
    others: tuple[Plan, ...] = ()
    seeds: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        if self.profile == "smoke":
            raise ExhibitError("smoke numbers never reach a results table; use --profile laptop or gpu.")

    @cached_property
    def loaded(self) -> dict[str, list[list[Record]]]:
        """Row -> seed -> one record a plan; rows in `missing` and plans in `absent` are not there."""
        found: dict[str, dict[int, list[Record]]] = {row: {} for row in self.rows if row not in self.missing}
        wrong = []
        for job in self.jobs:
            left_out = job.row.name in self.missing or job.plan in self.absent
            if left_out and not job.path.exists():
                continue
            try:
                record = job.load()  # also of an unfinished row: a stale or damaged record is never passed over
            except RecordError as error:
                wrong.append(str(error))
                continue
            if not left_out:
                found[job.row.name].setdefault(job.seed, []).append(record)
        if wrong:
            raise ExhibitError(
                f"{len(wrong)} of {len(self.jobs)} records cannot be used; the first: {wrong[0]}\n"
                f"All at once: {self.command(self.rows)}"
            )
        return {row: list(seeds.values()) for row, seeds in found.items()}

    @cached_property
    def records(self) -> dict[str, list[Record]]:
        """Row -> one record a seed, in the order of seeds; those of several plans are joined, see `_joined`."""
        return {row: [_joined(records) for records in seeds] for row, seeds in self.loaded.items()}

    @cached_property
    def absent(self) -> tuple[Plan, ...]:
        """Other plans that lack a record without which they cannot be shown."""
        needed = [row for row in self.rows if row not in self.optional]
        unfinished = lambda plan: any(not job.path.exists() for job in plan.jobs(self.profile, needed, self.seeds))
        return tuple(plan for plan in self.others if unfinished(plan))

    @property
    def plans(self) -> tuple[Plan, ...]:
        """The plans whose records are shown."""
        return (self.plan, *(plan for plan in self.others if plan not in self.absent))

    @property
    def parts(self) -> tuple[Results, ...]:
        """The results of each plan by itself."""
        return tuple(replace(self, plan=plan, others=()) for plan in self.plans)

    @cached_property
    def missing(self) -> tuple[str, ...]:
        """Optional rows that lack the record of at least one seed in a plan that is shown."""
        absent = {job.row.name for job in self.jobs if job.plan in self.plans and not job.path.exists()}
        return tuple(row for row in self.rows if row in self.optional and row in absent)

    @property
    def unrecorded(self) -> dict[str, tuple[str, ...]]:
        """Name of a plan -> its rows that lack a record; plans that lack none are not there."""
        gone = {(job.plan.paper, job.row.name) for job in self.jobs if not job.path.exists()}
        lacks = {p.paper: tuple(row for row in self.rows if (p.paper, row) in gone) for p in (self.plan, *self.others)}
        return {paper: rows for paper, rows in lacks.items() if rows}

    @property
    def recorded(self) -> int:
        """How many rows are whole, each plan's counted by itself."""
        return (1 + len(self.others)) * len(self.rows) - sum(map(len, self.unrecorded.values()))

    def command(self, rows: Sequence[str] | None = None) -> str:
        """The one command that makes these rows of every plan; by default, what is not recorded."""
        todo = self.unrecorded if rows is None else {plan.paper: rows for plan in (self.plan, *self.others)}
        make = f"python -m medsyn_core record {{}} --profile {self.profile} --rows {{}}".format
        return " && ".join(make(paper, " ".join(names)) for paper, names in todo.items())

    @property
    def jobs(self) -> list[Job]:
        """The runs that these results need."""
        return [job for plan in (self.plan, *self.others) for job in plan.jobs(self.profile, self.rows, self.seeds)]

    def title(self, row: str) -> str:
        """A row's title, as tables print it."""
        return self.plan.row(row).title + (" (not yet recorded)" if row in self.missing else "")

    @property
    def statistics(self) -> Any:
        """How scores are averaged and compared: `significance`; `folds` where each seed tests subjects of its own."""
        return folds if self.plan.split else significance

    @cached_property
    def cases(self) -> list[tuple]:
        """(direction, subject) of every metrics row; the same in all records (of a fold), else RecordError. Subjects of
        several plans are (data hash, subject): one cohort's first is not another's."""
        first: dict[int | None, list[tuple]] = {}
        for record in (r for row in self.records.values() for r in row):
            keys = [(m.get("direction"), m["subject"]) for m in record.metrics]
            if first.setdefault(record.seed if self.plan.split else None, keys) != keys:
                raise RecordError(f"{record.path} was tested on other subjects. Re-make it: {record.command}")
        return [case for keys in first.values() for case in keys]

    @property
    def directions(self) -> tuple[str, ...]:
        """Directions that were scored, in the order of the records."""
        return tuple(dict.fromkeys(direction for direction, _ in self.cases))

    def has(self, metric: str) -> bool:
        """Whether every record has this metric."""
        return all(metric in m for row in self.records.values() for record in row for m in record.metrics)

    def values(self, row: str, metric: str, direction: str | Sequence[str] | None = None) -> list[list]:
        """(seeds, subjects) of one metric in its unit, None where a subject has none; of folds, each its own subjects.

        A subject's directions are averaged over those that have a value: they are translations of the same few slices,
        so counting each as a case of its own would be pseudo-replication, and every n here is subjects. direction: of
        this one only, or of these. Raises ExhibitError where nothing was scored.
        """
        if not self.cases:
            raise ExhibitError("no record has any metrics.")
        wanted = (direction,) if isinstance(direction, str) else self.directions if direction is None else direction
        if unknown := [name for name in wanted if name not in self.directions]:
            raise ExhibitError(
                f"nothing was scored in direction {unknown[0]!r}; there are: {', '.join(self.directions)}."
            )
        return [_of_subjects(record, METRICS[metric], wanted) for record in self.records[row]]

    def summary(self, row: str, metric: str, direction: str | Sequence[str] | None = None) -> Summary:
        """Mean, spread over subjects, spread over seeds, and their numbers."""
        return self.statistics.summary(self.values(row, metric, direction))

    def scores(self, metrics: Sequence[str]) -> dict[str, dict[str, Summary]]:
        """Row's title -> metric -> summary, as `figures.scores` takes them."""
        return {self.title(row): {m: self.summary(row, m) for m in metrics} for row in self.records}

    def best(self, rows: Sequence[str], metric: str = "psnr", directions: Sequence[str] | None = None) -> str:
        """The row with the best mean of a metric."""
        sign = 1 if METRICS[metric].higher else -1
        return max(rows, key=lambda row: sign * self.summary(row, metric, directions).mean)

    def compare(self, a: str, b: str, metric: str, directions: Sequence[str] | None = None) -> Comparison:
        """Paired comparison of two rows over test subjects: A - B in the metric's unit."""
        return self.statistics.compare(self.values(a, metric, directions), self.values(b, metric, directions))

    def measure(self, claim: Claim) -> Comparison:
        """The paired comparison that a claim is about: a - b, in `beyond` claims that of `metric` minus that of the
        other metric, in `than` claims that of `directions` minus that of the others."""
        return self.statistics.compare(*self._of_claim(claim))

    def judge(self, claim: Claim) -> str:
        """ "yes", "no" or "not decided", by the rule that `Claim` names.

        With a margin the rule judges a - b + margin; beyond another metric, or in other directions than others, it
        judges the difference of both gains, and a gain in `metric` itself has to be there.
        """
        metric = METRICS[claim.metric]
        pairs = zip(*_as_many(*self._of_claim(claim)), strict=True)
        better = [((a - b) if metric.higher else (b - a)) + claim.margin for a, b in pairs]
        answer = self.statistics.verdict(better, 0.0 if claim.margin else metric.smallest)
        if claim.gain is None:
            return answer
        answers = {answer, self.judge(claim.gain)}
        return next((word for word in ("no", "not decided") if word in answers), "yes")

    def _of_claim(self, claim: Claim) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """What a claim compares, each (subjects,) a seed; nan where a subject has none."""
        if not claim.b:
            return tuple(self._floats(claim.a, claim.metric, where) for where in (claim.directions, claim.than))
        a, b = (self._floats(row, claim.metric, claim.directions) for row in (claim.a, claim.b))
        if claim.less is None:
            return a, b
        minus = lambda row, found: [x - y for x, y in zip(found, self._floats(row, *claim.less), strict=True)]
        return minus(claim.a, a), minus(claim.b, b)

    def _floats(self, row: str, metric: str, directions: Sequence[str]) -> list[np.ndarray]:
        return [np.array(values, float) for values in self.values(row, metric, directions or None)]  # None becomes nan

    def provenance(self) -> str:
        """One line under a table: profile, device, seeds, subjects, data, versions, precision, time, and older
        sources if any.
        """
        records = [r for row in self.loaded.values() for seed in row for r in seed]
        trained = [r for r in records if r.kind == "training"] or records
        places = sorted({f"{r.device} ({r.hardware})" for r in trained})
        seeds = len({r.seed for r in trained})
        runs = ("fold" if self.plan.split else "seed") + "s" * (seeds > 1)
        of = "test subjects a fold" if self.plan.split else "test subjects"
        subjects = lambda data: f"{data['split']['test']} {of}, {data['split']['train']} trained on"
        cohorts = (f"{subjects(r.data)} ({r.data['source']} cohort {r.data['cohort_hash']})" for r in trained)
        minutes = sum(r.seconds or 0 for r in trained) / 60
        line = (
            f"Profile {self.profile}; {', '.join(places)}; {seeds} {runs}; {' and '.join(dict.fromkeys(cohorts))}; "
            f"torch {trained[0].versions['torch']}, {self._precisions(trained)}; {minutes:.0f} min of training."
        )
        older = sum(r.source_hash != provenance.source_hash() for r in records)
        since = f" The code has changed since {older} of {len(records)} records were made; their settings still fit."
        return line + (since if older else "")

    def _precisions(self, records: Sequence[Record]) -> str:
        """What most runs were made in, and the rows that were made in something else: that is no method's doing."""
        (usual, _), *others = Counter(r.precision for r in records).most_common()
        rows = lambda precision: dict.fromkeys(r.row for r in records if r.precision == precision)
        named = lambda precision: ", ".join(f"“{self.title(row)}”" for row in rows(precision))
        return usual + "".join(f" ({precision} for {named(precision)})" for precision, _ in others)

    def pictures(self) -> dict[str, dict[str, np.ndarray]]:
        """Row -> the arrays beside its seed 0, for figures; those of the first plan, of others see `parts`."""
        return {row: records[0].arrays() for row, records in self.records.items()}


def _joined(records: Sequence[Record]) -> Record:
    """Records of one row and seed in several plans as one: the first, with the metrics of all. A subject is then told
    by its cohort and number: plans on one cohort share its subjects."""
    if len(records) == 1:
        return records[0]
    metrics = [m | {"subject": (r.data_hash, m["subject"])} for r in records for m in r.metrics]
    return replace(records[0], metrics=metrics)


def _of_subjects(record: Record, metric: Metric, wanted: Sequence[str]) -> list[float | None]:
    """A metric of each subject, the mean over what it has in the wanted directions."""
    found: dict[Any, list[float | None]] = {}
    for scores in record.metrics:
        if scores.get("direction") in wanted:
            found.setdefault(scores["subject"], []).append(metric.read(scores))
    return [_mean(values) for values in found.values()]


def _as_many(a: list[np.ndarray], b: list[np.ndarray]) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Both with as many seeds: what was run once, a reference, stands beside each seed of the other."""
    return a * (len(b) if len(a) == 1 else 1), b * (len(a) if len(b) == 1 else 1)


def _mean(values: list[float | None]) -> float | None:
    """Mean of what is there, None where nothing is."""
    there = [value for value in values if value is not None]
    return sum(there) / len(there) if there else None
