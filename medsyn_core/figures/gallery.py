"""Subjects of a cohort side by side: every modality, and the labels in colour with a key."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from medsyn_core.data.volume import ED, ET, NCR
from medsyn_core.figures import style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from medsyn_core.data import Cohort

NAMES = {"t1": "T1", "t1ce": "T1ce", "t2": "T2", "flair": "FLAIR", "ct": "CT"}
TISSUE_GREY = {"CSF": (1, 0.25), "GM": (2, 0.50), "WM": (3, 0.75)}
PARTS = {"ED": (ED, style.REGION["ED"]), "NCR": (NCR, style.REGION["NCR"]), "ET": (ET, style.REGION["ET"])}


def label_colours(tissue: np.ndarray, seg: np.ndarray) -> np.ndarray:
    """Labels (..., H, W) as colours (..., H, W, 3) in 0..1: tissue in greys, the tumour's parts in colour over it."""
    from matplotlib.colors import to_rgb

    out = np.zeros((*tissue.shape, 3))  # (..., H, W, 3)
    for code, grey in TISSUE_GREY.values():
        out[tissue == code] = grey
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


@style.styled
def subjects(cohort: Cohort, rows: Sequence[int], names: Sequence[str], cell: float = 1.3) -> Figure:
    """Slices `rows` of a cohort, one a row called `names`: every modality, then tissue and tumour labels with a key.

    Raises ValueError where rows and names differ in number.
    """
    from matplotlib.patches import Patch

    if len(rows) != len(names):
        raise ValueError(f"{len(rows)} slices and {len(names)} names; give one each.")
    fig = style.figure(0.35 + cell * (len(cohort.modalities) + 1), 0.8 + cell * len(rows))
    axes = fig.subplots(len(rows), len(cohort.modalities) + 1, squeeze=False)
    for r, (row, name) in enumerate(zip(rows, names, strict=True)):
        for m, modality in enumerate(cohort.modalities):
            axes[r, m].imshow(cohort.images[row, m].astype(np.float32), cmap="gray", vmin=0, vmax=1)
            axes[0, m].set_title(NAMES[modality])
        axes[r, -1].imshow(label_colours(cohort.tissue[row], cohort.seg[row]))
        axes[r, 0].set_ylabel(name)
    axes[0, -1].set_title("labels")
    for ax in axes.flat:
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
    present = np.unique(np.asarray(cohort.seg)[list(rows)])
    key = [Patch(color=str(grey), label=label) for label, (_, grey) in TISSUE_GREY.items()]
    key += [Patch(color=colour, label=label) for label, (code, colour) in PARTS.items() if code in present]
    fig.legend(handles=key, loc="outside lower right", ncols=len(key), handlelength=1, columnspacing=1.2)
    return fig
