"""The pictures that records of a method keep: source and truth once, and what each edit made of them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from medsyn_core.data.volume import MODALITIES, NAMES
from medsyn_core.experiments.records import Record
from medsyn_core.experiments.results import Results
from medsyn_core.experiments.utad import SHOWN
from medsyn_core.figures.d2_shown import percents, shown
from medsyn_core.figures.laboratory_edits import Bench

COLUMNS = 4


@dataclass(frozen=True)
class Pictures:
    """Pictures (K, H, W) in 0 … 1.1, or in colour (K, H, W, 3) in 0 … 1. given: what went in; real: what should come
    out; made: row -> what came out; columns: a heading each; said: row -> what a reader hears who does not see it;
    names: of given and real."""

    columns: tuple[str, ...]
    given: np.ndarray = field(repr=False)
    real: np.ndarray = field(repr=False)
    made: dict[str, np.ndarray] = field(repr=False)
    said: dict[str, str] = field(repr=False)
    names: tuple[str, str] = ("source", "real")


def pictures(bench: Bench) -> Pictures | None:
    """The pictures of a bench, seed 0; None where its records keep none."""
    firsts = {edit.name: bench.results(edit).records[edit.name][0] for edit in bench.edits if 0 in edit.seeds}
    if bench.plan.paper == "d2":
        return _segmented(bench) if "shown_labels" in _kept(firsts.get(bench.whole)) else None
    copy = [job for job in bench.plan.jobs(bench.profile, ["copy"]) if job.path.exists()]
    key = "translated" if bench.plan.paper == "dual" else "shown"
    rows = [row for row, record in firsts.items() if key in _kept(record)]
    if not (copy and rows):
        return None
    shared = copy[0].load()
    columns, given, real, brain = _beside(bench.plan.paper, shared, firsts[rows[0]])
    made = {row: _as_columns(bench.plan.paper, firsts[row].arrays()[key]) for row in rows}
    off = {row: 255 * float(np.abs(images - real)[brain].mean()) for row, images in made.items()}
    said = {row: f"mean absolute error in these brains {value:.1f} grey levels of 255" for row, value in off.items()}
    return Pictures(columns, given, real, made, said)


def _kept(record: Record | None) -> tuple[str, ...]:
    return tuple(record.sidecar["names"]) if record and record.sidecar else ()


def _as_columns(paper: str, images: np.ndarray) -> np.ndarray:
    """Kept translations as (COLUMNS, H, W): of HiFi-Syn's (direction, slice, H, W) two slices a direction."""
    images = np.asarray(images, np.float32)
    return np.concatenate([images[d, : COLUMNS // 2] for d in (0, 1)]) if paper == "hifi" else images


def _beside(paper: str, copy: Record, row: Record) -> tuple[tuple[str, ...], np.ndarray, np.ndarray, np.ndarray]:
    """Headings, sources, truths (K, H, W) and brains (K, H, W) bool of the pictures of a translation method."""
    kept = {name: array.astype(np.float32) for name, array in copy.arrays().items()}
    settings, brain = row.config["method"], kept["brain"] > 0
    if paper == "dual":
        pairs = [(settings["source"], settings["target"])] * len(brain)
        return _headings(pairs), kept["source"], kept["target"], brain
    names, images = list(settings["modalities"]), kept["images"]  # (slice, M, H, W)
    if paper == "hifi":
        cases = [(k, names[d], names[1 - d]) for d in (0, 1) for k in range(COLUMNS // 2)]
    else:
        cases = [(k, source, target) for k, (source, target) in enumerate(SHOWN)]
    take = lambda side: np.stack([images[case[0], names.index(case[side])] for case in cases])
    return _headings([case[1:] for case in cases]), take(1), take(2), brain[[case[0] for case in cases]]


def _headings(pairs: list[tuple[str, str]]) -> tuple[str, ...]:
    return tuple(f"{NAMES[source]} → {NAMES[target]}" for source, target in pairs)


def _segmented(bench: Bench) -> Pictures:
    """What D²-Net segments from all modalities; the whole method alone keeps it."""
    seen = shown(Results(bench.plan, bench.profile, (bench.whole,), seeds=(0,)), bench.whole)
    many = range(len(seen))
    flair = np.stack([np.repeat(seen.image(k, "flair")[..., None], 3, axis=-1) for k in many])  # (K, H, W, 3)
    made = np.stack([seen.segmented(k, MODALITIES) for k in many])
    scores = "; ".join(f"subject {k + 1}: {percents(seen.scores(k, MODALITIES))}" for k in many)
    return Pictures(
        tuple(f"subject {k + 1}" for k in many),
        flair,
        np.stack([seen.true(k) for k in many]),
        {bench.whole: made},
        {bench.whole: f"segmented from all modalities, Dice of the whole volumes: {scores}"},
        ("FLAIR", "truth"),
    )
