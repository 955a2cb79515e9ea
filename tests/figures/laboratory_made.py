"""Made-up records of Dual-D's rows, with histories and pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from medsyn_core.experiments import records
from medsyn_core.experiments.plan import Reference
from medsyn_core.figures.laboratory_edits import Bench
from tests.experiments import small

PLAN = small.PLAN
STEPS, PX = 120, 16


def bench() -> Bench:
    """Dual-D's bench, as it is recorded now."""
    return Bench("dual discriminators", PLAN, "dual-attention")


def series(seed: int) -> np.ndarray:
    """A term's history: from 1 to 0, each seed 0.1 above the one before."""
    return np.linspace(1, 0, STEPS) + 0.1 * seed


def _arrays(job, off: float) -> dict[str, np.ndarray]:
    """Four slices whose translations are `off` away from the target everywhere."""
    if job.seed:
        return {}
    target = np.random.default_rng(0).uniform(0.2, 0.8, (4, PX, PX))
    kept = {"translated": (target + off).astype(np.float16)}
    if isinstance(job.row, Reference):
        kept |= {"source": (1 - target).astype(np.float16), "target": target.astype(np.float16)}
        kept |= {name: np.ones((4, PX, PX), np.uint8) for name in ("brain", "seg")}
    return kept


def save(
    rows: Sequence[str],
    seeds: Sequence[int] | None = None,
    effects: Mapping[str, float] | None = None,
    off: Mapping[str, float] | None = None,
) -> None:
    """Records of these rows; effects: row -> dB of PSNR more; off: row -> see `_arrays`, by default 0.1."""
    for job in PLAN.jobs("laptop", rows, seeds):
        name = job.row.name
        trained = not isinstance(job.row, Reference)
        terms = [t for t, said in job.identity()[0]["losses"].items() if said["weight"]] if trained else []
        values = series(job.seed).tolist()
        history = {
            "steps": list(range(STEPS)),
            "series": dict.fromkeys(terms, values),
        }
        record = small.written(job, effect=(effects or {}).get(name, 0.0), history=history)
        records.save(record, _arrays(job, (off or {}).get(name, 0.1)))
