"""Images side by side: a row for each subject, a column for each image, tumour outlines and error maps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from medsyn_core.data.volume import region
from medsyn_core.figures import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CELL = 1.3  # inches


def outline(ax: Axes, seg: np.ndarray, regions: Sequence[str]) -> None:
    """Draw the borders of BraTS regions (WT, TC, ET) of a label map (H, W) over an image."""
    for name in regions:
        mask = region(seg, name)  # (H, W)
        if mask.any():
            ax.contour(mask.astype(float), levels=[0.5], colors=[style.REGION[name]], linewidths=1.2)


def close_up(images: np.ndarray, seg: np.ndarray, size: int) -> np.ndarray:
    """Squares of `size` pixels round the tumour of each image: (R, H, W) and labels (R, H, W) -> (R, size, size).

    A square stays inside its image; where there is no tumour it is the middle of the image.
    """
    rows, height, width = images.shape
    if size > min(height, width):
        raise ValueError(f"size={size} is larger than the images ({height} x {width} pixels).")
    out = np.empty((rows, size, size), images.dtype)
    for k in range(rows):
        found = np.argwhere(seg[k] > 0)
        middle = (found.min(axis=0) + found.max(axis=0)) / 2 if len(found) else np.array([height, width]) / 2
        top, left = (np.clip(round(m - size / 2), 0, n - size) for m, n in zip(middle, (height, width), strict=True))
        out[k] = images[k, top : top + size, left : left + size]
    return out


@style.styled
def panels(
    images: Mapping[str, np.ndarray],
    rows: Sequence[str],
    *,
    seg: np.ndarray | None = None,
    outlines: Sequence[str] = ("WT",),
    limits: tuple[float, float] = (0.0, 1.0),
    maps: Mapping[str, np.ndarray] | None = None,
    map_limits: tuple[float, float] | None = None,
    map_label: str = "absolute error",
    map_colours: str = style.ERROR_MAP,
    cell: float = CELL,
) -> Figure:
    """Columns of grey images, then columns of coloured maps with one colour bar.

    images: title -> (R, H, W), all shown between `limits`; rows: R labels; seg: (R, H, W) BraTS labels whose
    `outlines` are drawn on every grey image; maps: title -> (R, H, W), between `map_limits` (default 0 to their
    99.5th percentile). Raises ValueError where a column has another number of rows.
    """
    maps = maps or {}
    for title, column in {**images, **maps}.items():
        if np.ndim(column) != 3 or len(column) != len(rows):
            raise ValueError(f"column {title!r} has shape {np.shape(column)}; {len(rows)} images (R, H, W) are needed.")
    if maps and map_limits is None:
        map_limits = (0.0, float(np.percentile(np.stack(list(maps.values())), 99.5)) or 1.0)
    titles = [*images, *maps]
    height, width = np.shape(next(iter({**images, **maps}.values())))[1:]
    fig = style.figure(0.35 + cell * len(titles) + (0.9 if maps else 0), 0.35 + cell * height / width * len(rows))
    axes = fig.subplots(len(rows), len(titles), squeeze=False)
    for r, name in enumerate(rows):
        for c, title in enumerate(titles):
            ax = axes[r, c]
            if title in images:
                ax.imshow(images[title][r], cmap="gray", vmin=limits[0], vmax=limits[1])
                if seg is not None:
                    outline(ax, seg[r], outlines)
            else:
                shown = ax.imshow(maps[title][r], cmap=map_colours, vmin=map_limits[0], vmax=map_limits[1])
            ax.set(xticks=[], yticks=[])
            ax.spines[:].set_visible(False)
            if r == 0:
                ax.set_title(title)
        axes[r, 0].set_ylabel(name)
    if maps:
        bar = fig.colorbar(shown, ax=axes[:, len(images) :], label=map_label, aspect=25, extend="max")
        bar.outline.set_visible(False)
    return fig
