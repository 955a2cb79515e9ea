"""Plans that train in a second: Dual-D's and UTAD-Net's rows with a few weights, on twelve tiny subjects of noise."""

from __future__ import annotations

import dataclasses
from functools import cache, partial
from itertools import permutations, product

import numpy as np

from medsyn_core.data import Source, SubjectRef, Volume, prepare
from medsyn_core.data.cut import Settings
from medsyn_core.experiments import dual_d, records, utad
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
        images = {"t1": t1, "t2": t2} | self.more(t1, seg)
        return Volume(ref.id, ref.patient, images, seg=seg, affine=np.diag([12.0, 12, 12, 1]))

    def more(self, t1, seg):
        return {}


class Quartets(Blobs):
    """Blobs with the four modalities of UTAD-Net."""

    name = "quartets"

    def more(self, t1, seg):
        return {"t1ce": t1 + 0.5 * (seg > 0), "flair": np.where(t1 > 0, 1 - 0.5 * t1, 0).astype(np.float32)}


@cache
def cohort(size):
    """The tiny cohort, whatever the profile; prepared once a process."""
    return prepare(Blobs(), Settings(16, 2), jobs=1).divide(SPLIT)


@cache
def quartets(size):
    """The same with four modalities."""
    return prepare(Quartets(), Settings(16, 2), jobs=1).divide(SPLIT)


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


def tiny_teacher(profile, recipe):
    return recipe("smoke").configure(steps=4, width=2, levels=1, critic_width=2, critic_levels=2, local_critic_levels=1)


def taught(profile, row, teacher):
    """A student as its plan describes it: of the tiny teacher."""
    return row.taught(teacher(profile))


def utad_rows():
    """UTAD-Net's rows; students learn from the tiny teachers."""
    made = {}
    for row in utad.PLAN.rows:
        if isinstance(row, Row):
            teacher = made[row.teacher].recipe if row.teacher else None
            recipe = partial(taught, row=row, teacher=teacher) if teacher else partial(tiny_teacher, recipe=row.recipe)
            row = dataclasses.replace(row, recipe=recipe)
        made[row.name] = row
    return tuple(made.values())


UTAD = Plan("utad", "tiny", utad_rows(), quartets, lambda size: quartets(size).identity, utad.Looker)
MODALITIES = ("t1", "t1ce", "t2", "flair")
TWELVE = tuple("-".join(pair) for pair in permutations(MODALITIES, 2))


def written(job, effect=0.0, subjects=8, directions=("t1-t2",), box=0.0, **changes) -> Record:
    """A record of a run that never ran: PSNR about 20 dB + effect (+ box in tumour boxes, + 0.1 dB a direction), MAE
    about 20 - effect, tumours in all but one.
    """
    config, config_hash = job.identity()
    rng = np.random.default_rng([sum(map(ord, job.row.name)), job.seed])
    anatomy = np.random.default_rng(0).normal(0, 1, subjects)  # shared: subjects differ alike for every row
    metrics = []
    for (number, direction), subject in product(enumerate(directions), range(subjects)):
        psnr = 20 + effect + anatomy[subject] + 0.02 * rng.standard_normal() + 0.1 * number
        row = {"direction": direction, "subject": subject, "slices": 2}
        for kind in ("", "_brain", "_tumour", "_box"):
            nothing = kind in ("_tumour", "_box") and subject == subjects - 1
            here = psnr + (box if kind == "_box" else 0)
            scores = {f"mae{kind}": 40 - here, f"psnr{kind}": here, f"ssim{kind}": here / 30}
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
        data={
            "source": "blobs",
            "cohort_hash": "c0ffee",
            "modalities": list(MODALITIES),
            "split": {"name": "x", "train": 4, "val": 2, "test": 8},
        },
        data_hash=job.plan.data_hash(None),
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


def utad_arrays(job, px=24) -> dict[str, np.ndarray]:
    """Arrays beside a made-up UTAD-Net record of seed 0; a tumour of 6 x 4 pixels moves right from slice to slice."""
    if job.seed:
        return {}
    rng = np.random.default_rng(sum(map(ord, job.row.name)))
    seg = np.zeros((4, px, px), np.uint8)
    for k in range(4):
        seg[k, 8:14, 4 + 2 * k : 8 + 2 * k] = 4
    real = np.random.default_rng(0).uniform(0, 0.8, (4, 4, px, px)) + 0.2 * (seg > 0)[:, None]  # (slice, M, H, W)
    wanted = [real[k, MODALITIES.index(target)] for k, (_, target) in enumerate(utad.SHOWN)]
    arrays = {"shown": np.stack(wanted) + rng.uniform(0, 0.2, (4, px, px))}
    if job.row.name == "copy":
        arrays |= {"images": real, "index": np.arange(4), "seg": seg, "brain": np.ones_like(seg)}
    elif job.row.name.startswith("student"):
        arrays["feature_error"] = rng.uniform(0, 1, 10).astype(np.float32)
        if getattr(job.row.recipe("laptop").method, "structure", None) == "full":
            frames = np.broadcast_to(real.transpose(1, 0, 2, 3), (4, *real.transpose(1, 0, 2, 3).shape))
            arrays["frames"] = frames + rng.uniform(0, 0.2, frames.shape)  # (source, target, slice, H, W)
    return {name: a.astype(np.float16) if a.dtype == np.float64 else a for name, a in arrays.items()}


def save_utad(rows, effects=None, boxes=None, features=None, **changes) -> None:
    """Made-up records of these rows of the tiny UTAD-Net plan, all seeds of the laptop profile; effects, boxes,
    features: row -> its own."""
    for job in UTAD.jobs("laptop", rows):
        name = job.row.name
        error = (features or {}).get(name, 0.1) + 0.001 * job.seed
        extra = {"feature_mae": error, "feature_mse": error**2} if name.startswith("student") else {}
        how = {"effect": (effects or {}).get(name, 0.0), "box": (boxes or {}).get(name, 0.0), "extra": extra} | changes
        records.save(written(job, directions=TWELVE, **how), utad_arrays(job))
