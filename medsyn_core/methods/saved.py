"""Trained models on disk: `run.save(path)` writes one, `load(path)` brings it back without its recipe or data."""

from __future__ import annotations

import json
from pathlib import Path

from torch import nn

from medsyn_core.methods import d2net, dual_d, hifi_syn, utad
from medsyn_core.training import Method

METHODS: dict[str, type[Method]] = {
    kind.name: kind for kind in (d2net.D2Net, dual_d.DualD, hifi_syn.HiFiSyn, utad.Teacher, utad.Student)
}


class SavedModelError(ValueError):
    """A file does not hold a model of this package, or one that its code can no longer build."""


def load(path: str | Path) -> nn.Module:
    """The model of a trained run, on the CPU in evaluation mode: what `run.model` was when it was saved.

    Its `prepared` are the settings of the cohort that it was trained on, None in a file that does not say.
    Raises FileNotFoundError, or SavedModelError for a file that is damaged or was not written by `run.save`, and where
    the weights do not fit the method any more.
    """
    from safetensors import SafetensorError, safe_open

    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no model {path}; write one with run.save({str(path)!r}).")
    try:
        with safe_open(path, framework="pt") as file:
            about = (file.metadata() or {}).get("medsyn")
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
    except SafetensorError as error:
        raise SavedModelError(f"{path} is no whole safetensors file ({error}); save the model again.") from error
    try:
        about = json.loads(about)
        name, settings = about["name"], about["settings"]
        kind = METHODS[name]
    except (TypeError, KeyError, json.JSONDecodeError) as error:
        raise SavedModelError(
            f"{path} was not written by run.save(); it holds {len(weights)} tensors of unknown use."
        ) from error
    try:
        settings = {k: tuple(v) if isinstance(v, list) else v for k, v in settings.items() if k != "name"}
        model = kind(**settings).untrained_model()
        model.load_state_dict(weights)
    except (TypeError, AttributeError, ValueError, RuntimeError) as error:
        raise SavedModelError(f"{path} does not fit {name} of this version: {error}") from error
    model.prepared = about.get("cohort")
    return model.eval()
