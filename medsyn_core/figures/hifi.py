"""Pictures of the HiFi-Syn chapter, from its recorded runs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from medsyn_core.data.volume import NAMES
from medsyn_core.evaluation import tumour_boxes
from medsyn_core.experiments.results import Results
from medsyn_core.figures import hifi_memory, style
from medsyn_core.figures.hifi_umap import Queries, QueryMaps
from medsyn_core.figures.picture import Picture
from medsyn_core.figures.recorded import kept, of_row
from medsyn_core.figures.translations import Direction, side_by_side, square_round

SHORT = {
    "atlas": "atlas",
    "own-look-up": "own look-\nup (oracle)",
    "baseline": "backbone",
    "pixel-no-map": "PGD,\nno map",
    "pixel-no-bank": "PGD,\nno bank",
    "pixel": "PGD",
    "pixel-structure": "PGD +\nSGD",
    "full-no-pixel": "no PGD",
    "full": "HiFi-Syn",
}
METHODS = ("baseline", "full")
WITH_AND_WITHOUT = {"full": "with PGD", "full-no-pixel": "without PGD"}
"""Rows of figures 8 and 9: both have a memory bank."""


# -- figures 4 and 5


def directions(found: Results, rows: Sequence[str], first: int = 0, closer: bool = False) -> list[Direction]:
    """Both directions of one plan, on the slices `first` and `first` + 1 of the four that are kept; closer: at their
    tumours, where errors are counted then, else in the brain."""
    shared = {name: kept(of_row(found, "copy")[0], name) for name in ("images", "brain", "seg")}
    boxes, made = tumour_boxes(shared["seg"]), []
    for d, pair in enumerate(found.directions):
        k = (first + d) % len(boxes)
        real = shared["images"][k].astype(np.float32)  # (2, H, W)
        images = {"source": real[d], "ground truth": real[1 - d]}
        images |= {row: kept(of_row(found, row)[0], "shown")[d, k].astype(np.float32) for row in rows}
        box = boxes[k] if closer and boxes[k].any() else shared["brain"][k] > 0
        made.append(Direction(tuple(pair.split("-")), images, box, square_round(boxes[k]) if closer else None))
    return made


def translations(found: Results, rows: Sequence[str] = METHODS) -> Picture:
    """HiFi-Syn F4: of every plan both directions beside each other, errors below on one scale; healthy brains."""
    return _translations(found, rows, closer=False)


def tumour_translations(found: Results, rows: Sequence[str] = METHODS) -> Picture:
    """HiFi-Syn F5: as F4, with the tumour magnified between."""
    return _translations(found, rows, closer=True)


def _translations(found: Results, rows: Sequence[str], closer: bool) -> Picture:
    shown = [directions(part, rows, 2 * k, closer) for k, part in enumerate(found.parts)]
    titles = {row: found.title(row) for row in rows}
    said = []
    for direction in (d for pair in shown for d in pair):
        s, t = (NAMES[name] for name in direction.names)
        errors = [f"“{titles[row]}” {direction.off(row):.1f}" for row in rows]
        said.append(f"{s} to {t}: the source itself {direction.off('source'):.1f}, {', '.join(errors)}")
    lines, where = "images and", "the brain"
    if closer:
        lines, where = "whole images, the framed tumour magnified and", "the tumour's box"
    return Picture(
        side_by_side(shown, SHORT),
        alt=f"{len(said)} directions, one test slice each: {lines} absolute errors below each other; columns: source, "
        f"ground truth and {len(rows)} methods. Mean absolute error inside {where}, in grey levels of 255. "
        f"{'; '.join(said)}",
        caption=f"HiFi-Syn {'F5' if closer else 'F4'} (seed 0; slices chosen by the data). Errors share one scale; the "
        f"numbers are their means inside {where}, in grey levels of 255. Below the source is the error of copying it.",
    )


# -- figures 8 and 9


def affinities(found: Results) -> Picture:
    """HiFi-Syn F8, with and without PGD (seed 0): eight random queries of each structure against the slots."""
    first = {title: of_row(found, row)[0] for row, title in WITH_AND_WITHOUT.items()}
    seen = {title: kept(record, "eight_affinity") for title, record in first.items()}
    return hifi_memory.affinities(seen, kept(next(iter(first.values())), "bank"))


def query_maps(found: Results) -> QueryMaps:
    """HiFi-Syn F9, with and without PGD: its picture and its table. Seeds are those whose records keep queries."""
    names = ("queries", "query_structure", "query_subject")
    seen = {}
    for row, title in WITH_AND_WITHOUT.items():
        first, *others = of_row(found, row)
        runs = [first, *(record for record in others if names[0] in record.arrays())]
        seen[title] = [Queries(*(kept(record, name) for name in names)) for record in runs]
    return QueryMaps(seen)


# -- what settings of the bank do


@style.styled
def sensitivity(
    values: np.ndarray, settings: Sequence[str], metrics: Sequence[str], chosen: str, caption: str, decimals: int = 2
) -> Picture:
    """A line a setting, a column a metric, each cell its mean and spread over seeds, coloured from the least to the
    largest mean of its column.

    values: (settings, metrics) or (settings, metrics, seeds); chosen: the setting to frame, the recipe's own. Raises
    ValueError for other shapes, values that are not finite, and a chosen setting that is not there.
    """
    from matplotlib.patches import Rectangle

    runs = np.asarray(values, float)
    runs = runs[..., None] if runs.ndim == 2 else runs  # (settings, metrics, seeds)
    if runs.ndim != 3 or runs.shape[:2] != (len(settings), len(metrics)):
        raise ValueError(
            f"values has shape {np.shape(values)}; {len(settings)} settings x {len(metrics)} metrics are due, and "
            "seeds after them if there are several."
        )
    if not np.isfinite(runs).all():
        raise ValueError("values has numbers that are not finite; leave out settings that were not run.")
    if chosen not in settings:
        raise ValueError(f"chosen={chosen!r} is no setting; there are: {', '.join(settings)}.")
    means = runs.mean(axis=2)
    span = np.ptp(means, axis=0)
    place = np.divide(means - means.min(axis=0), span, out=np.full(means.shape, 0.5), where=span > 0)
    fig = style.figure(1.6 + 1.25 * len(metrics), 0.9 + 0.36 * len(settings))
    ax = fig.subplots()
    ax.imshow(place, cmap="cividis", vmin=0, vmax=1, aspect="auto")
    for (line, column), mean in np.ndenumerate(means):
        spread = f" ± {runs[line, column].std(ddof=1):.{decimals}f}" if runs.shape[2] > 1 else ""
        colour = "black" if place[line, column] > 0.5 else "white"
        ax.text(column, line, f"{mean:.{decimals}f}{spread}", ha="center", va="center", color=colour, fontsize=10)
    corner = (-0.5, list(settings).index(chosen) - 0.5)
    frame = Rectangle(corner, len(metrics), 1, fill=False, edgecolor=style.VERMILION, linewidth=2.5, clip_on=False)
    ax.add_patch(frame)
    ax.set_xticks(range(len(metrics)), metrics)
    ax.set_yticks(range(len(settings)), settings)
    ax.tick_params(length=0, top=True, labeltop=True, bottom=False, labelbottom=False)
    ax.spines[:].set_visible(False)
    ax.grid(False)
    said = [
        f"{name} from {column.min():.{decimals}f} ({settings[column.argmin()]}) to {column.max():.{decimals}f} "
        f"({settings[column.argmax()]}), at {chosen} {column[list(settings).index(chosen)]:.{decimals}f}"
        for name, column in zip(metrics, means.T, strict=True)
    ]
    return Picture(fig, alt=f"{len(settings)} settings in lines, {chosen} framed: {'; '.join(said)}", caption=caption)
