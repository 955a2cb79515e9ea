"""Pictures of the chapter on adversarial translation: what a pixel may be, and the hills that critics build."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from medsyn_core.figures import style

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@style.styled
def answers(groups: Mapping[str, np.ndarray], *, xlabel: str, marks: Mapping[str, float], bins: int = 40) -> Figure:
    """A stacked histogram of the values that occur, and the single values that some loss would answer.

    groups: name -> values (any number); marks: name -> where a vertical line stands.
    """
    fig = style.figure(6.6, 3.0)
    ax = fig.subplots()
    colours = style.colours(groups)
    ax.hist(list(groups.values()), bins=bins, stacked=True, label=list(groups), color=list(colours.values()))
    for (name, place), dashes in zip(marks.items(), ("-", "--", ":", "-."), strict=False):
        ax.axvline(place, color="black", linestyle=dashes, linewidth=1.6, label=name)
    ax.set(xlabel=xlabel, ylabel="pixels")
    ax.legend(loc="upper left", bbox_to_anchor=(0, -0.2), ncols=3, borderaxespad=0.2)
    return fig


@style.styled
def hills(
    place: np.ndarray, heights: Mapping[str, np.ndarray], real: np.ndarray, fake: np.ndarray, top: float
) -> Figure:
    """What a generator must roll down on a line: one curve a critic, each 0 at the mean of the real samples.

    place: (K,); heights: name -> (K,) what the generator minimises; real, fake: (S,) samples, drawn as ticks below;
    top: upper end of the y axis, so that a hill that grows without bound does not hide the others.
    """
    fig = style.figure(6.6, 3.2)
    ax = fig.subplots()
    for name, colour in style.colours(heights).items():
        height = np.asarray(heights[name], float)
        ax.plot(place, height - np.interp(np.mean(real), place, height), color=colour, label=name)
    bottom = -0.2 * top
    for samples, colour, name in ((real, style.GREEN, "real"), (fake, style.ORANGE, "synthetic")):
        ax.plot(samples, np.full(len(samples), 0.7 * bottom), "|", color=colour, markersize=12)
        ax.annotate(name, (float(np.mean(samples)), 0.4 * bottom), ha="center", va="bottom", fontsize=10)
    ax.set(xlabel="value of the only pixel", ylabel="what G lowers", ylim=(bottom, top), xlim=(place[0], place[-1]))
    ax.legend(loc="upper left", bbox_to_anchor=(0, -0.2), ncols=3, borderaxespad=0.2)
    return fig
