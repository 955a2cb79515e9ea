"""D²-Net's plan with a few weights on nine tiny volumes, and made-up records of it."""

from __future__ import annotations

import dataclasses
from functools import cache, partial

import numpy as np

from medsyn_core.data import Source, SubjectRef, Volume, prepare
from medsyn_core.data.cut import Settings
from medsyn_core.experiments import d2, records
from medsyn_core.experiments.d2_exhibits import ALL, CHOICES, FEW, WITH_T1CE
from medsyn_core.experiments.plan import Plan
from medsyn_core.experiments.records import Record
from tests.experiments import small

TINY = {"patch": 16, "width": 4, "levels": 2, "layers": 1, "distance": 6, "reach": 2, "steps": 1}
SUBJECTS = 24


class Balls(Source):
    """A brain of noise round a ball of three shells: necrosis in enhancing tumour in oedema."""

    name, notice = "balls", "made for tests"
    key = {"version": 1}  # noqa: RUF012 (a source's key is a plain dict)

    def subjects(self):
        return [SubjectRef(f"ball-{k}", f"ball-{k}") for k in range(9)]

    def read(self, ref):
        number = int(ref.id[-1])
        rng = np.random.default_rng(number)
        x, y, z = np.mgrid[:16, :16, :16] - 7.5
        brain = np.sqrt(x**2 + y**2 + z**2) < 7.4
        depth = np.sqrt((x - 1) ** 2 + y**2 + (z + 1) ** 2) - 0.1 * number
        seg = np.select([depth < 1.4, depth < 2.3, depth < 3.8], [1, 4, 2], 0).astype(np.uint8)
        noise = lambda: 1 + 0.1 * rng.standard_normal(brain.shape)
        images = {name: noise() + 0.3 * k * (seg > 0) for k, name in enumerate(("t1", "t1ce", "t2", "flair"))}
        images = {name: np.where(brain, image, 0).astype(np.float32) for name, image in images.items()}
        return Volume(ref.id, ref.patient, images, seg=seg, affine=np.diag([12.0, 12, 12, 1]))


@cache
def balls(split="d2net-0"):
    """The tiny cohort; three of its nine subjects are tested in each fold."""
    return prepare(Balls(), Settings(16, "all", "zscore"), jobs=1).divide(split)


def tiny(profile, recipe):
    """A row's recipe with the smallest networks and one step."""
    made = recipe("smoke")
    kept = {"layers": made.method.layers} if made.method.layers != 1 else {}
    return made.configure(**TINY | kept)


def cohort(size, split="d2net-0"):
    return balls(split)


def hash_of(size, split="d2net-0"):
    return f"made-{split}"


PLAN = dataclasses.replace(
    d2.PLAN,
    rows=tuple(dataclasses.replace(row, recipe=cache(partial(tiny, recipe=row.recipe))) for row in d2.PLAN.rows),
    cohort=cohort,
    data_hash=lambda size, split="d2net-0": balls(split).identity,
    precision="32-true",
)
"""To be trained."""
MADE: Plan = dataclasses.replace(
    d2.PLAN,
    rows=tuple(dataclasses.replace(row, recipe=cache(row.recipe)) for row in d2.PLAN.rows),
    cohort=cohort,
    data_hash=hash_of,
)
"""Whose records are made up."""


def scores(job, effect=0.0, few=0.0, t1ce=0.0, fold=0.0) -> list[dict]:
    """Made-up Dice of about a half, HD95 of about 10 mm and ASSD of about 3 mm: better by `effect` points, by `few`
    more from two modalities or one, ET by `t1ce` more with T1ce, and by `fold` more in the last fold."""
    rng = np.random.default_rng([sum(map(ord, job.row.name)), job.seed])
    anatomy = np.random.default_rng(0).normal(0, 0.1, SUBJECTS)  # shared: subjects differ alike for every row
    made = []
    for direction in CHOICES:
        for subject in range(job.seed, SUBJECTS, 3):
            gain = effect + few * (direction in FEW) + fold * (job.seed == 2)
            row: dict = {"direction": direction, "subject": subject}
            for name, off in (("wt", 0.1), ("tc", 0.0), ("et", -0.1)):
                here = gain + t1ce * (name == "et" and direction in WITH_T1CE)
                dice = 0.5 + off + anatomy[subject] + here / 100 + 0.002 * rng.standard_normal()
                row |= {f"dice_{name}": dice, f"hd95_{name}": 15 - 10 * dice, f"assd_{name}": 5 - 4 * dice}
            made.append(row)
    return made


def arrays(job, apart=1.0) -> dict[str, np.ndarray]:
    """Made-up codes and features of seed 0, sorted the better the further `apart`."""
    if job.seed or job.row.observe is None:
        return {}
    rng = np.random.default_rng(0)
    modality, label = np.tile(np.arange(4), 24), np.repeat(np.arange(4), 10)
    return {
        "codes": (apart * np.eye(4)[modality] + 0.3 * rng.standard_normal((96, 4))).astype(np.float16),
        "code_modality": modality.astype(np.uint8),
        "code_subject": np.repeat(np.arange(8), 12).astype(np.int16),
        "features": (apart * np.eye(4)[label] + 0.3 * rng.standard_normal((40, 4))).astype(np.float16),
        "feature_class": label.astype(np.uint8),
    }


def written(job, **how) -> Record:
    """A record of a run that never ran; how: see `scores`."""
    record = small.written(job, metrics=scores(job, **how), data_hash=job.data_hash)
    split = {"name": f"d2net-{job.seed}", "seed": 0, "train": 16, "val": 0, "test": 8}
    return dataclasses.replace(record, data=record.data | {"split": split})


def save(rows, seeds=None, apart=None, profile="laptop", **hows) -> None:
    """Made-up records of these rows. hows: what of `scores` -> row -> number; apart: row -> see `arrays`."""
    for job in MADE.jobs(profile, rows, seeds):
        how = {what: of[job.row.name] for what, of in hows.items() if job.row.name in of}
        records.save(written(job, **how), arrays(job, (apart or {}).get(job.row.name, 1.0)))


__all__ = ["ALL", "MADE", "PLAN", "SUBJECTS", "balls", "save", "written"]
