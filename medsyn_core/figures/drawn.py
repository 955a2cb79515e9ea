"""Pieces of diagrams whose every place is known in inches."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from medsyn_core.figures import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Point = tuple[float, float]


def sheet(width: float, height: float) -> Figure:
    """An empty figure of width x height inches that nothing moves on."""
    fig = style.figure(width, height)
    fig.set_layout_engine("none")
    return fig


def bare(ax: Axes) -> Axes:
    """Axes of an image: no ticks, no border, no grid."""
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    ax.grid(False)
    return ax


def place(fig: Figure, left: float, bottom: float, width: float, height: float) -> Axes:
    """Bare axes at a place given in inches from the lower left corner."""
    across, up = fig.get_size_inches()
    return bare(fig.add_axes((left / across, bottom / up, width / across, height / up)))


def frame(ax: Axes, colour: str, width: float = 2) -> None:
    """A border round axes."""
    ax.spines[:].set(visible=True, color=colour, linewidth=width)


def line(fig: Figure, start: Point, end: Point, **how: object) -> None:
    """An arrow between two places given in inches; how: of matplotlib's FancyArrowPatch."""
    from matplotlib.patches import FancyArrowPatch

    ends = [np.array(point) / fig.get_size_inches() for point in (start, end)]
    how = {"arrowstyle": "->", "mutation_scale": 10, "shrinkA": 0, "shrinkB": 0} | how
    fig.add_artist(FancyArrowPatch(*ends, transform=fig.transFigure, **how))


def words(fig: Figure, left: float, bottom: float, text: str, **how: object) -> None:
    """Words at a place given in inches; how: of matplotlib's Text."""
    across, up = fig.get_size_inches()
    fig.text(left / across, bottom / up, text, **{"ha": "center", "fontsize": 9} | how)


def as_colours(*features: Tensor) -> list[np.ndarray]:
    """Vectors (..., C) as colours (..., 3) in 0 … 1: their three main axes, the same for all of them, so that what is
    alike looks alike. Each axis runs from the 2nd to the 98th percentile."""
    everything = torch.cat([f.reshape(-1, f.shape[-1]) for f in features]).double()  # (N, C)
    centre = everything.mean(dim=0)
    axes = torch.linalg.svd(everything - centre, full_matrices=False).Vh[:3].T  # (C, 3)
    low, high = torch.quantile((everything - centre) @ axes, torch.tensor([0.02, 0.98]).to(everything), dim=0)
    place = lambda f: ((f.double() - centre) @ axes - low) / (high - low).clamp_min(1e-12)
    return [place(f).clamp(0, 1).numpy() for f in features]
