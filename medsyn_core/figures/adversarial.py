"""Pictures of the chapter on adversarial translation: what a pixel may be, and the hills that critics build."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from medsyn_core.evaluation import power_spectrum
from medsyn_core.figures import style
from medsyn_core.figures.curves import curves
from medsyn_core.figures.picture import Picture

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@style.styled
def answers(groups: Mapping[str, np.ndarray], *, xlabel: str, marks: Mapping[str, float], bins: int = 40) -> Picture:
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
    style.legend_below(ax)
    low, high = np.quantile(np.concatenate(list(groups.values())), (0.05, 0.95))
    medians = ", ".join(f"{name} {np.median(values):.2f}" for name, values in groups.items() if len(values))
    lines = " and ".join(f"the {name} at {place:.2f}" for name, place in marks.items())
    return Picture(
        fig,
        alt=f"Histogram of values, split by tissue: nine tenths between {low:.2f} and {high:.2f}. "
        f"Median of each tissue: {medians}. Vertical lines: {lines}",
        caption="One brightness in, many out. Two vertical lines: what squared and absolute error would answer.",
    )


@style.styled
def spectra(images: Mapping[str, np.ndarray], target: np.ndarray) -> Picture:
    """How much of each spatial frequency of `target` (N, H, H) is in other images of the same shape, by name."""
    real = power_spectrum(target)
    ratios = {name: (power_spectrum(x) / real)[1:] for name, x in images.items()}
    fig = curves(ratios, ylabel="power / power of real T2", xlabel="cycles an image side", zero=True)
    ends = ", ".join(
        f"{name} {100 * ratio[len(ratio) * 3 // 4 :].mean():.0f} percent" for name, ratio in ratios.items()
    )
    return Picture(
        fig,
        alt=f"Power relative to the real images over spatial frequency. Mean of the finest quarter: {ends}",
        caption="How much of each spatial frequency of the real images is painted; 1 is right.",
    )


@style.styled
def hills(
    place: np.ndarray,
    heights: Mapping[str, np.ndarray],
    real: np.ndarray,
    fake: np.ndarray,
    top: float,
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
    style.legend_below(ax)
    return fig
