"""The loop: players take turns, each lowering the total of its own loss terms."""

from __future__ import annotations

import math
import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from medsyn_core.progress import quiet
from medsyn_core.training import checkpoint
from medsyn_core.training.devices import average, average_gradients, gather, launch, peak_memory_mb, reset_peak_memory
from medsyn_core.training.history import History
from medsyn_core.training.recipe import Player, Recipe
from medsyn_core.training.run import Run, Watch
from medsyn_core.training.sampler import Sampler, draws_generator, torch_seed
from medsyn_core.training.table import LossError

if TYPE_CHECKING:
    from lightning_fabric import Fabric


def fit(
    recipe: Recipe,
    cohort: Any,
    seed: int = 0,
    *,
    folder: str | Path | None = None,
    device: str = "auto",
    precision: str = "32-true",
    progress: bool | None = None,
    watch: Watch | None = None,
    checkpoint_every: int = 200,
) -> Run:
    """Train a recipe on a cohort's training subset.

    seed: fixes initial weights, order of samples and random draws (on a CPU, to the bit); folder: where checkpoints
    go, None for none: a run that finds its own checkpoint there continues from it; device, precision: see
    `devices.launch`; progress: a bar with running values, by default unless MEDSYN_PROGRESS=0; watch: a callback at
    chosen steps.

    Raises CheckpointError if `folder` holds another run's checkpoint, even if only the weights of a network that nobody
    moves differ (a frozen teacher's). Raises LossError at the first loss or gradient that is not finite, naming term
    and step; the last checkpoint in `folder` stays, so the run can be resumed from there once the term is mended.
    """
    folder = None if folder is None else Path(folder)
    fabric = launch(device, precision)
    with ExitStack() as stack:
        if folder is not None and fabric.is_global_zero:
            stack.enter_context(_only_run_in(folder))
        stack.enter_context(
            torch.random.fork_rng(devices=_cuda_devices(fabric))
        )  # the caller's random numbers stay theirs
        loop = _Loop(recipe, cohort, seed, fabric, folder)
        if progress is None:
            progress = not quiet()
        loop.train(progress and fabric.is_global_zero, watch, checkpoint_every)
        return loop.run


def _only_run_in(folder: Path) -> Any:
    from filelock import FileLock, Timeout

    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / ".lock")
    try:
        return lock.acquire(timeout=0)
    except Timeout:
        raise checkpoint.CheckpointError(f"another run is writing to {folder}; give each run its own folder") from None


def _cuda_devices(fabric: Fabric) -> list[int]:
    return [fabric.device.index or 0] if fabric.device.type == "cuda" else []


def _laid_out(network: nn.Module, layout: torch.memory_format) -> nn.Module:
    """The network with its weights in that layout, as far as it exists for them: a 3D one may hold 2D parts."""
    axes = {torch.channels_last: 4, torch.channels_last_3d: 5}.get(layout)
    for weights in network.parameters():
        if axes in (None, weights.ndim):
            weights.data = weights.data.contiguous(memory_format=layout)
    return network


def _equal(saved: dict[str, Tensor], own: dict[str, Tensor]) -> bool:
    """Whether a saved network is this one, to the bit."""
    return saved.keys() == own.keys() and all(torch.equal(saved[key], own[key].cpu()) for key in own)


class _Loop:
    """The state of one run, and how a step changes it."""

    def __init__(self, recipe: Recipe, cohort: Any, seed: int, fabric: Fabric, folder: Path | None):
        self.recipe, self.fabric, self.folder, self.seed = recipe, fabric, folder, seed
        reset_peak_memory(fabric.device)
        self.view = recipe.method.view(cohort.subset("train"))
        size = recipe.training.batch_size
        if size % fabric.world_size:
            raise ValueError(f"batch_size={size} cannot be shared evenly by {fabric.world_size} processes")
        self.sampler = Sampler(len(self.view), size, seed)
        torch.manual_seed(seed)  # initial weights; the same in every process
        self.networks = recipe.method.networks(self.view.batch(self.sampler(0)[:1]))
        for network in self.networks.values():
            fabric.to_device(_laid_out(network, recipe.method.memory_format))
        # Listed once: walking the module trees twice a turn would cost small networks more than their arithmetic.
        self.parts = {name: (list(net.parameters()), list(net.modules())) for name, net in self.networks.items()}
        self.players = [p for p in recipe.players if recipe.losses.active(p.name)]
        if not self.players:
            raise LossError("every loss term has weight 0, so there is nothing to train; give one a weight with edit()")
        self.optimizers = {p.name: self._optimizer(p) for p in self.players}
        # Idle players count too: a dropped term moves nobody's samples.
        self.turns_a_step = sum(p.updates for p in recipe.players)
        self.step, self.history = 0, History()
        precision = str(fabric.strategy.precision.precision)
        self.identity = {"config_hash": recipe.config_hash, "data_hash": cohort.identity, "seed": seed}
        self.identity["precision"] = precision
        self.run = Run(recipe, cohort, seed, self.networks, self.history, str(fabric.device.type), precision)
        self._resume()

    def _optimizer(self, player: Player) -> Any:
        adam = torch.optim.Adam(
            self.parameters(player), player.learning_rate, betas=player.betas, weight_decay=player.weight_decay
        )
        return self.fabric.setup_optimizers(adam)

    def parameters(self, player: Player) -> list[nn.Parameter]:
        return [p for name in player.networks for p in self.parts[name][0]]

    # -- the loop

    def train(self, progress: bool, watch: Watch | None, checkpoint_every: int) -> None:
        from tqdm.auto import tqdm

        steps = self.recipe.training.steps
        with tqdm(total=steps, initial=self.step, disable=not progress, desc=self.recipe.method.name) as bar:
            if self.step == 0:
                self._save()  # so that there is always a state to come back to
            while self.step < steps:
                self._look(watch)
                began = time.perf_counter()
                self._set_rates()
                values = self._one_step()
                self.history.record(self.step, values)
                self.history.seconds += time.perf_counter() - began
                self.step += 1
                bar.update()
                if progress and self.step % 10 == 0:
                    bar.set_postfix({k: f"{v:.3g}" for k, v in self.history.last(10).items()}, refresh=False)
                if self.step % checkpoint_every == 0 or self.step == steps:
                    self._save()
        self.run.peak_mb = peak_memory_mb(self.fabric.device)
        self._freeze(())  # which leaves every network in evaluation mode
        self._look(watch)

    def _one_step(self) -> dict[str, float]:
        values: dict[str, float] = {}
        turn = self.step * self.turns_a_step
        for player in self.recipe.players:
            for _ in range(player.updates):
                if player in self.players:
                    values |= self._take_turn(player, turn)
                turn += 1
        return values

    def _take_turn(self, player: Player, turn: int) -> dict[str, float]:
        """One update of one player: batch, trace, total, gradients, step. Returns its terms' values."""
        self._reseed(torch_seed(self.seed, turn, self.fabric.global_rank))
        self._freeze(player.networks)
        optimizer = self.optimizers[player.name]
        optimizer.zero_grad(set_to_none=True)
        with self.fabric.autocast():
            trace = self.recipe.method.trace(self.networks, self._batch(turn))
            parts = self.recipe.losses.parts(trace, player.name)
            total = self.recipe.losses.total(parts)
        values = self._finite(parts)
        if not total.requires_grad:
            raise LossError(f"the terms of the {player.name} ({', '.join(parts)}) depend on none of its networks")
        self.fabric.backward(total)
        average_gradients(self.fabric, self.parameters(player))
        self._finite_gradients(player, parts)
        if player.clip is not None:
            moved = nn.ModuleList(self.networks[name] for name in player.networks)
            self.fabric.clip_gradients(moved, optimizer, max_norm=player.clip, error_if_nonfinite=False)
        optimizer.step()
        self.recipe.method.after_turn(self.networks, trace, player.name, partial(gather, self.fabric))
        return values

    def _batch(self, turn: int) -> dict[str, Tensor]:
        """This process's share of the turn's batch and of its random draws, on the device."""
        size, world, rank = self.recipe.training.batch_size, self.fabric.world_size, self.fabric.global_rank
        mine = slice(rank * size // world, (rank + 1) * size // world)
        batch = self.view.batch(self.sampler(turn)[mine])
        draws = self.recipe.method.draws(size, draws_generator(self.seed, turn))
        batch |= {name: value[mine] for name, value in draws.items()}
        return {name: self.fabric.to_device(value) for name, value in batch.items()}

    def _freeze(self, moving: tuple[str, ...]) -> None:
        """Only moving networks collect gradients: the others are looked through, so no loss needs to detach them."""
        for name, (parameters, modules) in self.parts.items():
            moves = name in moving
            for parameter in parameters:
                parameter.requires_grad = moves
            for module in modules:
                vars(module)["training"] = moves  # a plain assignment would search the module's weights for the name

    def _reseed(self, seed: int) -> None:
        torch.default_generator.manual_seed(seed)  # torch.manual_seed would visit every kind of device there is
        if self.fabric.device.type in ("cuda", "mps"):
            getattr(torch, self.fabric.device.type).manual_seed(seed)

    def _set_rates(self) -> None:
        for player in self.players:
            for group in self.optimizers[player.name].param_groups:
                group["lr"] = player.learning_rate * self.recipe.training.rate(self.step)

    def _finite(self, parts: dict[str, Tensor]) -> dict[str, float]:
        """The terms' values as numbers, averaged over processes. Raises LossError at the first that is not finite."""
        stacked = average(self.fabric, torch.stack([v.detach().float() for v in parts.values()]))
        values = dict(zip(parts, stacked.tolist(), strict=True))
        for name, value in values.items():
            if not math.isfinite(value):
                raise LossError(f"the loss term {name!r} is {value} at step {self.step}{self._kept()}")
        return values

    def _finite_gradients(self, player: Player, parts: dict[str, Tensor]) -> None:
        """Raises LossError before a gradient that is not finite reaches the weights (a square root at 0, say).

        Not in 16-mixed: there the loss scaler meets infinite gradients by skipping the step, as it should.
        """
        if self.run.precision == "16-mixed":
            return
        gradients = [p.grad for p in self.parameters(player) if p.grad is not None]
        if not torch.stack(torch._foreach_norm(gradients)).isfinite().all():  # all norms in one call
            terms = ", ".join(parts)
            raise LossError(
                f"the gradient of the {player.name}'s total is not finite at step {self.step}, though its terms are "
                f"({terms}); one of them cannot be differentiated there{self._kept()}"
            )

    def _kept(self) -> str:
        return f"; the last checkpoint is in {self.folder}" if self.folder else ""

    def _look(self, watch: Watch | None) -> None:
        if watch is not None and self.step in watch.steps:
            for network in self.networks.values():
                network.eval()
            watch.fn(self.step, self.run)

    # -- checkpoints

    def _save(self) -> None:
        if self.folder is None or not self.fabric.is_global_zero:
            return
        state = {
            **self.identity,
            "step": self.step,
            "networks": {name: network.state_dict() for name, network in self.networks.items()},
            "optimizers": {name: optimizer.state_dict() for name, optimizer in self.optimizers.items()},
            "scaler": self.fabric.strategy.precision.state_dict(),  # of 16-mixed; else empty
            "history": {"steps": self.history.steps, "series": self.history.series, "seconds": self.history.seconds},
        }
        checkpoint.save(self.folder, state)

    def _resume(self) -> None:
        state = checkpoint.load(self.folder, **self.identity) if self.folder is not None else None
        if state is None:
            return
        moved = {name for player in self.recipe.players for name in player.networks}
        for name, network in self.networks.items():
            saved, own = state["networks"][name], network.state_dict()
            if name not in moved and not _equal(saved, own):
                raise checkpoint.CheckpointError(
                    f"{self.folder} belongs to a run with another frozen network {name!r}; give this run its own folder"
                )
            network.load_state_dict(saved)
        for name, optimizer in self.optimizers.items():
            optimizer.load_state_dict(state["optimizers"][name])
        self.fabric.strategy.precision.load_state_dict(state["scaler"])
        self.step = state["step"]
        self.history.steps, self.history.series = state["history"]["steps"], state["history"]["series"]
        self.history.seconds = state["history"]["seconds"]
