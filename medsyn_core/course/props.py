"""Things that a check hands to a student's function and that cannot be sent as tensors: small networks, traces.

A check names one with `Prop("critic", seed=1)`; it is built in the student's process. Settings that are tensors count
as inputs of the student's function: gradients with respect to them come back under their names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from medsyn_core.course.parts import Wrong
from medsyn_core.methods import d2net, dual_d
from medsyn_core.training import Recipe, Trace


@dataclass(frozen=True)
class Prop:
    """What is to be built: a name of PROPS and its settings. called: under what name `Answer.moved` lists the network
    (default: the prop's own); needed where a check hands over two of a kind."""

    name: str
    settings: dict[str, Any]
    called: str

    def __init__(self, name: str, *, called: str = "", **settings: Any):
        if name not in PROPS:
            raise ValueError(f"there is no prop {name!r}; those that exist: {', '.join(PROPS)}.")
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "settings", settings)
        object.__setattr__(self, "called", called or name)


class SmallCritic(nn.Module):
    """A smooth critic of whole images, (B, C, H, W) -> (B, 1); no sample sees another."""

    def __init__(self, channels: int = 1, width: int = 4):
        super().__init__()
        self.first = nn.Conv2d(channels, width, 3, padding=1)
        self.second = nn.Linear(width, 1)

    def forward(self, images: Tensor) -> Tensor:
        return self.second(self.first(images).tanh().square().mean((2, 3)))  # (B, width, H, W) -> (B, 1)


class SmallTranslator(nn.Module):
    """A network from image to image, (B, C, H, W) -> (B, C, H, W)."""

    def __init__(self, channels: int = 1, width: int = 4):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(channels, width, 3, padding=1), nn.Tanh(), nn.Conv2d(width, channels, 3, padding=1)
        )

    def forward(self, images: Tensor) -> Tensor:
        return self.layers(images)


def _seeded(kind: Callable[..., nn.Module]) -> Callable[..., nn.Module]:
    """A builder that draws the weights from `seed` and leaves the student's random numbers alone."""

    def make(seed: int = 0, **settings: Any) -> nn.Module:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return kind(**settings)

    return make


def make_bowl(scale: Tensor) -> Callable[[Tensor], Tensor]:
    """A critic whose slope is known: (B, C, H, W) -> (B, 1), half the sum of scale x^2; scale: fits (C, H, W)."""
    return lambda images: (scale * images.square()).flatten(1).sum(1, keepdim=True) / 2


def make_judge(slope: float = 1.0, level: float = 0.0) -> nn.Module:
    """A local discriminator that looks at one pixel at a time: (B, 1, H, W) -> logits slope x + level, both trained."""
    judge = nn.Conv2d(1, 1, 1)
    nn.init.constant_(judge.weight, slope)
    nn.init.constant_(judge.bias, level)
    return judge


def make_trace(**given: Any) -> Trace:
    """A trace that holds these tensors, and whatever else a check puts in, by name."""
    return Trace({}, None, given)


@dataclass(frozen=True)
class OpenRecipe(Recipe, Mapping):
    """A recipe whose table can be sent: name of a term -> its weight, its player, and its value on `record`, which is
    None where the weight is 0. Its edits are open recipes too."""

    record: Trace | None = None

    def __iter__(self) -> Iterator[str]:
        return iter(self.losses)

    def __len__(self) -> int:
        return len(self.losses)

    def __getitem__(self, name: str) -> dict[str, Any]:
        term = self.losses[name]
        return {"weight": term.weight, "player": term.player, "value": term(self.record) if term.weight else None}


def plain_recipe() -> Recipe:
    """Dual-D's smallest generator with L1 alone: no critics, no attention."""
    return dual_d.recipe("smoke").edit(**dual_d.WITHOUT_GLOBAL, **dual_d.WITHOUT_LOCAL, **dual_d.WITHOUT_ATTENTION)


def make_recipe(**given: Any) -> OpenRecipe:
    """`plain_recipe`, with a record of one step that holds these tensors (source, translated, target, brain)."""
    plain = plain_recipe()
    record = dual_d.DualDTrace({}, plain.method, given)
    return OpenRecipe(plain.method, plain.losses, plain.players, plain.training, record)


METHODS = {"dual_d": dual_d, "d2net": d2net}


class Player(nn.ModuleDict):
    """All networks of one player of a method, at the sizes of the smoke profile and for images of 16 pixels."""

    def __init__(self, method: str, player: str):
        recipe = METHODS[method].recipe("smoke")
        names = next(p.networks for p in recipe.players if p.name == player)
        drawn = recipe.method.networks({"target": torch.zeros(1, 1, 16, 16)})
        super().__init__({name: drawn[name] for name in names})


def make_step(method: str, given: dict[str, Tensor], put: dict[str, Tensor], **players: Player) -> Trace:
    """One step of a method with these players' networks on a batch. put: entries that are not computed but given, by
    name ("translated"), or a field of one ("modality.codes"). Raises Wrong for an entry that does not exist."""
    networks = {name: network for player in players.values() for name, network in player.items()}
    trace = METHODS[method].recipe("smoke").method.trace(networks, given)
    for path, new in put.items():
        name, _, part = path.partition(".")
        if name not in trace.names():
            raise Wrong(f"the trace of {method} has no {name!r}; it has: {', '.join(trace.names())}")
        if part and part not in (fields := getattr(getattr(trace, name), "_fields", ())):
            raise Wrong(f"{name!r} of the trace has no {part!r}; it has: {', '.join(fields) or 'no parts'}")
        setattr(trace, name, getattr(trace, name)._replace(**{part: new}) if part else new)
    return trace


PROPS: dict[str, Callable[..., Any]] = {
    "bowl": make_bowl,
    "critic": _seeded(SmallCritic),
    "judge": make_judge,
    "player": _seeded(Player),
    "recipe": make_recipe,
    "step": make_step,
    "translator": _seeded(SmallTranslator),
    "trace": make_trace,
}
