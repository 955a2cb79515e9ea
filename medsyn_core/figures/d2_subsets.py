"""D²-Net's table I as a map: a line for each choice of modalities, a column for each tumour region."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from medsyn_core.data.views import all_subsets
from medsyn_core.data.volume import MODALITIES, NAMES, REGIONS
from medsyn_core.experiments.results import Results
from medsyn_core.figures import drawn, style
from medsyn_core.figures.d2_shown import CLEAREST, called
from medsyn_core.figures.picture import Picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Means = Mapping[tuple[str, str], float]


def grid(values: Means) -> tuple[list[tuple[str, ...]], np.ndarray]:
    """Choices of modalities, small ones first, and their values (choices, 3) by region.

    values: (choice, region) -> number; a choice is written as records write it, "t1+flair". Raises ValueError for a
    modality or region that does not exist, and where a choice of the modalities that occur is missing.
    """
    found = {(frozenset(choice.split("+")), name): value for (choice, name), value in values.items()}
    if unknown := {m for choice, _ in found for m in choice} - set(MODALITIES):
        raise ValueError(f"{sorted(unknown)[0]!r} is no modality; there are: {', '.join(MODALITIES)}.")
    if unknown := {name for _, name in found} - set(REGIONS):
        raise ValueError(f"{sorted(unknown)[0]!r} is no tumour region; there are: {', '.join(REGIONS)}.")
    choices = all_subsets([m for m in MODALITIES if any(m in choice for choice, _ in found)])
    absent = ["+".join(c) + " " + name for c in choices for name in REGIONS if (frozenset(c), name) not in found]
    if absent or not choices:
        raise ValueError(f"{len(absent)} of {len(choices) * len(REGIONS)} values are missing, such as {absent[:1]}.")
    return list(choices), np.array([[found[frozenset(c), name] for name in REGIONS] for c in choices], float)


def means(found: Results, row: str = "full", over: str | None = None) -> Means:
    """A row's mean Dice in % of every choice and region; over: another row, whose means are taken off."""
    dice = lambda row, where, name: found.summary(row, f"dice_{name.lower()}", where).mean
    every = [(where, name) for where in found.directions for name in REGIONS]
    return {key: dice(row, *key) - (dice(over, *key) if over else 0.0) for key in every}


def subsets(values: Means, caption: str, *, label: str = "Dice [%]") -> Picture:
    """D²-Net T1 as a map: dots for the modalities that are there, cells with their value, the mean below.

    values: (choice, region) -> percent, see `grid`.
    """
    return _map(values, caption, label, signed=False)


def gains(values: Means, caption: str, *, label: str = "gain in Dice [points]") -> Picture:
    """The same of differences: a colour a sign, zero in the middle."""
    return _map(values, caption, label, signed=True)


@style.styled
def _map(values: Means, caption: str, label: str, signed: bool) -> Picture:
    choices, cells = grid(values)  # (choices, 3)
    lines = np.vstack([cells, cells.mean(axis=0)])
    names = [name for name in CLEAREST if any(name in choice for choice in choices)]
    fig = style.figure(5.4, 1.2 + 0.3 * len(lines))
    left, right = fig.subplots(1, 2, sharey=True, width_ratios=(len(names) * 0.55, 3))
    top = float(np.abs(cells).max()) or 1.0
    how = {"cmap": "PuOr_r", "vmin": -top, "vmax": top} if signed else {"cmap": "cividis", "vmin": 0, "vmax": 100}
    shown = drawn.bare(right).imshow(lines, aspect="auto", **how)
    for (line, column), value in np.ndenumerate(lines):
        dark = abs(value) > 0.6 * top if signed else value < 55
        text = f"{value:+.1f}" if signed else f"{value:.1f}"
        right.text(column, line, text, ha="center", va="center", color="white" if dark else "black", fontsize=10)
    right.set_xticks(range(len(REGIONS)), REGIONS)
    _dots(left, choices, names)
    for ax in (left, right):
        ax.tick_params(length=0, top=True, labeltop=True, bottom=False, labelbottom=False)
        ax.axhline(len(choices) - 0.5, color="white", linewidth=5)
    fig.colorbar(shown, ax=right, label=label, aspect=30).outline.set_visible(False)
    return Picture(fig, alt=_said(choices, cells, label, signed), caption=caption)


def _dots(ax: Axes, choices: list[tuple[str, ...]], names: list[str]) -> None:
    """A dot for a modality that is there, a ring for one that is not."""
    drawn.bare(ax)
    for line, choice in enumerate(choices):
        for column, name in enumerate(names):
            there = name in choice
            face = style.MODALITY[name] if there else "white"
            ax.plot(column, line, "o", markersize=8, color=face, markeredgecolor=face if there else "#C4CAD1")
    ax.text((len(names) - 1) / 2, len(choices), f"mean of {len(choices)}", ha="center", va="center")
    ax.set_xticks(range(len(names)), [NAMES[name] for name in names], fontsize=9)
    ax.set_xlim(-0.6, len(names) - 0.4)


def _said(choices: list[tuple[str, ...]], cells: np.ndarray, label: str, signed: bool) -> str:
    """The map in words: of each region the mean, the ends, and what T1ce is worth."""
    sign = "+" if signed else ""
    told = []
    for name, column in zip(REGIONS, cells.T, strict=True):
        ends = [f"{called(choices[k])} ({column[k]:{sign}.1f})" for k in (column.argmax(), column.argmin())]
        told.append(f"{name}: mean {column.mean():{sign}.1f}, most from {ends[0]}, least from {ends[1]}")
    has = np.array(["t1ce" in choice for choice in choices])
    if has.any() and not has.all():
        with_, without = (cells[where, REGIONS.index("ET")].mean() for where in (has, ~has))
        told.append(f"ET with T1ce {with_:{sign}.1f}, without {without:{sign}.1f}")
    regions = ", ".join(REGIONS)
    return f"{label} of {regions} from each of {len(choices)} choices of modalities, one a line. {'. '.join(told)}"
