"""The average brain all subjects are deformed from: nilearn's MNI152 maps, prepared once and kept on disk."""

from __future__ import annotations

import functools
import hashlib
import json
import os
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from filelock import FileLock
from scipy import ndimage

from medsyn_core.files import atomic

TEMPLATE_VERSION = 1
MAPS = ("gm", "wm", "surface", "ventricles")
REGIONAL_SPACING = 4
MARGIN = 8


@dataclass(frozen=True)
class Template:
    """Maps of the average brain on one 1 mm grid (RAS).

    gm, wm: tissue probabilities; surface: signed distance to the brain surface in mm, positive inside;
    ventricles: distance to the ventricles in mm; regional: (2, x, y, z) fixed log-variation of T1 and T2 with the
    place in the brain on a coarse grid, mirror-symmetric, invented; origin: mm of the first voxel; digest: 12 hex
    digits that identify the maps it was made from.
    """

    gm: np.ndarray
    wm: np.ndarray
    surface: np.ndarray
    ventricles: np.ndarray
    regional: np.ndarray
    origin: np.ndarray
    digest: str

    def sample(self, positions: np.ndarray, *names: str) -> list[np.ndarray]:
        """The maps `names` at template positions (3, P) in mm, each (P,) float32, by trilinear interpolation."""
        index = positions - self.origin.astype(np.float32)[:, None]  # 3, P
        look = functools.partial(ndimage.map_coordinates, order=1, mode="nearest", prefilter=False)
        return [look(getattr(self, name), index) for name in names]

    def sample_regional(self, positions: np.ndarray) -> np.ndarray:
        """Regional log-variation of T1 and T2 at template positions (3, P) in mm: (2, P) float32."""
        index = (positions - self.origin.astype(np.float32)[:, None]) / np.float32(REGIONAL_SPACING)  # 3, P
        return np.stack(
            [ndimage.map_coordinates(m, index, order=1, mode="nearest", prefilter=False) for m in self.regional]
        )


def cache_folder() -> Path:
    """$MEDSYN_CACHE, else ~/.cache/medsyn."""
    return Path(os.environ.get("MEDSYN_CACHE") or Path.home() / ".cache" / "medsyn")


def template() -> Template:
    """The prepared template, memory-mapped; made on first use (a few seconds), safe when two processes start it."""
    return _load(cache_folder() / f"template-v{TEMPLATE_VERSION}")


@functools.lru_cache(maxsize=2)
def _load(folder: Path) -> Template:
    done = folder / "template.json"  # written last: where it exists the maps are whole
    if not done.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / "lock"):
            if not done.exists():
                _prepare(folder, done)
    facts = json.loads(done.read_text())
    maps = {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in (*MAPS, "regional")}
    return Template(**maps, origin=np.array(facts["origin"]), digest=facts["digest"])


def _prepare(folder: Path, done: Path) -> None:
    t1, gm, wm, origin, digest = _read_nilearn()
    brain = ndimage.binary_fill_holes(t1 > 0)
    del t1
    outside = ndimage.distance_transform_edt(~brain).astype(np.float32)
    inside = ndimage.distance_transform_edt(brain).astype(np.float32)
    surface = ndimage.gaussian_filter(np.clip(inside - outside, -12, 80), 1.0)
    del inside, outside
    maps = {"gm": gm, "wm": wm, "surface": surface, "ventricles": _ventricle_distance(gm, wm, surface, origin)}
    maps["regional"] = _regional(gm.shape)
    for name, values in maps.items():
        with atomic(folder / f"{name}.npy") as temporary, open(temporary, "wb") as file:
            np.save(file, values)
    with atomic(done) as temporary:
        temporary.write_text(json.dumps({"origin": origin.tolist(), "digest": digest}))


def _read_nilearn() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, str]:
    """T1, GM and WM in 0..1 cropped to the brain and a margin, origin in mm, and the digest of the three maps.

    The files are read where nilearn keeps them: importing nilearn costs seconds and half the memory.
    """
    import nibabel

    package = find_spec("nilearn")
    if package is None:
        raise ModuleNotFoundError("the phantom's anatomy ships with nilearn, which is missing; pip install nilearn.")
    folder = Path(package.submodule_search_locations[0], "datasets", "data")
    digest, maps, crop, origin = hashlib.sha256(), [], None, None
    for name in ("t1", "gm", "wm"):
        image = nibabel.load(folder / f"mni_icbm152_{name}_tal_nlin_sym_09a_converted.nii.gz")
        values = image.get_fdata(dtype=np.float32, caching="unchanged")
        values /= values.max()
        digest.update(np.round(values * 255).astype(np.uint8).tobytes())
        if crop is None:
            box = ndimage.find_objects((values > 0).astype(np.uint8))[0]
            crop = tuple(slice(max(0, s.start - MARGIN), s.stop + MARGIN) for s in box)
            origin = image.affine[:3, 3] + [s.start for s in crop]
        maps.append(values[crop].copy())
    return *maps, origin, digest.hexdigest()[:12]


def _ventricle_distance(gm: np.ndarray, wm: np.ndarray, surface: np.ndarray, origin: np.ndarray) -> np.ndarray:
    """Distance to the ventricles, mm, at most 60: fluid deep in the brain, without cisterns and midline fissures."""
    x, y, z = (i + o for i, o in zip(np.indices(gm.shape, sparse=True), origin, strict=True))
    fissure = (np.abs(x) < 14) & (y < -26)
    ventricles = (1 - gm - wm > 0.6) & (surface > 18) & ~fissure & (z > -14)
    return np.minimum(ndimage.distance_transform_edt(~ventricles), 60).astype(np.float32)


def _regional(shape: tuple[int, ...]) -> np.ndarray:
    """Two smooth maps (2, x, y, z) of unit variance; what of T1 → T2 depends on the place, not on the intensity."""
    rng = np.random.default_rng(7)
    noise = rng.standard_normal((2, *(n // REGIONAL_SPACING + 1 for n in shape)), dtype=np.float32)
    smooth = ndimage.gaussian_filter(noise, (0, 2, 2, 2))
    smooth = smooth + smooth[:, ::-1]  # left = right: the maps say where in the brain, not on which side
    return smooth / smooth.std((1, 2, 3), keepdims=True)
