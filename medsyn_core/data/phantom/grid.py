"""Where a subject is sampled: axial planes of square voxels, RAS, in mm."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

FIELD_OF_VIEW = 192.0
"""In-plane field of view in mm; a grid of px x px voxels has voxels of 192 / px mm."""

HEAD_FIELD_OF_VIEW = 240.0
"""The same for a whole head with skull and scalp."""

_CENTRE = (0.0, -17.0, 6.0)
_HEIGHT = 168.0


@dataclass(frozen=True)
class Grid:
    """Axial planes at heights `z` (mm), each of shape (X, Y) voxels of `step` mm.

    Voxels are `step` mm thick whatever the planes' distance is.
    """

    shape: tuple[int, int]
    step: float
    z: tuple[float, ...]

    @classmethod
    def standard(cls, px: int, field_of_view: float = FIELD_OF_VIEW) -> Grid:
        """The isotropic grid of the cohorts: px x px voxels of 192/px mm and planes enough for the whole brain."""
        if px < 16:
            raise ValueError(f"px={px} is too coarse for a brain; give at least 16.")
        step = field_of_view / px
        planes = 2 * round(_HEIGHT / step / 2)
        z = _CENTRE[2] + (np.arange(planes) - (planes - 1) / 2) * step
        return cls((px, px), step, tuple(float(v) for v in z))

    def plane(self, k: int) -> Grid:
        """Only plane `k`; what is rendered on it is that plane of what is rendered on the whole grid."""
        return replace(self, z=(self.z[k],))

    @property
    def axes(self) -> tuple[np.ndarray, np.ndarray]:
        """x (X,) and y (Y,) of the voxel centres, mm."""
        return tuple(c + (np.arange(n) - (n - 1) / 2) * self.step for c, n in zip(_CENTRE, self.shape, strict=False))

    @property
    def affine(self) -> np.ndarray:
        """(4, 4) voxel to mm."""
        x, y = self.axes
        affine = np.diag([self.step, self.step, self.step, 1.0])
        affine[:3, 3] = x[0], y[0], self.z[0]
        return affine

    @property
    def oversampling(self) -> tuple[int, int]:
        """Sub-samples of a voxel, in plane and through it: coarse voxels of a thin cortex are mixtures."""
        return (2 if self.step > 1.2 else 1), (2 if self.step > 2 else 1)

    def fine_axes(self, k: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Sub-sample coordinates of plane `k`: x, y and z, mm."""
        in_plane, through = self.oversampling
        x, y = (_split(axis, self.step, in_plane) for axis in self.axes)
        return x, y, _split(np.array([self.z[k]]), self.step, through)


def _split(axis: np.ndarray, step: float, parts: int) -> np.ndarray:
    offsets = ((np.arange(parts) + 0.5) / parts - 0.5) * step
    return (axis[:, None] + offsets).ravel()
