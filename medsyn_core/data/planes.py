"""Choosing axial planes of a volume and laying them on a square in-plane grid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse


def choose_planes(brain: np.ndarray, slices: int | str, thickness: float = 1.0) -> np.ndarray:
    """Places along Z of the slices to cut, (n,) float in voxels, ascending; `nearest` gives their planes.

    brain: (X, Y, Z) bool. A word divides the planes from the lowest with brain to the highest, without gaps, into
    layers of `thickness` planes, as few as hold them, centred on them: of 1 plane for "all", so that it keeps every
    one; for "cubic" a middle may lie between two. A number keeps the planes at the middle of that many equal parts of
    the brain-bearing planes, those whose brain covers at least a tenth of the largest plane's; fewer if there are
    fewer.
    """
    area = brain.sum(axis=(0, 1))  # (Z,)
    if isinstance(slices, str):
        lowest, highest = np.flatnonzero(area)[[0, -1]]
        count = int(np.ceil((highest - lowest + 1) / thickness - 1e-6))  # a rounding error is no layer
        return (lowest + highest) / 2 + (np.arange(count) - (count - 1) / 2) * thickness
    bearing = np.flatnonzero(area >= 0.1 * area.max())
    count = min(int(slices), len(bearing))
    return bearing[((np.arange(count) + 0.5) * len(bearing) / count).astype(int)].astype(float)


def nearest(places: np.ndarray) -> np.ndarray:
    """The whole numbers nearest to `places`, (n,) int; halves go up, so that regular places stay regular."""
    return np.floor(np.asarray(places) + 0.5).astype(int)


@dataclass(frozen=True)
class PlaneGrid:
    """A px x px grid in the axial plane, given by one sparse weight matrix an axis.

    along_x: (px, X), along_y: (px, Y); rows sum to one inside the volume and to zero outside it.
    exact: every row picks at most one voxel, so values are copied and not interpolated.
    places: the pixels' middles along X and Y, (px,) each, in voxels.
    """

    along_x: sparse.csr_array
    along_y: sparse.csr_array
    exact: bool
    places: tuple[np.ndarray, np.ndarray]

    def image(self, plane: np.ndarray, brain: np.ndarray | None) -> np.ndarray:
        """(X, Y) intensities -> (H, W), averaged over brain voxels only so that edges are not darkened."""
        if brain is None:
            return _display(self._apply(plane))
        covered = self._apply(brain.astype(np.float32))  # (px, px)
        summed = self._apply(np.where(brain, plane, 0.0).astype(np.float32))
        return _display(np.divide(summed, covered, out=np.zeros_like(summed), where=covered > 1e-6))

    def mask(self, plane: np.ndarray) -> np.ndarray:
        """(X, Y) bool -> (H, W) bool: at least half covered."""
        return _display(self._apply(plane.astype(np.float32)) >= 0.5)

    def labels(self, plane: np.ndarray) -> np.ndarray:
        """(X, Y) codes -> (H, W): the code that covers most of the pixel, ties to the lower; never a mixture."""
        codes = np.unique(plane)
        if len(codes) == 1 and codes[0] == 0:
            return np.zeros((self.along_y.shape[0], self.along_x.shape[0]), plane.dtype)
        shares = [self._apply((plane == code).astype(np.float32)) for code in codes]
        winner = codes[np.argmax(shares, axis=0)]
        return _display(np.where(np.sum(shares, axis=0) < 0.5, 0, winner).astype(plane.dtype))

    def _apply(self, plane: np.ndarray) -> np.ndarray:
        # Sparse, because each pixel needs a few voxels, and because it does not depend on the BLAS at hand.
        return (self.along_y @ (self.along_x @ plane).T).T  # (X, Y) -> (px, Y) -> (px, px)


def _display(plane: np.ndarray) -> np.ndarray:
    """RAS (X, Y) -> (H, W) with anterior in row 0 and the patient's right in column 0."""
    return plane.T[::-1, ::-1]


def plane_grid(brain: np.ndarray, voxel_mm: np.ndarray, px: int, fov_mm: float) -> tuple[PlaneGrid, bool]:
    """The grid of px x px pixels over fov_mm, centred on the brain's bounding box; and whether the brain fits.

    brain: (X, Y, Z) bool; voxel_mm: (3,). A volume that already has px voxels of fov_mm / px mm is taken as it
    is; with the right voxel size alone it is moved by whole voxels; else pixels are weighted by a tent as wide
    as the coarser of the two grids, which is linear interpolation going finer and averaging going coarser.
    """
    pixel = fov_mm / px
    matrices, places, fits, exact = [], [], True, True
    for axis in (0, 1):
        size, ratio = brain.shape[axis], pixel / float(voxel_mm[axis])
        extent = np.flatnonzero(brain.any(axis=(1 - axis, 2)))
        centre = (extent[0] + extent[-1]) / 2
        same = abs(ratio - 1) < 1e-3
        if same and size == px:
            centre = (size - 1) / 2
        offset = centre - (px - 1) / 2 * ratio
        if same:
            offset, ratio = round(offset), 1.0
        positions = offset + np.arange(px) * ratio  # (px,) in voxels
        fits &= bool(positions[0] - 0.5 * ratio <= extent[0] and extent[-1] <= positions[-1] + 0.5 * ratio)
        exact &= same
        places.append(positions)
        width = max(1.0, ratio)
        weights = np.maximum(0, 1 - np.abs(positions[:, None] - np.arange(size)) / width)  # (px, size)
        total = np.maximum(0, 1 - np.abs(positions[:, None] - np.arange(-size, 2 * size)) / width).sum(1)
        matrices.append(sparse.csr_array((weights / np.maximum(total, 1e-6)[:, None]).astype(np.float32)))
    return PlaneGrid(*matrices, exact, tuple(places)), fits
