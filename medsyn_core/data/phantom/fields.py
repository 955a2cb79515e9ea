"""Random functions of position: the same subject on any grid, because everything random is a spline in mm."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from scipy import ndimage, sparse

BOX = np.array([[-100.0, 100.0], [-125.0, 100.0], [-90.0, 105.0]])
"""Subject space: x to the right, y anterior, z superior, in mm, origin at the anterior commissure."""


def sigmoid(x: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-x)), any shape, float32 in and out."""
    return 1 / (1 + np.exp(-np.clip(x, -30, 30)))


def normal(rng: np.random.Generator, mean: float, sd: float) -> float:
    """One Gaussian draw as a plain float (a numpy scalar would turn float32 arrays into float64)."""
    return float(rng.normal(mean, sd))


@functools.lru_cache(maxsize=4096)
def _spline_rows(axis: tuple[float, ...], which: int, spacing: float) -> sparse.csr_array:
    """Cubic B-spline weights, (len(axis), nodes), of coordinates in mm along axis `which` of the box.

    Sparse on purpose: four weights a row, and no BLAS, whose threads fight over small matrices and whose rounding
    differs between machines.
    """
    low, high = BOX[which]
    nodes = _nodes(low, high, spacing)
    place = (np.array(axis) - low) / spacing + 1.5
    first = np.floor(place).astype(int)
    t = place - first
    weights = np.stack([(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3], 1) / 6
    columns = np.clip(first[:, None] + np.arange(-1, 3), 0, nodes - 1)
    rows = np.repeat(np.arange(len(axis)), 4)
    return sparse.csr_array((weights.astype(np.float32).ravel(), (rows, columns.ravel())), (len(axis), nodes))


def _nodes(low: float, high: float, spacing: float) -> int:
    return int(np.ceil((high - low) / spacing)) + 4


@dataclass(frozen=True)
class Points:
    """The points of a regular grid, all of them or those in `keep`, where functions are evaluated.

    axes: x, y, z coordinates in mm, (X,), (Y,), (Z,); keep: (Z, X, Y) bool or None; P points are kept.
    """

    axes: tuple[tuple[float, ...], tuple[float, ...], tuple[float, ...]]
    keep: np.ndarray | None = None

    @classmethod
    def on(cls, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> Points:
        """All points of the grid with these coordinates."""
        return cls(tuple(tuple(np.asarray(a, float).tolist()) for a in (x, y, z)))

    @property
    def shape(self) -> tuple[int, int, int]:
        """(Z, X, Y): z first, so that a plane is one block of memory."""
        return len(self.axes[2]), len(self.axes[0]), len(self.axes[1])

    def within(self, keep: np.ndarray) -> Points:
        """The same grid with only the points of `keep` (Z, X, Y)."""
        return Points(self.axes, keep)

    def take(self, values: np.ndarray) -> np.ndarray:
        """(..., Z, X, Y) -> (..., P)."""
        return values.reshape(*values.shape[:-3], -1) if self.keep is None else values[..., self.keep]

    def put(self, values: np.ndarray) -> np.ndarray:
        """(P,) -> (Z, X, Y), zero where no point is kept."""
        if self.keep is None:
            return values.reshape(self.shape)
        full = np.zeros(self.shape, np.float32)
        full[self.keep] = values
        return full

    def positions(self) -> np.ndarray:
        """Coordinates in mm, (3, P) float32."""
        x, y, z = (np.asarray(a, np.float32) for a in self.axes)
        full = np.empty((3, *self.shape), np.float32)  # (3, Z, X, Y)
        full[0], full[1], full[2] = x[:, None], y, z[:, None, None]
        return self.take(full)


class SmoothField:
    """`count` smooth random functions of position, mean 0 and variance 1, with structure of about `spacing` mm.

    f(x) = Σ_ijk c_ijk B(x/s − i) B(y/s − j) B(z/s − k), c Gaussian, B the cubic B-spline.
    """

    def __init__(self, rng: np.random.Generator, spacing: float, count: int = 1):
        self.spacing = spacing
        x, y, z = (_nodes(low, high, spacing) for low, high in BOX)
        self.nodes = rng.standard_normal((z, x, y, count), dtype=np.float32)
        self.nodes /= np.float32(0.4792**1.5)  # a cubic B-spline keeps 0.4792 of white noise's variance per axis

    def __call__(self, points: Points) -> np.ndarray:
        """Values at `points`: (P,) for one function, (count, P) for several."""
        along_x, along_y, along_z = (_spline_rows(axis, k, self.spacing) for k, axis in enumerate(points.axes))
        nz, nx, ny, count = self.nodes.shape
        depth, width, height = points.shape
        values = np.empty((count, depth, width, height), np.float32)
        for k, plane in enumerate(along_z @ self.nodes.reshape(nz, -1)):
            lines = (along_x @ plane.reshape(nx, -1)).reshape(width, ny, count)  # X, ny, count
            lines = lines.transpose(1, 0, 2).reshape(ny, -1)  # ny, X·count
            values[:, k] = (along_y @ lines).reshape(height, width, count).transpose(2, 1, 0)  # count, X, Y
        values = points.take(values)  # count, P
        return values[0] if count == 1 else values


@dataclass(frozen=True)
class CoarseMap:
    """A scalar known on a coarse grid, read between its nodes by trilinear interpolation.

    values: (X, Y, Z); origin: mm of the first node; spacing: mm.
    """

    values: np.ndarray
    origin: np.ndarray
    spacing: float

    def __call__(self, positions: np.ndarray) -> np.ndarray:
        """(3, P) mm -> (P,); outside the grid the nearest value."""
        index = (positions - self.origin[:, None].astype(np.float32)) / np.float32(self.spacing)  # 3, P
        return ndimage.map_coordinates(self.values, index, order=1, mode="nearest", prefilter=False)

    def covers(self, positions: np.ndarray) -> np.ndarray:
        """(3, P) mm -> (P,) bool: inside the grid."""
        index = (positions - self.origin[:, None].astype(np.float32)) / np.float32(self.spacing)  # 3, P
        last = np.array(self.values.shape, np.float32)[:, None] - 1
        return ((index >= 0) & (index <= last)).all(0)
