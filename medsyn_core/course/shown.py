"""What a probe's training gave, as a reader sees it: curves, images, numbers."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from medsyn_core.figures import Picture, Table, curves, listing, panels


def pictures(result: Mapping[str, Tensor | float]) -> list[Picture]:
    """A picture for each group of curves (N,) and of images (H, W).

    A name "what, which" puts a tensor into the group "what" under the label "which"; the images of a group share grey
    values, from its smallest to its largest.
    """
    found = []
    for ndim, draw in ((1, _curves), (2, _images)):
        for what, group in _groups(result, ndim).items():
            found.append(draw(what, group))
    return found


def rows(result: Mapping[str, Tensor | float]) -> list[Table]:
    """A table of the numbers, if there are any."""
    numbers = {name: float(value) for name, value in result.items() if _ndim(value) == 0}
    lines = [{"what": name, "value": f"{value:.4g}"} for name, value in numbers.items()]
    return [listing(lines, {"what": "measured", "value": "value"}, "lr")] if lines else []


def _ndim(value: Tensor | float) -> int:
    return value.ndim if isinstance(value, Tensor) else 0


def _groups(result: Mapping[str, Tensor | float], ndim: int) -> dict[str, dict[str, Tensor]]:
    groups: dict[str, dict[str, Tensor]] = {}
    for name, value in result.items():
        if _ndim(value) == ndim:
            what, _, which = name.partition(", ")
            groups.setdefault(what, {})[which or what] = value.detach().float()
    return groups


def _curves(what: str, group: Mapping[str, Tensor]) -> Picture:
    ends = "; ".join(f"{name} goes from {float(v[0]):.3g} to {float(v[-1]):.3g}" for name, v in group.items())
    series = {name: values.nan_to_num().numpy() for name, values in group.items()}
    return Picture(curves(series, ylabel=what), alt=f"Curves over training steps of {what}: {ends}", caption=None)


def _images(what: str, group: Mapping[str, Tensor]) -> Picture:
    low, high = (float(f(torch.stack([f(v) for v in group.values()]))) for f in (torch.min, torch.max))
    images = {name: values[None].numpy() for name, values in group.items()}  # (1, H, W): one row
    means = "; ".join(f"{name} has mean {float(v.mean()):.3g}" for name, v in group.items())
    fig = panels(images, [""], limits=(low, max(high, low + 1e-6)), cell=1.6)
    return Picture(fig, alt=f"Images of {what} side by side: {means}", caption=what)
