"""A plan that trains in a second: Dual-D's rows with a few weights, on twelve tiny subjects made of noise."""

from __future__ import annotations

import dataclasses
from functools import cache, partial

import numpy as np

from medsyn_core.data import Source, SubjectRef, Volume, prepare
from medsyn_core.data.cut import Settings
from medsyn_core.experiments import dual_d
from medsyn_core.experiments.plan import Plan, Row
from medsyn_core.experiments.records import Record

SPLIT = (4, 2, 6)


class Blobs(Source):
    """Two modalities that depend on each other, a tumour in every subject but the last two."""

    name, notice = "blobs", "made for tests"

    def __init__(self, version: int = 1):
        self.key = {"version": version}

    def subjects(self):
        return [SubjectRef(f"blob-{k:02d}", f"blob-{k:02d}") for k in range(12)]

    def read(self, ref):
        number = int(ref.id[-2:])
        rng = np.random.default_rng(number)
        t1 = rng.uniform(0.2, 1, (16, 16, 6)).astype(np.float32)
        t1[:2], t1[-2:], t1[:, :2], t1[:, -2:] = 0, 0, 0, 0
        seg = np.zeros(t1.shape, np.uint8)
        if number < 10:
            seg[5 : 7 + number % 3, 5:9] = 2
        t2 = np.where(t1 > 0, 1.2 - t1 + 0.3 * (seg > 0), 0).astype(np.float32)
        return Volume(ref.id, ref.patient, {"t1": t1, "t2": t2}, seg=seg, affine=np.diag([12.0, 12, 12, 1]))


@cache
def cohort(size):
    """The tiny cohort, whatever the profile; prepared once a process."""
    return prepare(Blobs(), Settings(16, 2), jobs=1).divide(SPLIT)


def hash_of(size):
    return cohort(size).identity


def tiny(profile, recipe):
    """A row's recipe with the smallest networks and four steps."""
    return recipe("smoke").configure(steps=4, batch_size=4, width=2, critic_width=2, levels=1)


def failing(profile):
    raise RuntimeError("this row cannot be made")


def rows():
    shrink = lambda row: dataclasses.replace(row, recipe=partial(tiny, recipe=row.recipe))
    return tuple(shrink(row) if isinstance(row, Row) else row for row in dual_d.PLAN.rows)


PLAN = Plan("dual", "tiny", rows(), cohort, hash_of, dual_d.Confidence)


def written(job, effect=0.0, subjects=8, **changes) -> Record:
    """A record of a run that never ran: PSNR about 20 dB + effect, MAE about 20 - effect, tumours in all but
    one.
    """
    config, config_hash = job.identity()
    rng = np.random.default_rng([sum(map(ord, job.row.name)), job.seed])
    anatomy = np.random.default_rng(0).normal(0, 1, subjects)  # shared: subjects differ alike for every row
    metrics = []
    for subject in range(subjects):
        psnr = 20 + effect + anatomy[subject] + 0.02 * rng.standard_normal()
        row = {"direction": "t1-t2", "subject": subject, "slices": 2}
        for kind in ("", "_brain", "_tumour", "_box"):
            nothing = kind in ("_tumour", "_box") and subject == subjects - 1
            scores = {f"mae{kind}": 40 - psnr, f"psnr{kind}": psnr, f"ssim{kind}": psnr / 30}
            row |= dict.fromkeys(scores) if nothing else scores
        metrics.append(row)
    record = Record(
        paper=job.plan.paper,
        row=job.row.name,
        seed=job.seed,
        profile=job.profile,
        title=job.row.title,
        kind="training" if isinstance(job.row, Row) else "reference",
        config=config,
        config_hash=config_hash,
        data={"source": "blobs", "cohort_hash": "c0ffee", "split": {"name": "x", "train": 4, "val": 2, "test": 8}},
        data_hash=hash_of(None),
        source_hash="0" * 12,
        device="cpu",
        hardware="x86_64, 1 threads",
        precision="32-true",
        versions={"torch": "2"},
        seconds=60.0,
        peak_mb=100.0,
        metrics=metrics,
    )
    return dataclasses.replace(record, **changes)
