"""What a D²-Net step costs, which share of it distillation takes, and what a whole volume takes to be segmented.

    python benchmarks/d2net.py [--sizes smoke laptop paper] [--steps 5] [--rounds 3] [--precision 32-true]

A step is one update on a batch of blocks. "without" leaves both distillation terms out and nothing else: teacher,
student and their auxiliary classifiers stay. The two take turns in one process, round by round, and the ratio of their
best rounds is quoted, because machines are noisy; beside it that of the processor's time, which on a machine that does
something else as well is the one to trust. Peak memory is read in a fresh process for each line. "paper" is the paper's
width and depth on blocks of 64³, "paper-128" the same on its own 128³, a single block a step. A volume of 155 x 240 x
240 voxels, none of them empty, is segmented from all modalities in windows of the size's blocks, with "paper" in the
paper's windows of 128³; of a patient's volume a good half is empty and never looked at.
"""

from __future__ import annotations

import argparse
import json
import time

import torch
from columns import Columns
from turns import apart, best, taken

from medsyn_core.methods import d2net
from medsyn_core.training import Recipe
from medsyn_core.training.devices import peak_memory_mb

PAPER = {"paper": {"patch": 64, "distance": 24, "batch_size": 2}, "paper-128": {"batch_size": 1}}
WITHOUT = {"feature_distillation": 0, "logit_distillation": 0}
WINDOW = 128


class RandomBlocks(Columns):
    """Random blocks of volumes that look like a cohort and like a view of it; a cube in each is tumour."""

    def __init__(self, patch: int, count: int = 4):
        draw = torch.Generator().manual_seed(0)
        seg = torch.zeros(count, patch, patch, patch, dtype=torch.int64)
        for label, part in ((2, 2), (1, 4), (4, 8)):
            seg[:, : patch // part, : patch // part, : patch // part] = label
        self.columns = {
            "images": torch.randn(count, 4, patch, patch, patch, generator=draw),
            "present": torch.ones(count, 4),
            "seg": seg,
            "subject": torch.arange(count),
        }


class Benchmarked(d2net.D2Net):
    """D²-Net, fed with random blocks."""

    def view(self, subset):
        return subset


def recipes_of(size: str) -> dict[str, Recipe]:
    """The two lines at a size."""
    found = d2net.recipe("gpu").configure(**PAPER[size]) if size in PAPER else d2net.recipe(size)
    full = Recipe(Benchmarked(**found.method.settings()), found.losses, found.players, found.training)
    return {"without": full.edit(**WITHOUT), "full": full}


def times(size: str, steps: int, rounds: int, options: dict) -> dict[str, list[tuple[float, float]]]:
    """Seconds a step of each line, round by round: by the clock and of the processor."""
    recipes = recipes_of(size)
    return taken(recipes, RandomBlocks(recipes["full"].method.patch), steps, rounds, options)


def peak_of(size: str, line: str, options: dict) -> float | None:
    """Peak memory of a process that takes one step, MiB."""
    recipe = recipes_of(size)[line].configure(steps=1)
    recipe.fit(RandomBlocks(recipe.method.patch, recipe.training.batch_size), **options)
    return peak_memory_mb(torch.device(options["device"]))


def segmentation(size: str, shape: list[int], device: str) -> dict:
    """One volume segmented: side of the windows, seconds by the clock and of the processor, peak MiB of the process."""
    method = recipes_of(size)["full"].configure(**({"patch": WINDOW} if size in PAPER else {})).method
    model = method.untrained_model().eval().to(device)
    volume = torch.randn(len(method.modalities), *shape, generator=torch.Generator().manual_seed(0))
    model.segment(volume[:, :1, :1, :1])  # warm up, imports included
    began, busy = time.perf_counter(), time.process_time()
    model.segment(volume)
    cost = {"seconds": time.perf_counter() - began, "busy seconds": time.process_time() - busy}
    return {"window": method.patch, **cost, "peak MB": peak_memory_mb(torch.device(device))}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", nargs="+", default=["smoke", "laptop", "paper"])
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--precision", default="32-true")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--volume", nargs="*", type=int, default=[155, 240, 240], help="its sides; none: not measured")
    parser.add_argument("--json", metavar="OUT")
    arguments = parser.parse_args()
    options = {"progress": False, "device": arguments.device, "precision": arguments.precision}
    found = []
    for size in arguments.sizes:
        recipe = recipes_of(size)["full"]
        about = f"{size} ({recipe.training.batch_size} x {recipe.method.patch}³)"
        rounds = apart(times, size, arguments.steps, arguments.rounds, options)
        least = {line: best(each) for line, each in rounds.items()}
        for line, (clock, busy) in least.items():
            peak = apart(peak_of, size, line, options)
            found.append({"size": size, "line": line, "s/step": clock, "busy s/step": busy, "peak MB": peak})
            cost = f"{clock:.4g} s/step, {busy:.4g} s of the processor's"
            print(f"{about}, {line}: {cost}; peak {peak:.0f} MB; {arguments.precision}", flush=True)
        clock, busy = (full / without for full, without in zip(least["full"], least["without"], strict=True))
        found.append({"size": size, "line": "full / without", "s/step": clock, "busy s/step": busy})
        print(
            f"{about}: distillation makes a step {clock:.3f} times as long, of the processor's {busy:.3f}", flush=True
        )
        if arguments.volume:
            row = apart(segmentation, size, arguments.volume, arguments.device)
            found.append({"size": size, "line": "volume", **row})
            shape = f"{' x '.join(map(str, arguments.volume))} in windows of {row['window']}³"
            cost = f"{row['seconds']:.3g} s, {row['busy seconds']:.3g} s of the processor's"
            print(f"{size}: {shape}: {cost}; peak {row['peak MB']:.0f} MB", flush=True)
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump(found, file, indent=1)


if __name__ == "__main__":
    main()
