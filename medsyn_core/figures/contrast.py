"""How a tissue's brightness follows from a scanner's timings: an image beside the signals it is painted with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from medsyn_core.figures import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = {"CSF": style.SKY, "GM": style.GREY, "WM": style.ORANGE, "oedema": style.GREEN, "tumour": style.VERMILION}


def _image_and_axes(image: np.ndarray, title: str, brightest: float) -> tuple[Figure, Axes]:
    fig = style.figure(6.6, 3.1)
    left, right = fig.subplots(1, 2, width_ratios=(1, 1.15))
    left.imshow(image, cmap="gray", vmin=0, vmax=brightest)
    left.set(xticks=[], yticks=[], title=title)
    left.spines[:].set_visible(False)
    return fig, right


@style.styled
def signal_bars(image: np.ndarray, signals: Mapping[str, float], title: str) -> Figure:
    """An image (H, W) and one bar a tissue, both relative to the strongest of `signals`, as a viewer would show it."""
    strongest = max(signals.values())
    fig, ax = _image_and_axes(image / strongest, title, 1.0)
    names = list(signals)
    ax.barh(names, [signals[n] / strongest for n in names], color=[COLOURS.get(n, style.BLUE) for n in names])
    ax.set(xlim=(0, 1.18), xlabel="signal, brightest tissue = 1")
    for place, name in enumerate(names):
        ax.text(signals[name] / strongest + 0.02, place, f"{signals[name] / strongest:.2f}", va="center", fontsize=10)
    ax.invert_yaxis()
    ax.grid(axis="y", visible=False)
    return fig


@style.styled
def recovery(
    image: np.ndarray, lines: Mapping[str, np.ndarray], times: Sequence[float], now: float, title: str, brightest: float
) -> Figure:
    """An image (H, W) acquired at time `now` and the signed magnetisation of each tissue, (S,) at `times` in ms."""
    fig, ax = _image_and_axes(image, title, brightest)
    for name, values in lines.items():
        ax.plot(times, values, color=COLOURS.get(name, style.BLUE), label=name)
    ax.axhline(0, color="black", linewidth=1)
    ax.axvline(now, color="black", linestyle="--", linewidth=1.2)
    ax.set(xlabel="inversion time TI (ms)", ylabel="magnetisation", ylim=(-1.05, 1.05))
    ax.legend(loc="lower right", fontsize=10)
    return fig


@style.styled
def scatter(points: Mapping[str, tuple[np.ndarray, np.ndarray]], xlabel: str, ylabel: str) -> Figure:
    """One dot a subject, one colour a name: name -> (x, y), both (subjects,); the x axis is logarithmic above 10."""
    fig = style.figure(6.6, 3.2)
    ax = fig.subplots()
    for name, colour in style.colours(points).items():
        ax.plot(*points[name], "o", color=colour, alpha=0.6, markeredgewidth=0, label=name)
    ax.set_xscale("symlog", linthresh=10)
    ax.set(xlabel=xlabel, ylabel=ylabel, xlim=(-0.5, None))
    ax.legend(loc="lower left")
    return fig
