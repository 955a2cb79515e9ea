"""The smallest method that has two players: one convolution against another. The engine's tests train it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import nn

from medsyn_core.training import LossTable, LossTerm, Method, Player, Recipe, Trace, Training, entry


class ToyTrace(Trace):
    @entry
    def translated(self):
        return self._networks["generator"](self.source)

    @entry
    def score_fake(self):
        return self._networks["critic"](self.translated)

    @entry
    def score_real(self):
        return self._networks["critic"](self.target)

    @entry
    def noisy(self):
        return self.translated + self.noise


@dataclass(frozen=True)
class Toy(Method):
    name: ClassVar[str] = "toy"
    width: int = 2

    def networks(self, example):
        inner = lambda: nn.Sequential(nn.Conv2d(1, self.width, 3, padding=1), nn.Tanh(), nn.Conv2d(self.width, 1, 1))
        return {"generator": inner(), "critic": inner()}

    def view(self, subset):
        return subset

    def draws(self, size, generator):
        return {"noise": torch.randn(size, 1, 1, 1, generator=generator)}

    def trace(self, networks, batch):
        return ToyTrace(networks, self, batch)

    def model(self, networks):
        return networks["generator"]

    def evaluate(self, networks, subset):
        batch = subset.batch(range(len(subset)))
        error = (networks["generator"](batch["source"]) - batch["target"]).abs().mean()
        return [{"subject": 0, "mae": float(error.detach())}]


class Images:
    """Paired images y = 1 - 2x, the same ones for every subset."""

    identity = "toy"

    def __init__(self, count=12):
        self.source = torch.rand(count, 1, 8, 8, generator=torch.Generator().manual_seed(5))

    def __len__(self):
        return len(self.source)

    def subset(self, name):
        return self

    def batch(self, indices):
        source = self.source[list(indices)]
        return {"source": source, "target": 1 - 2 * source}


TERMS = (
    LossTerm("l1", lambda t: (t.translated - t.target).abs().mean(), 1.0, "generator", "toy-1"),
    LossTerm("adversarial", lambda t: -t.score_fake.mean(), 0.1, "generator"),
    LossTerm("noise", lambda t: t.noisy.square().mean(), 0.01, "generator"),
    LossTerm("critic", lambda t: t.score_fake.mean() - t.score_real.mean(), 1.0, "critic"),
    LossTerm("decay", lambda t: t.score_real.square().mean(), 1.0, "critic"),
)


def recipe(steps=6, batch_size=4) -> Recipe:
    players = (Player("critic", ("critic",), 1e-2), Player("generator", ("generator",), 1e-2))
    return Recipe(Toy(), LossTable(TERMS), players, Training(steps, batch_size))


def weights(run) -> torch.Tensor:
    return torch.cat([p.detach().reshape(-1) for n in sorted(run.networks) for p in run.networks[n].parameters()])
