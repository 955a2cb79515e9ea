"""One look for every picture: fonts, sizes, and colours that colour-blind readers can tell apart."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import cycle
from typing import TYPE_CHECKING, ParamSpec, TypeVar

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

P = ParamSpec("P")
R = TypeVar("R")

# Eight colours that stay apart under the three common forms of colour blindness (Okabe and Ito, 2008).
ORANGE, SKY, GREEN, YELLOW = "#E69F00", "#56B4E9", "#009E73", "#F0E442"
BLUE, VERMILION, PURPLE, GREY = "#0072B2", "#D55E00", "#CC79A7", "#5F6670"
CYCLE = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, GREY)

MODALITY = {"t1": BLUE, "t1ce": VERMILION, "t2": GREEN, "flair": PURPLE, "ct": GREY}
TISSUE = {"background": "#000000", "CSF": SKY, "GM": GREY, "WM": ORANGE}
REGION = {"WT": YELLOW, "TC": ORANGE, "ET": SKY, "NCR": VERMILION, "ED": GREEN}

ERROR_MAP = "inferno"  # 0 is black, like the background of an image
CONFIDENCE_MAP = "viridis"

# One figure inch is 96 pixels of the page, so 11 pt is about the size of the page's own text.
RC = {
    "figure.dpi": 96,
    "figure.facecolor": "white",
    "font.family": "DejaVu Sans",
    "font.size": 11,
    "axes.titlesize": 11,
    "axes.labelsize": 11,
    "axes.facecolor": "white",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E3E6EA",
    "grid.linewidth": 0.8,
    "lines.linewidth": 1.8,
    "legend.frameon": False,
    "legend.fontsize": 11,
    "xtick.labelsize": 10,
    "ytick.labelsize": 10,
    "svg.hashsalt": "medsyn",  # the same figure gives the same bytes
    "image.cmap": "gray",
    "image.interpolation": "nearest",
}


def apply() -> None:
    """Set the look for every figure made from here on."""
    import matplotlib as mpl

    mpl.rcParams.update(_rc())


@contextmanager
def look() -> Iterator[None]:
    """The look for the figures made inside, leaving the user's own settings as they were."""
    import matplotlib as mpl

    with mpl.rc_context(_rc()):
        yield


def styled(draw: Callable[P, R]) -> Callable[P, R]:
    """Decorator: `draw` runs with the look of the book."""

    @functools.wraps(draw)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        with look():
            return draw(*args, **kwargs)

    return wrapper


def figure(width: float, height: float) -> Figure:
    """An empty figure of width x height inches that no notebook shows by itself (pyplot does not know it)."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def legend_below(ax: Axes) -> None:
    """A legend under the axes in at most three columns, fewer where long names would run out of the figure."""
    handles, names = ax.get_legend_handles_labels()
    letters = ax.figure.get_figwidth() * 72 / (0.52 * RC["legend.fontsize"])  # in one line, of usual width
    longest = max(map(len, names)) + 6  # with its handle and what separates columns
    columns = max(1, min(3, len(names), int(letters // longest)))
    ax.legend(handles, names, loc="upper left", bbox_to_anchor=(0, -0.2), ncols=columns, borderaxespad=0.2)


def colours(names: Iterable[str]) -> dict[str, str]:
    """A colour for each name: its own where it is a modality, tissue or region, else the next of the cycle."""
    known = {**MODALITY, **TISSUE, **REGION}
    names = list(names)
    free = cycle([c for c in CYCLE if c not in {known[n] for n in names if n in known}] or CYCLE)
    return {name: known[name] if name in known else next(free) for name in names}


def _rc() -> dict:
    from cycler import cycler

    return {**RC, "axes.prop_cycle": cycler(color=CYCLE)}
