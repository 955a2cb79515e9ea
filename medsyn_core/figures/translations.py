"""Translations beside source and truth, a direction below or beside the other, with their errors on one scale."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from medsyn_core.data.volume import NAMES
from medsyn_core.figures import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LIMITS = (0.0, 1.1)  # of the grey images; 1 is the bright end of a modality's own scale
CELL = 1.02  # inches


def square_round(box: np.ndarray, margin: int = 2) -> tuple[slice, slice]:
    """The square of pixels that holds a box (H, W) bool with a margin, moved inwards at the image's border; the whole
    image where there is no box."""
    if not box.any():
        return slice(0, box.shape[0]), slice(0, box.shape[1])
    spans = [np.flatnonzero(box.any(axis=axis))[[0, -1]] for axis in (1, 0)]  # first and last row, column
    side = min(max(last - first + 1 for first, last in spans) + 2 * margin, *box.shape)
    starts = [(first + last + 1 - side) // 2 for first, last in spans]
    starts = [int(np.clip(start, 0, n - side)) for start, n in zip(starts, box.shape, strict=True)]
    return tuple(slice(start, start + side) for start in starts)


@dataclass(frozen=True)
class Direction:
    """One slice in one direction: images by column, "source" and "ground truth" first, (H, W) each; where errors are
    counted (H, W) bool; where to look closer, None for nowhere."""

    names: tuple[str, str]
    images: dict[str, np.ndarray]
    counted: np.ndarray
    near: tuple[slice, slice] | None

    def error(self, column: str) -> np.ndarray:
        """(H, W) absolute error of a column."""
        return np.abs(self.images[column] - self.images["ground truth"])

    def off(self, column: str) -> float:
        """Its mean where errors are counted, in grey levels of 255."""
        return 255 * float(self.error(column)[self.counted].mean())


@style.styled
def side_by_side(
    shown: Sequence[Sequence[Direction]],
    short: Mapping[str, str],
    plain: Sequence[str] = ("ground truth",),
) -> Figure:
    """Directions that stand together in one line of `shown` side by side, the lines below each other; of each the whole
    images, the framed part magnified if there is one, and the errors, with their means.

    short: titles of columns that are not called as they are; plain: columns whose errors are not shown.
    """
    columns, closer = list(shown[0][0].images), shown[0][0].near is not None
    high, wide, sides = 3 if closer else 2, len(columns), len(shown[0])
    errors = [direction.error(c) for pair in shown for direction in pair for c in columns[2:]]
    top = float(np.percentile(np.stack(errors), 99.5)) or 1.0
    fig = style.figure(1.5 + CELL * (wide * sides + 0.3), 0.5 + CELL * high * len(shown))
    widths = ([1.0] * wide + [0.25]) * sides  # a gap after each direction but the last
    axes = fig.subplots(high * len(shown), len(widths) - 1, squeeze=False, width_ratios=widths[:-1])
    for ax in axes.flat:
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
        ax.grid(False)
    for (p, d), direction in np.ndenumerate(np.array(shown, dtype=object)):
        own = axes[p * high : (p + 1) * high, d * (wide + 1) : (d + 1) * (wide + 1) - 1]
        for c, column in enumerate(columns):
            _images(own[:-1, c], direction, column)
            if column not in plain:
                map_ = own[-1, c].imshow(direction.error(column), cmap=style.ERROR_MAP, vmin=0, vmax=top)
                place = {"transform": own[-1, c].transAxes, "ha": "left", "va": "top"}
                own[-1, c].text(0.03, 0.98, f"{direction.off(column):.1f}", color="white", fontsize=8, **place)
            if p == 0:
                own[0, c].set_title(short.get(column, column.replace(" ", "\n")))
        source, target = (NAMES[name] for name in direction.names)
        for ax, word in zip(own[:, 0], (f"{source} →\n{target}", *["tumour"] * closer, "error"), strict=True):
            ax.set_ylabel(word)
    bar = fig.colorbar(map_, ax=axes, label="absolute error", aspect=30, shrink=min(1.0, 2 / len(shown)), extend="max")
    bar.outline.set_visible(False)
    return fig


def _images(axes: Sequence[Axes], direction: Direction, column: str) -> None:
    """A column's whole image and, where there are two axes, the framed part of it."""
    from matplotlib.patches import Rectangle

    image = direction.images[column]
    axes[0].imshow(image, vmin=LIMITS[0], vmax=LIMITS[1])
    if direction.near is None:
        return
    rows, columns = direction.near
    axes[1].imshow(image[direction.near], vmin=LIMITS[0], vmax=LIMITS[1])
    corner, size = (columns.start - 0.5, rows.start - 0.5), (columns.stop - columns.start, rows.stop - rows.start)
    axes[0].add_patch(Rectangle(corner, *size, fill=False, edgecolor=style.VERMILION, linewidth=1.2))
