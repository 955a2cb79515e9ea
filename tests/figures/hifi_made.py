"""Made-up records of HiFi-Syn's plans, whose differences are known."""

from __future__ import annotations

import dataclasses
from itertools import permutations

import numpy as np

from medsyn_core.experiments import hifi, records
from medsyn_core.experiments.plan import Reference
from tests.experiments import small

PX, LOOKS = 24, (0, 5, 10)
OFF = {"copy": 0.3, "atlas": 0.25, "baseline": 0.2, "full": 0.1, "full-no-pixel": 0.15}
"""How far each row's translations are from the truth, everywhere."""


def plan(paper: str):
    """A plan on a cohort that nobody prepares."""
    return dataclasses.replace(hifi.PLANS[paper], data_hash=lambda size: "made-up", cohort=lambda size: None)


def method(job):
    """The settings of a trained row."""
    return job.row.recipe(job.profile).method


def _pair(job) -> tuple[str, str]:
    reference = isinstance(job.row, Reference)
    return tuple(job.row.settings["modalities"] if reference else method(job).modalities)


def _rows_of(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Numbers above 0 whose last axis sums to 1."""
    found = rng.uniform(0.01, 1, shape)
    return found / found.sum(axis=-1, keepdims=True)


def arrays(job) -> dict[str, np.ndarray]:
    """As a HiFi-Syn record keeps them: PX pixels, contents of a quarter, 80 queries."""
    rng = np.random.default_rng([sum(map(ord, job.row.name)), job.seed])
    real = np.random.default_rng(len(job.plan.paper)).uniform(0.2, 0.7, (4, 2, PX, PX))  # (slice, modality, H, W)
    kept = {"shown": np.stack([real[:, 1 - d] + OFF[job.row.name] for d in (0, 1)]).astype(np.float16)}
    if job.row.name == "copy":
        seg = np.zeros((4, PX, PX), np.uint8)
        if job.plan.paper not in ("hifi", "hifi-ukb"):
            for k in range(4):
                seg[k, 8:14, 3 + 4 * k : 7 + 4 * k] = 4
        brain = np.zeros_like(seg)
        brain[:, 2:-2, 2:-2] = 1
        kept |= {"images": real.astype(np.float16), "index": np.arange(4), "seg": seg, "brain": brain}
    if isinstance(job.row, Reference):
        return kept
    settings, slots = method(job), sum(method(job).items) + method(job).common
    count, side = len(settings.items), PX // 4
    kind = np.arange(80) % count
    queries = rng.normal(0, 0.3, (80, 6)) + np.eye(8)[kind][:, :6]
    kept |= {"queries": queries.astype(np.float16), "query_structure": kind.astype(np.uint8)}
    kept |= {"query_subject": np.arange(80, dtype=np.int32) // 20, "query_modality": np.arange(80, dtype=np.uint8) % 2}
    if slots and not job.seed:
        owners = np.repeat([*range(count), -1], [*settings.items, settings.common])
        kept |= {
            "bank": owners.astype(np.int8),
            "maps_structure": rng.integers(0, count, (side, side)).astype(np.uint8),
        }
        kept["maps"] = _rows_of(rng, len(LOOKS), side, side, slots).astype(np.float16)
        kept["usage"] = _rows_of(rng, len(LOOKS), slots).astype(np.float32)
        kept["eight_affinity"] = _rows_of(rng, count, 8, slots).astype(np.float16)
    return kept if not job.seed else {name: a for name, a in kept.items() if name.startswith("quer")}


def looks(job) -> list[dict]:
    """Measures of each look; later seeds have the last alone."""
    found = [{"step": step, "purity": 0.4 + 0.03 * step, "entropy": 2.5 - 0.1 * step, "dead": 0} for step in LOOKS]
    return found[-1:] if job.seed else found


def save(paper: str, rows: tuple[str, ...], leave_out: tuple[str, ...] = ()) -> None:
    """Records of these rows, all seeds of the laptop profile; leave_out: names of arrays."""
    for job in plan(paper).jobs("laptop", rows):
        extra = {} if isinstance(job.row, Reference) else {"looks": looks(job)}
        directions = tuple("-".join(pair) for pair in permutations(_pair(job), 2))
        kept = {name: values for name, values in arrays(job).items() if name not in leave_out}
        records.save(small.written(job, directions=directions, extra=extra), kept)
