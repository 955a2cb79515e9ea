"""A plan: the rows of a paper's tables as recipes, and the runs (rows x seeds) that fill them."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from medsyn_core.data.store import cache_folder
from medsyn_core.experiments import provenance, records
from medsyn_core.experiments.records import Record, RecordError, StaleRecord
from medsyn_core.profiles import profile
from medsyn_core.training import Recipe, Run, Watch


class PlanError(ValueError):
    """A paper, row or seed that no plan has."""


class Observer(Protocol):
    """Looks at a run while it trains and keeps what the figures need."""

    watch: Watch | None
    extra: dict

    def arrays(self, run: Any) -> Mapping[str, np.ndarray]:
        """What goes beside the record, asked for after the training."""


def nobody(recipe: Recipe, cohort: Any, seed: int) -> None:
    """No observer: nothing is kept."""


@dataclass(frozen=True)
class Row:
    """A trained row of a table. recipe: from a profile's name to the recipe.

    teacher: another row, whose trained run of the same seed `taught` turns into this row's recipe; that recipe is
    described like `recipe(profile)` and can be trained. seeds: the most it is run with, None for the profile's;
    profiles: those that have it, None for all; turn: rows of a lower one get all their seeds first; observe: in place
    of the plan's.
    """

    name: str
    title: str
    recipe: Callable[[str], Recipe]
    teacher: str | None = None
    taught: Callable[[Run], Recipe] | None = None
    seeds: int | None = None
    profiles: tuple[str, ...] | None = None
    turn: int = 0
    observe: Callable[[Recipe, Any, int], Observer | None] | None = None

    @property
    def limits(self) -> str:
        """Which runs it has, in words."""
        return f"it has {self.seeds or 'all'} seed(s), at {', '.join(self.profiles or ('all profiles',))}"

    def has(self, profile_name: str, seed: int = 0) -> bool:
        """Whether a profile has it, with that seed."""
        there = self.profiles is None or profile_name in self.profiles
        return there and (self.seeds is None or seed < self.seeds)


@dataclass(frozen=True)
class Reference:
    """A row that nothing is trained for. score: from a cohort to metrics and arrays; settings: what it is
    made with.
    """

    name: str
    title: str
    settings: dict
    score: Callable[[Any], tuple[list[dict], Mapping[str, np.ndarray]]]


@dataclass(frozen=True)
class Plan:
    """All rows of a paper on one cohort, most telling first.

    cohort: prepares it for a Profile; data_hash: the hash it will have, without preparing anything; observe:
    an observer for (recipe, cohort, seed), or None; precision: of the trainings, unless another is asked for; split:
    from a seed to the name of its own division, which `cohort` and `data_hash` are then given as `split=`; None where
    all seeds share one; cases: what a subject is scored in, in words.
    """

    paper: str
    title: str
    rows: tuple[Row | Reference, ...]
    cohort: Callable[..., Any]
    data_hash: Callable[..., str]
    observe: Callable[[Recipe, Any, int], Observer | None] = nobody
    precision: str = "32-true"
    split: Callable[[int], str] | None = None
    cases: str = "directions"

    def row(self, name: str) -> Row | Reference:
        """A row by name. Raises PlanError, naming the rows that exist."""
        for row in self.rows:
            if row.name == name:
                return row
        raise PlanError(f"{self.paper} has no row {name!r}; its rows are: {', '.join(r.name for r in self.rows)}.")

    def has(self, name: str, profile_name: str) -> bool:
        """Whether it has this row at a profile."""
        row = self.row(name)
        return isinstance(row, Reference) or row.has(profile_name)

    def jobs(
        self, profile_name: str | None = None, rows: Sequence[str] | None = None, seeds: Sequence[int] | None = None
    ) -> list[Job]:
        """The runs of a profile, in the order they should be made: references, then turn by turn seed 0 of all rows,
        seed 1, … Raises PlanError where a row that is asked for has none of these runs.
        """
        size = profile(profile_name)
        chosen = [self.row(name) for name in rows] if rows else list(self.rows)
        seeds = list(range(size.seeds)) if seeds is None else list(dict.fromkeys(seeds))
        jobs = [Job(self, row, 0, size.name) for row in chosen if isinstance(row, Reference)]
        trained = [row for row in chosen if isinstance(row, Row)]
        runs = [Job(self, row, seed, size.name) for seed in seeds for row in trained if row.has(size.name, seed)]
        jobs += sorted(runs, key=lambda job: job.row.turn)
        for row in chosen if rows else ():
            if not any(job.row is row for job in jobs):
                asked = f"seed {', '.join(map(str, seeds))} of {row.name!r} at {size.name}"
                raise PlanError(f"{self.paper} has no {asked}: {row.limits}.")
        return jobs


@dataclass(frozen=True)
class Job:
    """One run of a plan: a row and a seed at a profile."""

    plan: Plan
    row: Row | Reference
    seed: int
    profile: str

    def __str__(self) -> str:
        return f"{self.plan.paper} {self.row.name} seed {self.seed} ({self.profile})"

    @property
    def data_hash(self) -> str:
        """The hash of the cohort that it needs, without preparing it."""
        return self.plan.data_hash(profile(self.profile), **self._division)

    def cohort(self) -> Any:
        """The cohort that it needs, prepared if need be."""
        return self.plan.cohort(profile(self.profile), **self._division)

    @property
    def _division(self) -> dict[str, str]:
        return {"split": self.plan.split(self.seed)} if self.plan.split else {}

    @property
    def path(self) -> Path:
        """Where its record belongs."""
        return records.path(self.plan.paper, self.profile, self.row.name, self.seed)

    def identity(self) -> tuple[dict, str]:
        """(config, config hash) that the code gives this run now."""
        if isinstance(self.row, Row):
            recipe = self.row.recipe(self.profile)
            return recipe.config(), recipe.config_hash
        config = {"reference": self.row.name, **self.row.settings}
        return config, hashlib.sha256(repr(sorted(config.items())).encode()).hexdigest()[:12]

    def load(self) -> Record:
        """Its record. Raises RecordError if there is none or it is damaged, StaleRecord if it no longer
        fits.
        """
        if not self.path.exists():
            command = records.remake(self.plan.paper, self.profile, self.row.name, self.seed)
            raise RecordError(f"{self.path} has not been recorded yet. Make it: {command}")
        record = records.load(self.path)
        records.check(record, *self.identity(), self.data_hash)
        return record

    def state(self) -> tuple[str, str]:
        """("ok", remark), ("missing", ""), ("stale", why) or ("damaged", why)."""
        if not self.path.exists():
            return "missing", ""
        try:
            record = self.load()
            record.arrays()
        except StaleRecord as error:
            return "stale", str(error)
        except RecordError as error:
            return "damaged", str(error)
        older = record.source_hash != provenance.source_hash()
        return "ok", "made by other sources of the package" if older else ""

    def run(self, device: str = "auto", precision: str | None = None, progress: bool = False) -> Record:
        """Do the run and save its record; precision: the plan's by default."""
        precision, cohort = precision or self.plan.precision, self.cohort()
        if isinstance(self.row, Reference):
            started = time.perf_counter()
            metrics, arrays = self.row.score(cohort)
            outcome = {"metrics": metrics, "device": "cpu", "precision": "32-true", "peak_mb": None}
            outcome["seconds"] = time.perf_counter() - started
        else:
            outcome, arrays = self._train(cohort, device, precision, progress)
        config, config_hash = self.identity()
        record = Record(
            paper=self.plan.paper,
            row=self.row.name,
            seed=self.seed,
            profile=self.profile,
            title=self.row.title,
            kind="training" if isinstance(self.row, Row) else "reference",
            config=config,
            config_hash=config_hash,
            data=describe(cohort),
            data_hash=cohort.identity,
            source_hash=provenance.source_hash(),
            hardware=provenance.hardware(outcome["device"]),
            versions=provenance.versions(),
            **outcome,
        )
        records.save(record, dict(arrays))
        return record

    @property
    def folder(self) -> Path | None:
        """Where a run that others learn from keeps its checkpoint; the others keep none."""
        if self.row.name not in {getattr(row, "teacher", None) for row in self.plan.rows}:
            return None
        name = f"{self.row.name}-seed{self.seed}-{self.identity()[1]}-{self.data_hash}"
        return cache_folder() / "runs" / self.plan.paper / self.profile / name

    def _train(self, cohort: Any, device: str, precision: str, progress: bool) -> tuple[dict, Mapping]:
        recipe = self.row.recipe(self.profile)
        options = {"seed": self.seed, "device": device, "precision": precision, "progress": progress}
        if self.row.teacher is not None:
            lesson = Job(self.plan, self.plan.row(self.row.teacher), self.seed, self.profile)
            with in_turn(lesson.folder):
                teacher = lesson.row.recipe(self.profile).fit(cohort, folder=lesson.folder, **options)
            recipe = self.row.taught(teacher)
        observer = (self.row.observe or self.plan.observe)(recipe, cohort, self.seed)
        watch = observer.watch if observer else None
        with in_turn(self.folder):
            run = recipe.fit(cohort, folder=self.folder, watch=watch, **options)
        outcome = {
            "metrics": run.metrics,
            "history": run.history.as_dict(points=200),
            "device": run.device,
            "precision": run.precision,
            "seconds": run.seconds,
            "peak_mb": run.peak_mb,
            "extra": observer.extra if observer else {},
        }
        return outcome, observer.arrays(run) if observer else {}


@contextmanager
def in_turn(folder: Path | None) -> Iterator[None]:
    """Alone among the runs of this machine that train into `folder`: who comes later waits, and finds what was left.

    Runs that learn from one teacher would else meet there, as soon as several are made at a time.
    """
    if folder is None:
        yield
        return
    from filelock import FileLock

    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_name(f".{folder.name}.turn")):
        yield


def describe(cohort: Any) -> dict:
    """What a page says about the data of a record."""
    sets = {name: len(getattr(cohort.split, name)) for name in ("train", "val", "test")}
    return {
        "source": cohort.source,
        "cohort_hash": cohort.hash,
        "settings": dict(cohort.settings),
        "modalities": list(cohort.modalities),
        "split": {"name": cohort.split.name, "seed": cohort.split.seed, **sets},
    }
