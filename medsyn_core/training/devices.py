"""Where a run runs: one device, or the processes that torchrun or SLURM started, through Lightning Fabric."""

from __future__ import annotations

import logging
import os
import sys
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from lightning_fabric import Fabric

PRECISIONS = ("auto", "32-true", "bf16-mixed", "16-mixed")


def launch(device: str = "auto", precision: str = "32-true") -> Fabric:
    """A launched Fabric. Under torchrun or SLURM it joins their processes, else it is one process.

    device: "auto", "cpu", "cuda" or "mps"; precision: one of PRECISIONS, "auto" is bf16-mixed where the device computes
    in bfloat16 and 32-true elsewhere. Raises ValueError for others, naming these.
    """
    if device not in ("auto", "cpu", "cuda", "mps"):
        raise ValueError(f"device={device!r}; choose auto, cpu, cuda or mps")
    if precision not in PRECISIONS:
        raise ValueError(f"precision={precision!r}; choose one of: {', '.join(PRECISIONS)}")
    if device == "cuda" and not torch.cuda.is_available():
        raise ValueError(
            'device="cuda", but torch sees no CUDA device; use device="cpu" or install a CUDA build of torch'
        )
    device = _present() if device == "auto" else device
    if precision == "auto":
        precision = "bf16-mixed" if knows_bf16(device) else "32-true"
    from lightning_fabric import Fabric  # slow to import: only those who train pay

    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # it names the precision on stderr, at every fit
    per_node, nodes = _started_processes()
    fabric = Fabric(
        accelerator=device,
        devices=per_node if per_node * nodes > 1 else 1,
        num_nodes=nodes,
        strategy="ddp" if per_node * nodes > 1 else "auto",
        precision=precision,
    )
    fabric.launch()
    return fabric


def _present() -> str:
    """The fastest kind of device here."""
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def knows_bf16(device: str) -> bool:
    """Whether a "cuda" or "cpu" device has instructions for bfloat16. Others emulate it: with AVX2 alone, a step of
    UTAD-Net takes more than ten times as long as in float32.
    """
    if device == "cuda":
        return torch.cuda.get_device_capability() >= (8, 0)  # Ampere
    return device == "cpu" and torch.backends.mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported()


def _started_processes() -> tuple[int, int]:
    """(processes a node, nodes) as torchrun or SLURM announce them in the environment; (1, 1) without either."""
    number = lambda name, default=1: int(os.environ.get(name, default))
    if "TORCHELASTIC_RUN_ID" in os.environ:
        local = number("LOCAL_WORLD_SIZE")
        return local, max(number("WORLD_SIZE") // local, 1)
    if "SLURM_NTASKS" in os.environ and "SLURM_PROCID" in os.environ and number("SLURM_NTASKS") > 1:
        nodes = number("SLURM_NNODES")
        return number("SLURM_NTASKS") // nodes, nodes
    return 1, 1


def average(fabric: Fabric, values: torch.Tensor) -> torch.Tensor:
    """The mean of a tensor over processes; one process has nobody to ask."""
    return values if fabric.world_size == 1 else fabric.all_reduce(values, reduce_op="mean")


def gather(fabric: Fabric, values: torch.Tensor) -> torch.Tensor:
    """(B, ...) of every process, one after the other: the whole batch's values, (B * processes, ...)."""
    return values if fabric.world_size == 1 else fabric.all_gather(values).flatten(0, 1)


def average_gradients(fabric: Fabric, parameters: list[torch.nn.Parameter]) -> None:
    """Replace each gradient by its mean over processes, in one message.

    By hand instead of a DistributedDataParallel wrapper: a gradient penalty differentiates twice through a critic
    that one step calls several times, which the wrapper's bookkeeping does not allow for.
    """
    if fabric.world_size == 1:
        return
    used = [p for p in parameters if p.grad is not None]
    flat = average(fabric, torch.cat([p.grad.reshape(-1) for p in used]))
    for p, part in zip(used, flat.split([p.numel() for p in used]), strict=True):
        p.grad.copy_(part.view_as(p))


def reset_peak_memory(device: torch.device) -> None:
    """Begin counting anew where that is possible: on a CUDA device. A process's own peak cannot be reset."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)


def peak_memory_mb(device: torch.device) -> float | None:
    """Peak memory so far in MiB: of the tensors on a CUDA device, of the whole process elsewhere; None where
    unknown."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    if sys.platform == "win32":
        return None
    import resource

    unit = 2**20 if sys.platform == "darwin" else 2**10  # bytes there, KiB on Linux
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
