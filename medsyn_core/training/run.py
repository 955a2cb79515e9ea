"""A run: what `fit` gives back."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from medsyn_core.training.history import History
from medsyn_core.training.recipe import Recipe
from medsyn_core.training.table import LossTable


@dataclass(frozen=True)
class Watch:
    """A look into a run: `fn(step, run)` is called before each step that is in `steps`; the number of steps
    itself is the end."""

    steps: Collection[int]
    fn: Callable[[int, Run], Any]


@dataclass
class Run:
    """A trained recipe.

    networks: by name, in evaluation mode; history: loss values by step; device, precision: what it ran on;
    seconds: wall time of the training; peak_mb: peak memory (of the process on a CPU, of the tensors on a GPU),
    None if unknown.
    """

    recipe: Recipe
    cohort: Any
    seed: int
    networks: Mapping[str, nn.Module]
    history: History
    device: str
    precision: str
    peak_mb: float | None = None

    @property
    def seconds(self) -> float:
        """Wall time spent training, in seconds."""
        return self.history.seconds

    @property
    def losses(self) -> LossTable:
        """The loss table with the last values of this run (means over its last 20 steps)."""
        return replace(self.recipe.losses, values=self.history.last())

    @property
    def model(self) -> nn.Module:
        """The network to use: the generator, in evaluation mode."""
        return self.recipe.method.model(self.networks)

    @torch.no_grad()  # use, not training: no graph is kept
    def translate(self, source: Tensor, batch_size: int = 32) -> Tensor:
        """The model's answer for images (N, C, H, W), on the CPU, `batch_size` at a time."""
        device = next(self.model.parameters()).device
        parts = [self.model(part.to(device)).float().cpu() for part in source.split(batch_size)]
        return torch.cat(parts)  # (N, C', H, W)

    @cached_property
    def metrics(self) -> list[dict]:
        """One dict a test subject and direction, computed when first asked for."""
        return self.recipe.method.evaluate(self.networks, self.cohort.subset("test"))
