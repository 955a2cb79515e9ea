"""A run: what `fit` gives back."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from medsyn_core.files import atomic
from medsyn_core.training.history import History
from medsyn_core.training.recipe import Recipe
from medsyn_core.training.table import LossTable


def in_parts(model: nn.Module, batch_size: int, *inputs: Tensor) -> Tensor:
    """`model(*inputs)` computed `batch_size` samples at a time on the model's device, float32 on the CPU.

    inputs: tensors (N, ...) of one length. Gradients are the caller's affair.
    """
    device = next(model.parameters()).device
    parts = zip(*(x.split(batch_size) for x in inputs), strict=True)
    return torch.cat([model(*(x.to(device) for x in part)).float().cpu() for part in parts])


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
        """The network to use, in evaluation mode: the generator, or the average of its weights."""
        return self.recipe.method.model(self.networks)

    @torch.no_grad()  # use, not training: no graph is kept
    def translate(self, source: Tensor, batch_size: int = 32) -> Tensor:
        """The answer of a model that takes images (N, C, H, W) alone, on the CPU, `batch_size` at a time."""
        return in_parts(self.model, batch_size, source)

    def save(self, path: str | Path) -> Path:
        """Write the model's weights with the settings of the method and of the cohort into one .safetensors file,
        atomically; read it with `medsyn_core.methods.load(path)`."""
        from safetensors.torch import save_file

        method = {"name": self.recipe.method.name, "settings": self.recipe.config()["method"]}
        method["cohort"] = getattr(self.cohort, "settings", None)  # how images for the model have to be prepared
        weights = {name: value.detach().cpu().contiguous() for name, value in self.model.state_dict().items()}
        with atomic(path) as part:
            save_file(weights, part, metadata={"medsyn": json.dumps(method)})
        return Path(path)

    @cached_property
    def metrics(self) -> list[dict]:
        """One dict a test subject and direction, computed when first asked for."""
        return self.recipe.method.evaluate(self.networks, self.cohort.subset("test"))
