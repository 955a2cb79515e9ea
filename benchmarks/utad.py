"""What a UTAD-Net step costs: teacher and student at laptop size and at the paper's, beside a loop written by hand.

    python benchmarks/utad.py [--sizes smoke laptop paper] [--steps 5] [--rounds 3] [--precision 32-true] [--device cpu]

A step is one turn of the critics and one of the generator. The loop by hand takes the same step over the same networks
and random images; both take turns in one process and the ratio of their best rounds is quoted, because machines are
noisy. Peak memory is read in a fresh process for each line. "paper" has the sizes of the public code: 128 x 128, batch
4, 1024 channels at the bottleneck, critics of six halvings.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import time
from functools import partial

import torch
from columns import Columns

from medsyn_core.data.volume import region
from medsyn_core.losses import adversarial, classification, consistency, distillation
from medsyn_core.methods import utad
from medsyn_core.methods.utad_step import LAMBDA_1, LAMBDA_2, LAMBDA_LOCAL
from medsyn_core.profiles import profile
from medsyn_core.training.devices import launch, peak_memory_mb, reset_peak_memory

PAPER = {"width": 64, "levels": 4, "critic_width": 64, "critic_levels": 6, "local_critic_levels": 6, "batch_size": 4}


class RandomSlices(Columns):
    """Random slices of one modality each that look like a cohort and like a view of it."""

    def __init__(self, px: int, count: int = 16):
        draw = torch.Generator().manual_seed(0)
        seg = torch.zeros(count, px, px, dtype=torch.int64)
        seg[:, px // 4 : px // 2, px // 4 : px // 2] = 2
        self.columns = {
            "image": torch.rand(count, 1, px, px, generator=draw),
            "modality": torch.randint(4, (count,), generator=draw),
            "brain": torch.ones(count, 1, px, px),
            "seg": seg,
            "tissue": torch.zeros_like(seg),
            "index": torch.arange(count),
        }


class BenchmarkTeacher(utad.Teacher):
    """The teacher, fed with random images."""

    def view(self, subset):
        return subset


class BenchmarkStudent(utad.Student):
    """The student, fed with random images."""

    def view(self, subset):
        return subset


def recipe_of(size: str):
    """The teacher's recipe at a size, with one turn of each player, and the size of its images."""
    found, px = utad.teacher("laptop" if size == "paper" else size), 128
    if size == "paper":
        found = found.configure(**PAPER)
    else:
        px = profile(size).px
    found = found.player("critic", updates=1)
    method = BenchmarkTeacher(**found.method.settings())
    return type(found)(method, found.losses, found.players, found.training), px


def by_hand(recipe, slices, steps: int, device: torch.device, precision: str) -> float:
    """The same steps as `fit` takes, as one would write them down. Returns seconds."""
    torch.manual_seed(0)
    size, method = recipe.training.batch_size, recipe.method
    nets = {name: net.to(device) for name, net in method.networks({}).items()}
    g, dg, dl, taught = nets["generator"], nets["global_critic"], nets["local_critic"], nets.get("teacher")
    if taught is not None:
        taught.eval().requires_grad_(False)
    critics = [*dg.parameters(), *dl.parameters()]
    optimizer_d, optimizer_g = torch.optim.Adam(critics, 1e-4), torch.optim.Adam(g.parameters(), 1e-4)
    asked = lambda critic, code, x: critic(x, code)[0]
    cut = lambda answer, mask: answer._replace(tumour=answer.tumour * mask)
    ask = lambda x, crop, code: g(x, crop if taught is None else x, code)
    mixed = torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16-mixed")

    def sample():
        batch = {k: v.to(device) for k, v in slices.batch(torch.randint(len(slices), (size,)).tolist()).items()}
        mask = region(batch["seg"], method.region)[:, None].float()
        shows = mask.flatten(1).amax(1)
        target = (batch["modality"] + torch.randint(1, 4, (size,), device=device)) % 4
        return batch["image"], batch["modality"], target, mask, shows

    began = time.perf_counter()
    for _ in range(steps):
        image, source, target, mask, shows = sample()  # the critics' turn
        for p in critics:
            p.requires_grad_(True)
        with mixed:
            with torch.no_grad():
                fake = cut(ask(image, image * mask, target), mask)
            loss = 0
            for critic, real, synthetic, weight in (
                (dg, image, fake.image, torch.ones_like(shows)),
                (dl, image * mask, fake.tumour, shows),
            ):
                score, logits = critic(real, source)
                between = adversarial.interpolate(real, synthetic, torch.rand(size, 1, 1, 1, device=device))
                gradient = adversarial.score_gradient(partial(asked, critic, target), between)
                loss = loss + adversarial.wasserstein_critic(weight * critic(synthetic, target)[0], weight * score)
                loss = loss + adversarial.gradient_penalty(gradient, weight)
                loss = loss + classification.modality_classification(logits, source, weight)
        optimizer_d.zero_grad()
        loss.backward()
        optimizer_d.step()

        image, source, target, mask, shows = sample()  # the generator's turn
        for p in critics:
            p.requires_grad_(False)
        with mixed:
            fake = cut(ask(image, image * mask, target), mask)
            back = cut(ask(fake.image, fake.image * mask, source), mask)
            score, logits = dg(fake.image, target)
            local_score, local_logits = dl(fake.tumour, target)
            loss = -score.mean() - (shows * local_score).mean()
            loss = loss + classification.modality_classification(logits, target)
            loss = loss + classification.modality_classification(local_logits, target, shows)
            local = consistency.local_consistency(fake.tumour, fake.image, back.tumour, image, mask)
            loss = loss + LAMBDA_1 * consistency.cycle(back.image, image) + LAMBDA_LOCAL * local
            if taught is not None:
                answer = taught(image, image * mask, target)
                loss = loss + LAMBDA_2 * distillation.distillation(
                    fake.features, answer.features, fake.image, answer.image
                )
        optimizer_g.zero_grad()
        loss.backward()
        optimizer_g.step()
        nets["average"].update_parameters(g)
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - began


def measure(size: str, who: str, steps: int, rounds: int, device: str, precision: str) -> dict:
    recipe, px = recipe_of(size)
    slices, place = RandomSlices(px), launch(device, precision).device
    if who == "student":
        lesson = recipe.configure(steps=1).fit(slices, progress=False, device=device, precision=precision)
        found = utad.student(lesson)
        settings = {**found.method.settings(), "weights": found.method.weights}
        recipe = type(found)(BenchmarkStudent(**settings), found.losses, found.players, found.training)
    recipe = recipe.configure(steps=steps)
    options = {"progress": False, "device": device, "precision": precision}
    recipe.configure(steps=1).fit(slices, **options)  # warm up, imports included
    reset_peak_memory(place)
    hand, ours = [], []
    for _ in range(rounds):
        hand.append(by_hand(recipe, slices, steps, place, precision) / steps)
        ours.append(recipe.fit(slices, **options).seconds / steps)
    networks = recipe.method.networks({})
    millions = lambda name: sum(p.numel() for p in networks[name].parameters()) / 1e6
    return {
        "size": size,
        "who": who,
        "px": px,
        "batch": recipe.training.batch_size,
        "generator M": millions("generator"),
        "critics M": millions("global_critic") + millions("local_critic"),
        "s/step": min(ours),
        "images/s": recipe.training.batch_size / min(ours),
        "by hand images/s": recipe.training.batch_size / min(hand),
        "engine / by hand": min(ours) / min(hand),
        "peak MB": peak_memory_mb(place),
        "device": place.type,
        "precision": precision,
        "threads": torch.get_num_threads(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", nargs="+", default=["smoke", "laptop", "paper"])
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--precision", default="32-true")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--json", metavar="OUT")
    options = parser.parse_args()
    rows = []
    for size in options.sizes:
        pair = []
        for who in ("teacher", "student"):
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                arguments = (size, who, options.steps, options.rounds, options.device, options.precision)
                pair.append(pool.apply(measure, arguments))
            line = {k: f"{v:.3g}" if isinstance(v, float) else v for k, v in pair[-1].items()}
            print("  ".join(f"{k} {v}" for k, v in line.items()), flush=True)
        print(f"{size}: a student step costs {pair[1]['s/step'] / pair[0]['s/step']:.2f} teacher steps", flush=True)
        rows += pair
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(rows, file, indent=1)


if __name__ == "__main__":
    main()
