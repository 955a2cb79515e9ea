"""Many vectors as points of a plane: which of them are drawn, and one map of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def evenly(kind: np.ndarray, points: int) -> np.ndarray:
    """Places of at most `points` entries of kind (N,), of each kind at most its part, in mixed order; always the same
    ones."""
    kinds, rng = np.unique(kind), np.random.default_rng(0)
    of = [rng.permutation(np.flatnonzero(kind == k))[: points // len(kinds)] for k in kinds]
    return rng.permutation(np.concatenate(of))


def scatter(ax: Axes, places: np.ndarray, colours: Sequence[str]) -> None:
    """Places (N, 2) as dots of these colours, in their order, so that no kind lies on top; axes without numbers: in
    such a map they mean nothing."""
    ax.scatter(*places.T, s=6, c=list(colours), linewidths=0, rasterized=True)
    ax.set(xticks=[], yticks=[])
    ax.grid(False)
    ax.spines[:].set(visible=True, color="#D5DAE0")
