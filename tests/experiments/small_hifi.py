"""HiFi-Syn's plans with a few weights on twelve tiny brains, and made-up records of them."""

from __future__ import annotations

import dataclasses
from functools import cache, partial
from itertools import permutations

import numpy as np

from medsyn_core.data import Source, SubjectRef, Volume, prepare
from medsyn_core.data.cut import Settings
from medsyn_core.experiments import hifi, records
from medsyn_core.experiments.plan import Plan, Reference, Row
from tests.experiments import small

KINDS = {paper: "ixi" if paper == "hifi" else "ukb" if paper == "hifi-ukb" else "glioma" for paper in hifi.PLANS}


class Rings(Source):
    """CSF round GM round WM, in all modalities; a tumour where the kind has one."""

    name, notice = "rings", "made for tests"

    def __init__(self, kind: str):
        self.key = {"kind": kind}

    def subjects(self):
        return [SubjectRef(f"ring-{k:02d}", f"ring-{k:02d}") for k in range(12)]

    def read(self, ref):
        number = int(ref.id[-2:])
        rng = np.random.default_rng(number)
        x, y = np.mgrid[:16, :16] - 7.5
        radius = np.hypot(x, y * (1 + 0.02 * number))[..., None] + 0.1 * np.arange(6)  # (16, 16, 6)
        tissue = (3 - np.digitize(radius, (4, 6, 7.5))).astype(np.uint8)
        brain = tissue > 0
        t1 = np.where(brain, 0.3 * tissue + rng.normal(0, 0.03, tissue.shape), 0)
        seg = np.zeros(tissue.shape, np.uint8)
        if self.key["kind"] == "glioma":
            seg[5:8, 6 : 9 + number % 2] = 2
        images = {"t1": t1, "t1ce": t1 + 0.2 * (seg > 0), "t2": 1.2 - t1 + 0.3 * (seg > 0), "flair": 1.1 - 0.8 * t1}
        wanted = {"ixi": ("t1", "t2"), "ukb": ("t1", "flair"), "glioma": tuple(images)}[self.key["kind"]]
        images = {name: np.where(brain, images[name], 0).astype(np.float32) for name in wanted}
        return Volume(ref.id, ref.patient, images, seg=seg, tissue=tissue, affine=np.diag([12.0, 12, 12, 1]))


@cache
def rings(kind):
    """The tiny cohort of a kind; prepared once a process."""
    return prepare(Rings(kind), Settings(16, 2, "median"), jobs=1).divide(small.SPLIT)


def tiny(profile, recipe):
    """A row's recipe with the smallest networks and ten steps."""
    return recipe("smoke").configure(steps=10, width=2, critic_width=2, queries=4)


def tiny_plan(plan: Plan) -> Plan:
    """A plan of HiFi-Syn with tiny recipes on a tiny cohort."""
    shrink = lambda row: dataclasses.replace(row, recipe=partial(tiny, recipe=row.recipe))
    rows = tuple(shrink(row) if isinstance(row, Row) else row for row in plan.rows)
    kind = KINDS[plan.paper]
    cohort, identity = (lambda size: rings(kind)), (lambda size: rings(kind).identity)
    return dataclasses.replace(plan, rows=rows, cohort=cohort, data_hash=identity, precision="32-true")


PLANS = {paper: tiny_plan(plan) for paper, plan in hifi.PLANS.items()}


def directions(job) -> tuple[str, str]:
    """The two that a job's plan translates in."""
    reference = isinstance(job.row, Reference)
    pair = job.row.settings["modalities"] if reference else job.row.recipe("laptop").method.modalities
    return tuple("-".join(names) for names in permutations(pair, 2))


def tissue(job, level: float, subjects: int = 8) -> list[dict]:
    """Made-up agreement: Dice and volumetric similarity about `level`, those with the real T1 0.05 higher."""
    rng = np.random.default_rng([sum(map(ord, job.row.name)), job.seed])
    anatomy = np.random.default_rng(0).normal(0, 0.01, subjects)
    scores = [f"{name}_{kind}" for name in ("gm", "wm") for kind in ("dice", "vs")]
    of = lambda subject: level + anatomy[subject] + 0.001 * rng.standard_normal()
    made = [{"subject": k} | {score: of(k) for score in scores} for k in range(subjects)]
    return [row | {f"{score}_real": row[score] + 0.05 for score in scores} for row in made]


def save(paper, rows, effects=None, ssim=None, tissues=None, features=None, profile="laptop", **changes) -> None:
    """Made-up records of these rows, all seeds. effects: row -> dB; ssim: row -> its own; tissues: row -> level;
    features: row -> (seeds,) numbers that stand for every score of content and memory."""
    for job in PLANS[paper].jobs(profile, rows):
        name = job.row.name
        record = small.written(job, effect=(effects or {}).get(name, 0.0), directions=directions(job))
        metrics = [m | {"ssim": m["ssim"] + (ssim or {}).get(name, 0.0)} for m in record.metrics]
        lines, extra = tissue(job, (tissues or {}).get(name, 0.8)), {}
        if isinstance(job.row, Row):
            number = (features or {}).get(name, (0.5, 0.5, 0.5))[job.seed]
            looks = [{"step": 10, "purity": number}]
            extra = {"looks": looks, "knn_accuracy": number, "silhouette": number, "tissue": lines}
            if job.row.recipe("laptop").method.common:
                looks[0] |= {"entropy": number, "dead": 2, "key_cosine": number}
                extra |= {"own_share": number} if "no-map" not in name else {}
        elif paper == "hifi" and name != "copy":
            of = {row["subject"]: row for row in lines}
            metrics = [m | (of[m["subject"]] if m["direction"] == "t2-t1" else {}) for m in metrics]
        records.save(dataclasses.replace(record, **({"metrics": metrics, "extra": extra} | changes)))
