"""Lines over training steps with their spread over seeds, and dots for one score of many rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import TYPE_CHECKING

import numpy as np

from medsyn_core.figures import style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DASHES = ("-", (0, (5, 1.5)), (0, (1.5, 1.2)), (0, (7, 1.5, 1.5, 1.5)))
"""Of lines in turn: where two lie on each other both are seen, and a reader who sees no colours can tell them apart."""


def smoothed(values: np.ndarray, window: int) -> np.ndarray:
    """Mean over the last `window` values at each point, along the last axis; the beginning averages what there is."""
    values = np.asarray(values, float)
    total = np.cumsum(values, axis=-1)
    total[..., window:] = total[..., window:] - total[..., :-window].copy()
    count = np.minimum(np.arange(1, values.shape[-1] + 1), window)
    return total / count


@style.styled
def curves(
    series: Mapping[str, np.ndarray],
    *,
    ylabel: str,
    xlabel: str = "step",
    steps: Sequence[float] | None = None,
    smooth: int = 1,
    zero: bool = False,
    size: tuple[float, float] = (6.0, 3.2),
) -> Figure:
    """One line for each entry: values (S,) of one run, or (K, S) of K seeds, drawn as mean and band of one
    standard deviation (K - 1 in the denominator).

    steps: the S places on the x axis (default 1 ... S); smooth: width of the running mean; zero: whether the y
    axis starts at 0.
    """
    fig = style.figure(*size)
    ax = fig.subplots()
    for (name, colour), dashes in zip(style.colours(series).items(), cycle(DASHES)):
        runs = smoothed(np.atleast_2d(np.asarray(series[name], float)), smooth)  # (K, S)
        x = np.arange(1, runs.shape[1] + 1) if steps is None else np.asarray(steps)
        if len(x) != runs.shape[1]:
            raise ValueError(f"{name!r} has {runs.shape[1]} values for {len(x)} steps.")
        mean = runs.mean(axis=0)
        ax.plot(x, mean, color=colour, linestyle=dashes, label=name)
        if len(runs) > 1:
            spread = runs.std(axis=0, ddof=1)
            ax.fill_between(x, mean - spread, mean + spread, color=colour, alpha=0.18, linewidth=0)
    ax.set(xlabel=xlabel, ylabel=ylabel)
    ax.margins(x=0.02)
    if zero:
        ax.set_ylim(bottom=0)
    if len(series) > 1:
        style.legend_below(ax)
    return fig


@style.styled
def dots(
    rows: Mapping[str, Sequence[float]],
    *,
    xlabel: str,
    reference: tuple[str, float] | None = None,
    width: float = 6.0,
) -> Figure:
    """One line for each row: a dot a seed, a bar at their mean; reference: (label, value) drawn as a vertical line."""
    fig = style.figure(width, 0.8 + 0.36 * len(rows))
    ax = fig.subplots()
    for place, (name, colour) in enumerate(style.colours(rows).items()):
        values = np.asarray(rows[name], float)
        ax.plot(values, np.full(len(values), place), "o", color=colour, alpha=0.55, markeredgewidth=0)
        ax.plot([values.mean()] * 2, [place - 0.28, place + 0.28], color=colour, linewidth=3)
    if reference:
        ax.axvline(reference[1], color=style.GREY, linestyle="--", linewidth=1.2)
        ax.annotate(
            reference[0], (reference[1], -0.55), xytext=(4, 0), textcoords="offset points", color=style.GREY, va="top"
        )
    ax.set(xlabel=xlabel, yticks=range(len(rows)), yticklabels=list(rows), ylim=(len(rows) - 0.4, -0.9))
    ax.grid(axis="y", visible=False)
    return fig
