"""What HiFi-Syn's memory bank and its three discriminations cost on top of the bare backbone.

    python benchmarks/hifi_syn.py [--sizes smoke laptop paper] [--steps 5] [--rounds 3] [--precision 32-true]

A step is one turn of the content critic, one of the domain critics and one of the generator. The rows take turns in one
process and the ratio of their best rounds is quoted, because machines are noisy, and beside it that of the processor's
time; peak memory is read in a fresh process for each row. "backbone" has neither bank nor discriminations; "every
pixel" lets PGD compare all pixels of the content instead of some. "paper" is 216 x 216 with 256 content channels and
batch 2, that is one pair.
"""

from __future__ import annotations

import argparse
import json

import torch
from columns import Columns
from turns import apart, best, taken

from medsyn_core.methods import hifi_syn
from medsyn_core.profiles import profile
from medsyn_core.training import Recipe
from medsyn_core.training.devices import peak_memory_mb

PAPER = {"width": 64, "halvings": 2, "critic_width": 64, "queries": 256, "batch_size": 1}


class RandomPairs(Columns):
    """Random pairs of slices that look like a cohort and like a view of it."""

    def __init__(self, px: int, count: int = 16):
        draw = torch.Generator().manual_seed(0)
        structure = torch.arange(px * px).reshape(px, px) * 4 // (px * px)  # four bands
        self.columns = {}
        for k, side in enumerate("ij"):
            self.columns |= {
                f"image_{side}": torch.rand(count, 1, px, px, generator=draw),
                f"brain_{side}": torch.ones(count, 1, px, px),
                f"seg_{side}": torch.zeros(count, px, px, dtype=torch.int64),
                f"tissue_{side}": structure.expand(count, -1, -1),
                f"subject_{side}": torch.arange(count) + k * count,
                f"index_{side}": torch.arange(count),
            }


class Benchmarked(hifi_syn.HiFiSyn):
    """HiFi-Syn, fed with random images."""

    def view(self, subset):
        return subset


def recipes_of(size: str) -> tuple[dict[str, Recipe], int]:
    """The rows at a size, and the size of its images."""
    found, px = hifi_syn.recipe("laptop" if size == "paper" else size), 216
    if size == "paper":
        found = found.configure(**PAPER)
    else:
        px = profile(size).px
    full = Recipe(Benchmarked(**found.method.settings()), found.losses, found.players, found.training)
    backbone = full.configure(items=(0, 0, 0, 0), common=0)
    backbone = backbone.edit(pixel_discrimination=0, structure_discrimination=0, global_discrimination=0)
    return {
        "backbone": backbone,
        "full": full,
        "every pixel": full.configure(queries=(px // 2**full.method.halvings) ** 2),
    }, px


def best_times(size: str, rows: list[str], steps: int, rounds: int, precision: str) -> dict[str, tuple[float, float]]:
    """Seconds a step of each row, by the clock and of the processor, the best of its rounds."""
    recipes, px = recipes_of(size)
    options = {"progress": False, "device": "cpu", "precision": precision}
    found = taken({row: recipes[row] for row in rows}, RandomPairs(px), steps, rounds, options)
    return {row: best(rounds) for row, rounds in found.items()}


def peak_of(size: str, row: str, precision: str) -> float | None:
    """Peak memory of a process that takes one step, MiB."""
    recipes, px = recipes_of(size)
    recipes[row].configure(steps=1).fit(RandomPairs(px), progress=False, device="cpu", precision=precision)
    return peak_memory_mb(torch.device("cpu"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", nargs="+", default=["smoke", "laptop", "paper"])
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--precision", default="32-true")
    parser.add_argument("--json", metavar="OUT")
    options = parser.parse_args()
    found = []
    for size in options.sizes:
        # At the paper's size every pixel against every one, 5832 x 11664 of them, is measured for memory alone.
        timed = ["backbone", "full"] if size == "paper" else ["backbone", "full", "every pixel"]
        times = apart(best_times, size, timed, options.steps, options.rounds, options.precision)
        for row in ("backbone", "full", "every pixel"):
            peak = apart(peak_of, size, row, options.precision)
            clock, busy = times.get(row, (None, None))
            found.append({"size": size, "row": row, "s/step": clock, "busy s/step": busy, "peak MB": peak})
            cost = "not timed"
            if row in times:
                clocks, busies = (ours / theirs for ours, theirs in zip(times[row], times["backbone"], strict=True))
                cost = f"{clock:.4g} s/step, {clocks:.3f} of the backbone's; the processor's {busy:.4g} s, {busies:.3f}"
            print(f"{size}: {row}: {cost}; peak {peak:.0f} MB; {options.precision}", flush=True)
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(found, file, indent=1)


if __name__ == "__main__":
    main()
