"""What data cost: phantom subjects per second, cohort slices per second, megabytes on disk, a real-size subject.

    python benchmarks/data.py [--subjects 20] [--px 64] [--slices 12] [--jobs N] [--json OUT]

Everything is made in a temporary cache. The template, made once per machine, is timed apart from the subjects.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import tempfile
import time
from pathlib import Path

import nibabel as nib
import numpy as np

from medsyn_core import data
from medsyn_core.data.brats import BratsSource
from medsyn_core.data.cut import Settings, cut
from medsyn_core.data.load import open_source
from medsyn_core.data.workers import default_jobs


def timed(name: str, function) -> tuple[dict, object]:
    """Wall and CPU seconds (children included) of one call: a busy machine stretches the first, not the second."""
    began, used = time.perf_counter(), _cpu()
    result = function()
    return {f"{name} (s)": time.perf_counter() - began, f"{name} (CPU s)": _cpu() - used}, result


def _cpu() -> float:
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


def megabytes(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


def peak_mb() -> float:
    """Peak resident memory of this process and of its largest child, MB."""
    return max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) / 1024


def phantom(subjects: int, px: int, slices: int, jobs: int) -> dict:
    """Prepare the phantom, open it again, and draw batches from it."""
    source = open_source("phantom", subjects=1, px=px)
    rows, _ = timed("template, once a machine", lambda: source.key)
    render, _ = timed("one subject rendered, one process", lambda: source.read(source.subjects()[0]))
    how = {"subjects": subjects, "px": px, "slices": slices, "jobs": jobs}
    prepare, cohort = timed(f"{subjects} subjects prepared, {jobs} processes", lambda: data.load("phantom", **how))
    again, _ = timed("opened from the cache", lambda: data.load("phantom", **how))
    view = data.Paired(cohort.select(range(subjects)), "t1", "t2")
    rng = np.random.default_rng(0)
    batches = [rng.integers(len(view), size=16) for _ in range(200)]
    draw, _ = timed("200 paired batches of 16", lambda: [view.batch(indices) for indices in batches])
    wall, cpu = draw.values()
    return {
        **rows,
        **render,
        **prepare,
        "subjects prepared a second": subjects / next(iter(prepare.values())),
        **again,
        "cohort on disk (MB)": megabytes(cohort.root),
        "slices a second": 16 * len(batches) / wall,
        "slices a CPU second": 16 * len(batches) / cpu,
        "peak memory of a process (MB)": peak_mb(),
    }


def real_size(root: Path) -> dict:
    """Read and cut one subject of BraTS' size: five files of 240 x 240 x 155 voxels."""
    rng = np.random.default_rng(0)
    axes = np.meshgrid(*(np.linspace(-1, 1, n) for n in (240, 240, 155)), indexing="ij", sparse=True)
    brain = (axes[0] / 0.57) ** 2 + (axes[1] / 0.72) ** 2 + (axes[2] / 0.9) ** 2 < 1
    affine = np.diag([-1.0, -1.0, 1.0, 1.0])
    name = "BraTS20_Training_001"
    (root / name).mkdir(parents=True)
    for kind in ("t1", "t1ce", "t2", "flair", "seg"):
        values = 2 * (brain & (axes[0] > 0.3)) if kind == "seg" else brain * rng.integers(100, 900, brain.shape)
        nib.save(nib.Nifti1Image(values.astype(np.int16), affine), root / name / f"{name}_{kind}.nii.gz")
    source = BratsSource(root)
    read, volume = timed("BraTS-size subject read", lambda: source.read(source.subjects()[0]))
    few, _ = timed("cut to 24 slices of 128 x 128", lambda: cut(volume, Settings(px=128, slices=24)))
    every, _ = timed("cut to every slice of 192 x 192", lambda: cut(volume, Settings(px=192, slices="all")))
    return {**read, **few, **every, "peak memory with it (MB)": peak_mb()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--subjects", type=int, default=20)
    parser.add_argument("--px", type=int, default=64)
    parser.add_argument("--slices", type=int, default=12)
    parser.add_argument("--jobs", type=int)
    parser.add_argument("--json", metavar="OUT")
    options = parser.parse_args()
    jobs = options.jobs or default_jobs(options.subjects)
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"MEDSYN_CACHE": f"{folder}/cache", "MEDSYN_PROGRESS": "0"}
        rows = phantom(options.subjects, options.px, options.slices, jobs) | real_size(Path(folder) / "real")
    width = max(map(len, rows))
    for name, value in rows.items():
        print(f"{name:<{width}}  {value:10.2f}")
    if options.json:
        settings = {name: getattr(options, name) for name in ("subjects", "px", "slices")} | {"jobs": jobs}
        Path(options.json).write_text(json.dumps({**settings, **rows}, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
