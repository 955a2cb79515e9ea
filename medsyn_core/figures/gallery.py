"""Subjects of a cohort side by side: every modality, and the labels in colour with a key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from medsyn_core.data.volume import ED, ET, NAMES, NCR
from medsyn_core.figures import style
from medsyn_core.figures.picture import Picture

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from medsyn_core.data import Cohort

TISSUE_GREY = {"CSF": (1, 0.25), "GM": (2, 0.50), "WM": (3, 0.75)}
PARTS = {"ED": (ED, style.REGION["ED"]), "NCR": (NCR, style.REGION["NCR"]), "ET": (ET, style.REGION["ET"])}


def label_colours(tissue: np.ndarray, seg: np.ndarray) -> np.ndarray:
    """Labels (..., H, W) as colours (..., H, W, 3) in 0..1: tissue in greys, the tumour's parts in colour over it."""
    greys = np.zeros(tissue.shape)
    for code, grey in TISSUE_GREY.values():
        greys[tissue == code] = grey
    return painted(greys, seg)


def painted(grey: np.ndarray, seg: np.ndarray) -> np.ndarray:
    """The tumour's parts in colour over a grey image in 0..1: both (..., H, W) -> (..., H, W, 3)."""
    from matplotlib.colors import to_rgb

    out = np.repeat(np.asarray(grey, float)[..., None], 3, axis=-1)  # (..., H, W, 3)
    for code, colour in PARTS.values():
        out[seg == code] = to_rgb(colour)
    return out


def widest_slices(cohort: Cohort, subjects: Sequence[int]) -> np.ndarray:
    """For each subject the place in the cohort of its slice with most tumour, or of its middle slice without any."""
    found = []
    for number in subjects:
        (rows,) = np.nonzero(cohort.subject == number)
        size = (cohort.seg[rows] > 0).sum((1, 2))  # (slices,)
        found.append(rows[size.argmax()] if size.any() else rows[len(rows) // 2])
    return np.array(found)


def patients(cohort: Cohort, numbers: Sequence[int], caption: str, cell: float = 1.3) -> Picture:
    """The slice with most tumour of these subjects, one a row (see `subjects`); the labels make the alt text."""
    rows = widest_slices(cohort, numbers)
    people = [cohort.subjects[k] for k in numbers]
    names = [f"{p.id.rpartition('-')[2]} {p.grade or ''}".strip() for p in people]
    sizes = [int((cohort.seg[row] > 0).sum()) for row in rows]
    seen = [f"{name} with {size or 'no'} pixels of tumour" for name, size in zip(names, sizes, strict=True)]
    titles = ", ".join(NAMES[m] for m in cohort.modalities)
    alt = f"{len(rows)} subjects in rows, {titles} and labels in columns: {'; '.join(seen)}"
    return Picture(subjects(cohort, rows, names, cell), alt=alt, caption=caption)


def subjects(cohort: Cohort, rows: Sequence[int], names: Sequence[str], cell: float = 1.3) -> Figure:
    """Slices `rows` of a cohort, one a row called `names`: every modality, then tissue and tumour labels with a key."""
    images = {m: cohort.images[rows, k].astype(np.float32) for k, m in enumerate(cohort.modalities)}
    return with_labels(images, cohort.tissue[rows], cohort.seg[rows], names, cell)


@style.styled
def with_labels(
    images: Mapping[str, np.ndarray], tissue: np.ndarray, seg: np.ndarray, names: Sequence[str], cell: float = 1.3
) -> Figure:
    """Images of each modality, (R, H, W) in 0..1, then tissue and seg (R, H, W) in colour with a key; a row a name.

    Raises ValueError where the rows and names differ in number.
    """
    from matplotlib.patches import Patch

    if not len(tissue) == len(seg) == len(names):
        raise ValueError(f"{len(tissue)} slices and {len(names)} names; give one each.")
    fig = style.figure(0.35 + cell * (len(images) + 1), 0.65 + cell * len(names))
    axes = fig.subplots(len(names), len(images) + 1, squeeze=False)
    colours = label_colours(tissue, seg)  # (R, H, W, 3)
    for r, name in enumerate(names):
        for ax, image in zip(axes[r], images.values(), strict=False):
            ax.imshow(image[r], cmap="gray", vmin=0, vmax=1)
        axes[r, -1].imshow(colours[r])
        axes[r, 0].set_ylabel(name)
    for ax, title in zip(axes[0], [*(NAMES[m] for m in images), "labels"], strict=True):
        ax.set_title(title)
    for ax in axes.flat:
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
    key = [Patch(color=str(grey), label=label) for label, (_, grey) in TISSUE_GREY.items()]
    key += [Patch(color=colour, label=label) for label, (code, colour) in PARTS.items() if (seg == code).any()]
    fig.legend(handles=key, loc="outside lower right", ncols=len(key), handlelength=1, columnspacing=1.2)
    return fig
