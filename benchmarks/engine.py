"""What the engine costs: images per second of a Dual-D step beside a plain PyTorch loop over the same networks.

    python benchmarks/engine.py [--profiles smoke laptop gpu] [--steps 20] [--rounds 3] [--json OUT]

Both loops take turns in one process on the same random images, and the ratio of their best rounds is quoted, because
machines are noisy. Peak memory is read in a fresh process for each profile.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import time

import torch

from medsyn_core.losses import adversarial, synthesis
from medsyn_core.methods import dual_d
from medsyn_core.profiles import profile
from medsyn_core.training.devices import peak_memory_mb


class RandomPairs:
    """Random paired images that look like a cohort and like a view of it."""

    identity = "random"

    def __init__(self, px: int, count: int = 32):
        self.images = torch.rand(2, count, 1, px, px, generator=torch.Generator().manual_seed(0))

    def __len__(self) -> int:
        return self.images.shape[1]

    def subset(self, name: str) -> RandomPairs:
        return self

    def batch(self, indices) -> dict[str, torch.Tensor]:
        source, target = self.images[:, list(indices)]
        return {"source": source, "target": target}


class BenchmarkDualD(dual_d.DualD):
    """The method, fed with random images."""

    def view(self, subset):
        return subset


def plain_loop(recipe, pairs, steps: int) -> float:
    """The same step as `fit` takes, as one would write it by hand. Returns seconds."""
    torch.manual_seed(0)
    size = recipe.training.batch_size
    nets = recipe.method.networks(pairs.batch([0]))
    for net in nets.values():
        net.to(memory_format=torch.channels_last)
    g, d1, d2 = nets["generator"], nets["global_critic"], nets["local_discriminator"]
    critics = [*d1.parameters(), *d2.parameters()]
    optimizer_d, optimizer_g = torch.optim.Adam(critics, 2e-4), torch.optim.Adam(g.parameters(), 1e-3)
    began = time.perf_counter()
    for _ in range(steps):
        batch = pairs.batch(torch.randint(len(pairs), (size,)).tolist())
        with torch.no_grad():  # the critics' turn
            fake = g(batch["source"])
        for p in critics:
            p.requires_grad_(True)
        points = adversarial.interpolate(batch["target"], fake, torch.rand(size, 1, 1, 1))
        loss = adversarial.wasserstein_critic_gp(
            d1(fake), d1(batch["target"]), adversarial.score_gradient(d1, points)
        ) + adversarial.dense_discriminator(d2(batch["target"]), d2(fake))
        optimizer_d.zero_grad()
        loss.backward()
        optimizer_d.step()

        batch = pairs.batch(torch.randint(len(pairs), (size,)).tolist())
        for p in critics:  # the generator's turn
            p.requires_grad_(False)
        fake = g(batch["source"])
        logits = d2(fake)
        attended = synthesis.difficult_region(fake, batch["target"], torch.sigmoid(logits).detach())
        loss = attended - 0.005 * d1(fake).mean() + 0.005 * adversarial.dense_generator(logits)
        optimizer_g.zero_grad()
        loss.backward()
        optimizer_g.step()
    return time.perf_counter() - began


def measure(name: str, steps: int, rounds: int) -> dict:
    sizes = profile(name)
    recipe = dual_d.recipe(name).configure(steps=steps)
    recipe = type(recipe)(BenchmarkDualD(**vars(recipe.method)), recipe.losses, recipe.players, recipe.training)
    pairs = RandomPairs(sizes.px)
    recipe.configure(steps=1).fit(pairs, progress=False, device="cpu")  # warm up, imports included
    plain, ours = [], []
    for _ in range(rounds):
        plain.append(plain_loop(recipe, pairs, steps) / steps)
        ours.append(recipe.fit(pairs, progress=False, device="cpu").seconds / steps)
    return {
        "profile": name,
        "px": sizes.px,
        "batch": recipe.training.batch_size,
        "engine images/s": recipe.training.batch_size / min(ours),
        "plain images/s": recipe.training.batch_size / min(plain),
        "engine / plain time": min(ours) / min(plain),
        "peak MB": peak_memory_mb(torch.device("cpu")),
        "threads": torch.get_num_threads(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--profiles", nargs="+", default=["smoke", "laptop", "gpu"])
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", metavar="OUT")
    options = parser.parse_args()
    rows = []
    for name in options.profiles:
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            rows.append(pool.apply(measure, (name, options.steps, options.rounds)))
        print(
            "  ".join(f"{k} {v:.4g}" if isinstance(v, float) else f"{k} {v}" for k, v in rows[-1].items()), flush=True
        )
    if options.json:
        with open(options.json, "w") as file:
            json.dump(rows, file, indent=1)


if __name__ == "__main__":
    main()
