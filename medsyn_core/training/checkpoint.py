"""Checkpoints: the whole state of a run in one file that is replaced in one step and loaded without running
code."""

from __future__ import annotations

import io
import pickle
from pathlib import Path

import torch

from medsyn_core.files import atomic

NAME = "checkpoint.pt"


class CheckpointError(ValueError):
    """A folder holds a checkpoint that this run cannot continue from."""


def save(folder: Path, state: dict) -> None:
    """Write `state` (tensors, numbers, strings, lists and dicts of them) into folder/checkpoint.pt, atomically."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    with atomic(folder / NAME) as part:
        part.write_bytes(buffer.getvalue())


def load(folder: Path, **expected: object) -> dict | None:
    """The state saved in `folder`, None if there is none.

    expected: entries that must agree with the saved ones (recipe, data, seed). Raises CheckpointError if one differs
    or the file cannot be read.
    """
    path = folder / NAME
    if not path.exists():
        return None
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, OSError, ValueError, pickle.UnpicklingError) as error:
        raise CheckpointError(f"{path} cannot be read ({error}); delete it to start this run again") from error
    for name, value in expected.items():
        if state.get(name) != value:
            raise CheckpointError(
                f"{path} belongs to another run: its {name} is {state.get(name)!r}, this run's is {value!r}; "
                "choose another folder, or delete the file to start again"
            )
    return state
