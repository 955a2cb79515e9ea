"""From what a voxel is made of to what the scanner writes: signal, blur, shading, noise, whole numbers."""

from __future__ import annotations

import functools
import zlib

import numpy as np
from scipy import ndimage, sparse
from scipy.special import erf

from medsyn_core.data.phantom.composition import Composition
from medsyn_core.data.phantom.fields import Points, SmoothField
from medsyn_core.data.phantom.grid import Grid
from medsyn_core.data.phantom.protocol import Scan, draw_scanner, draw_scans
from medsyn_core.data.phantom.template import template
from medsyn_core.data.phantom.tissues import Relaxation, draw_relaxation, draw_uptake

_FLOW_VOID = {"t1": 0.5, "t1ce": 1.0, "t2": 0.15, "flair": 0.15}
_OLD_BLOOD = {"t1": 0.9, "t1ce": 0.5, "t2": -0.35, "flair": -0.1}
_REGIONAL = np.array([[0.040], [0.055]], np.float32)
_TEXTURE = np.array([[0.025], [0.030]], np.float32)
_NOISE_BLUR = 0.45  # voxels: scanners interpolate, neighbouring noise is related
_LEAST = 2e-3  # smaller fractions do not show


class Physics:
    """One subject's relaxation times, contrast uptake, scanner and protocol."""

    def __init__(self, rng: np.random.Generator, kind: str, sites: str):
        self.scanner = draw_scanner(rng, kind, sites)
        self.relaxation = draw_relaxation(rng, self.scanner.tesla, spread=0.02 if sites == "one" else 0.04)
        self.uptake = draw_uptake(rng)
        self.scans = draw_scans(rng, kind, sites, self.scanner, self.relaxation["csf"].t1)
        self.textures = [(SmoothField(rng, 12, 2), 0.6), (SmoothField(rng, 4.5, 2), 0.8)]
        self.uneven_uptake = SmoothField(rng, 5)
        self.shading = {modality: SmoothField(rng, 80) for modality in self.scans}
        self.inflow, self.inflow_size = SmoothField(rng, 16), float(rng.uniform(0, 0.12))

    def log_variation(self, composition: Composition, texture: tuple[float, float] | None) -> np.ndarray:
        """(2, P) log-variation of T1 and T2: the place in the brain, fine texture, more of it in the tumour."""
        tissue = composition.tissue
        size = _TEXTURE
        if composition.parts is not None:
            share = np.maximum(composition.parts.core, 0.6 * composition.parts.ed)
            size = size + np.array(texture, np.float32)[:, None] * share  # 2, P
        noise = sum(weight * f(tissue.points) for f, weight in self.textures)  # 2, P
        regional = _REGIONAL * template().sample_regional(tissue.position)
        return np.clip(size * noise + regional, -0.5, 0.5).astype(np.float32)

    def signals(self, composition: Composition, variation: np.ndarray, iron: np.ndarray) -> dict[str, np.ndarray]:
        """Every modality's signal at the composition's P points in units of the subject's white matter, (P,).

        Σ_k fraction_k · S(T1_k, T2_k, PD_k): a voxel's classes add their signals (partial volume), each through
        its sequence's equation.
        """
        tissue = composition.tissue
        inflow = self.inflow_size * np.clip(self.inflow(tissue.points), 0, 2)
        uneven = np.exp(0.3 * self.uneven_uptake(tissue.points)) if composition.parts is not None else None
        images = {m: np.zeros(tissue.csf.shape, np.float32) for m in self.scans}
        white = {m: self._white(m) for m in self.scans}
        for name, share in composition.fractions.items():
            there = np.flatnonzero(share > _LEAST)
            if not len(there):
                continue
            times = self._local_times(name, variation[:, there], iron[there])
            for modality, image in images.items():
                contrast = 0.0
                if modality == "t1ce":
                    contrast = self.uptake[name] * (uneven[there] if name == "et" else 1.0)
                value = self._signal(modality, times, contrast)
                if name == "blood":
                    value = value * _FLOW_VOID[modality]
                if name == "csf" and modality == "flair":
                    value = value + white[modality] * inflow[there]
                image[there] += share[there] * value
        for modality, image in images.items():
            if composition.parts is not None:
                image *= 1 + _OLD_BLOOD[modality] * composition.parts.blood
            image *= tissue.inside / white[modality]
        return images

    def _white(self, modality: str) -> float:
        contrast = self.uptake["wm"] if modality == "t1ce" else 0.0
        return float(self._signal(modality, self.relaxation["wm"], contrast))

    def _local_times(self, name: str, variation: np.ndarray, iron: np.ndarray) -> Relaxation:
        """The class's relaxation times at each point, arrays instead of numbers; fluid does not vary."""
        times = self.relaxation[name]
        if name == "csf":
            return times
        shorter = iron if name in ("gm", "wm") else np.float32(0)
        return Relaxation(times.t1 * np.exp(variation[0]), times.t2 * np.exp(variation[1] - shorter), times.pd)

    def _signal(self, modality: str, times: Relaxation, contrast):
        after = times.with_contrast(contrast) if modality == "t1ce" else times
        return self.scans[modality].sequence.signal(after.t1, after.t2, after.pd)


def average_over_voxels(grid: Grid, points: Points):
    """A function that takes values (P,) at the sub-samples of one plane to the voxels' means (X, Y)."""
    in_plane, _ = grid.oversampling
    nx, ny = grid.shape

    def average(values: np.ndarray) -> np.ndarray:
        plane = points.put(values).mean(0)  # X·in_plane, Y·in_plane
        return plane.reshape(nx, in_plane, ny, in_plane).mean((1, 3))  # X, Y

    return average


def acquire(
    physics: Physics, modality: str, fine: np.ndarray, mask: np.ndarray, grid: Grid, k: int, key: int
) -> np.ndarray:
    """Plane `k` of one modality as the scanner writes it, (X, Y) float32 of whole numbers, 0 outside `mask`.

    fine: signal at the sub-samples in units of white matter; mask: (X, Y) bool; key: the subject's noise number.
    Noise is keyed by the plane's height, so a plane rendered alone is that plane of the volume.
    """
    scan = physics.scans[modality]
    here = Points.on(*grid.axes, [grid.z[k]])
    image = sample(fine, grid, k, scan.blur, scan.shift)
    shade = physics.shading[modality](here).reshape(grid.shape)
    image = _rician(image * np.exp(scan.bias * shade), scan, grid, noise_key(key, modality, grid, k))
    return np.where(mask, np.maximum(np.round(scan.gain * image), 1), 0).astype(np.float32)


def sample(fine: np.ndarray, grid: Grid, k: int, blur: float, shift: tuple[float, float] = (0.0, 0.0)) -> np.ndarray:
    """Voxels (X, Y) of plane `k` from its sub-samples: blurred by `blur` mm, shifted in plane, averaged."""
    samples, voxels = Points.on(*grid.fine_axes(k)).axes, Points.on(*grid.axes, [grid.z[k]]).axes
    rows, columns = (_sampling(voxels[i], samples[i], grid.step, blur, shift[i]) for i in range(2))
    return (columns @ (rows @ fine).T).T


@functools.lru_cache(maxsize=64)
def _sampling(voxels: tuple, samples: tuple, step: float, blur: float, shift: float) -> sparse.csr_array:
    """(voxels, samples) weights of one axis: a box of the voxel's width, Gaussian blur and a shift in one matrix."""
    distance = np.array(voxels)[:, None] + shift - np.array(samples)  # voxels, samples
    edge = lambda d: erf(d / (np.sqrt(2) * blur))
    weights = edge(distance + step / 2) - edge(distance - step / 2)
    weights = np.where(weights > 1e-6, weights, 0)
    return sparse.csr_array((weights / weights.sum(1, keepdims=True)).astype(np.float32))


def noise_key(key: int, modality: str, grid: Grid, k: int) -> list[int]:
    return [key, zlib.crc32(modality.encode()), round(grid.z[k] * 1000) & 0xFFFFFFFF, *grid.shape]


def _rician(image: np.ndarray, scan: Scan, grid: Grid, key: list[int]) -> np.ndarray:
    """Magnitude of the signal with Gaussian noise on both channels: √((s + n₁)² + n₂²)."""
    noise = scan_noise(2, image.shape, grid, key) * np.float32(scan.noise)
    return np.sqrt((image + noise[0]) ** 2 + noise[1] ** 2)


def scan_noise(channels: int, shape: tuple[int, int], grid: Grid, key: list[int]) -> np.ndarray:
    """(channels, X, Y) Gaussian noise of sd 1 for a 1 mm voxel, a little blurred in plane.

    Larger voxels are less noisy: sd ∝ step^−0.75 (not −1.5, as neighbouring 1 mm voxels share their noise).
    """
    white = np.random.default_rng(key).standard_normal((channels, *shape), dtype=np.float32)
    impulse = np.zeros(7)
    impulse[3] = 1
    kept = (ndimage.gaussian_filter1d(impulse, _NOISE_BLUR, truncate=3) ** 2).sum()  # variance left, per axis
    noise = ndimage.gaussian_filter(white, (0, _NOISE_BLUR, _NOISE_BLUR), truncate=3) / np.float32(kept)
    return noise * np.float32(grid.step**-0.75)
