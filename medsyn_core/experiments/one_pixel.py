"""Adversarial games in a world of one pixel, where every answer can be checked by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import logsigmoid

from medsyn_core.losses import adversarial, consistency

HIDDEN = 64


def descend(parameters: Iterable[Tensor], loss: Callable[[], Tensor], steps: int, rate: float) -> None:
    """Lower `loss` by Adam, in place."""
    adam = torch.optim.Adam(parameters, lr=rate)
    for _ in range(steps):
        adam.zero_grad()
        loss().backward()
        adam.step()


# -- a judge between real and synthetic pixels


def log_loss(judge: nn.Module, real: Tensor, fake: Tensor, penalty: float) -> Tensor:
    """The discriminator of the first GAN: cross-entropy; it has no penalty."""
    return adversarial.dense_discriminator(judge(real), judge(fake))


def free(judge: nn.Module, real: Tensor, fake: Tensor, penalty: float) -> Tensor:
    """A Wasserstein critic whose slope nobody bounds."""
    return adversarial.wasserstein_critic(judge(fake), judge(real))


def penalised(judge: nn.Module, real: Tensor, fake: Tensor, penalty: float) -> Tensor:
    """A Wasserstein critic with gradient penalty."""
    between = adversarial.interpolate(real, fake, torch.rand_like(real))
    return adversarial.wasserstein_critic_gp(
        judge(fake), judge(real), adversarial.score_gradient(judge, between), penalty
    )


@dataclass(frozen=True)
class Game:
    """loss: what the judge lowers; hill: from the judge's output to what the generator lowers."""

    loss: Callable[[nn.Module, Tensor, Tensor, float], Tensor]
    hill: Callable[[Tensor], Tensor]


GAMES = {
    "log, as printed": Game(log_loss, lambda logit: logsigmoid(-logit)),
    "log, in practice": Game(log_loss, lambda logit: -logsigmoid(logit)),
    "score, free": Game(free, lambda score: -score),
    "score, with penalty": Game(penalised, lambda score: -score),
}


def samples(way: float = 4.0, count: int = 64) -> tuple[Tensor, Tensor]:
    """Real pixels near 0 and synthetic ones near `way`, (count, 1) each, spread 0.2; the same at every call."""
    generator = torch.Generator().manual_seed(0)
    real, fake = 0.2 * torch.randn(2, count, 1, generator=generator)  # (count, 1) each
    return real, way + fake


def judge(game: Game, steps: int, seed: int = 0, penalty: float = 10.0) -> nn.Module:
    """A small network trained for some steps to tell `samples` apart; the caller's random numbers stay theirs."""
    real, fake = samples()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = nn.Sequential(
            nn.Linear(1, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 1)
        )
        descend(network.parameters(), lambda: game.loss(network, real, fake, penalty), steps, 3e-3)
    return network


def push(network: nn.Module, game: Game) -> float:
    """Mean slope of the game's hill at the synthetic samples; positive: towards the real ones."""
    x = samples()[1].requires_grad_()  # (count, 1)
    (slope,) = torch.autograd.grad(game.hill(network(x)).sum(), x)
    return float(slope.mean())


# -- there and back again


def line(weights: Tensor, x: Tensor) -> Tensor:
    """weights[0] * x + weights[1]."""
    return weights[0] * x + weights[1]


def distance(a: Tensor, b: Tensor) -> Tensor:
    """The Wasserstein distance of two samples (N,) of numbers, exactly: sort both, first to first."""
    return (a.sort().values - b.sort().values).abs().mean()


def two_lines(start: float, x: Tensor, y: Tensor, truth: Callable[[Tensor], Tensor], steps: int = 200) -> dict:
    """Learn G(x) and F(y), two lines that begin with slope `start`, from unpaired x and y (N,): cycle and distances.

    truth: the right G, for the error alone. Returns slope (of G), cycle, distances and error (mean absolute).
    """
    g, f = (torch.tensor([start, 0.5], requires_grad=True) for _ in range(2))

    def cycle() -> Tensor:
        return consistency.cycle(line(f, line(g, x)), x) + consistency.cycle(line(g, line(f, y)), y)

    def distances() -> Tensor:
        return distance(line(g, x), y) + distance(line(f, y), x)

    descend([g, f], lambda: cycle() + distances(), steps, 0.02)
    error = (line(g, x) - truth(x)).abs().mean()
    values = {"slope": g[0], "cycle": cycle(), "distances": distances(), "error": error}
    return {name: float(value.detach()) for name, value in values.items()}
