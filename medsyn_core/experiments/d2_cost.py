"""What D²-Net costs: parameters, and floating-point operations as PyTorch counts them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.utils.flop_counter import FlopCounterMode

from medsyn_core.methods.d2net_step import D2Trace
from medsyn_core.training import Recipe


@dataclass(frozen=True)
class Cost:
    """patch: voxels a side; parameters, operations: of the way to the student's answer; trained: parameters of all
    networks; step: operations of one step of training. Operations are for one block with all modalities there, of
    convolutions and matrix products; a multiplication and an addition are two of them."""

    patch: int
    parameters: int
    operations: int
    trained: int
    step: int


def of_answer(recipe: Recipe) -> tuple[int, int]:
    """(parameters, operations) of one answer of the model that is used once training is over; nothing is computed."""
    model = recipe.method.untrained_model().to("meta")
    with FlopCounterMode(display=False) as counter, torch.no_grad():  # no graph is needed to count
        model(*_block(recipe, torch.device("meta")).values())
    return _count(model), counter.get_total_flops()


def of_recipe(recipe: Recipe) -> Cost:
    """All of it. The step of training is computed once, on a GPU where there is one: which modalities are there has to
    be looked up, so shapes alone would not do."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    networks = {name: network.to(device) for name, network in recipe.method.networks({}).items()}
    block = _block(recipe, device)
    labels = torch.zeros(block["images"].shape[:1] + block["images"].shape[2:], dtype=torch.long, device=device)
    trace = D2Trace(networks, recipe.method, block | {"labels": labels})
    with FlopCounterMode(display=False) as counter:
        parts = recipe.losses.parts(trace, recipe.players[0].name)
        recipe.losses.total(parts).backward()
    return Cost(recipe.method.patch, *of_answer(recipe), sum(map(_count, networks.values())), counter.get_total_flops())


def _block(recipe: Recipe, device: torch.device) -> dict[str, torch.Tensor]:
    many, side = len(recipe.method.modalities), recipe.method.patch
    images = torch.ones(1, many, side, side, side, device=device)
    return {"images": images, "present": torch.ones(1, many, device=device)}


def _count(network: torch.nn.Module) -> int:
    return sum(weights.numel() for weights in network.parameters())
