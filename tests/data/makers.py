"""Tiny subjects, in memory and as NIfTI folders of every style."""

from __future__ import annotations

import time
from pathlib import Path

import nibabel as nib
import numpy as np

from medsyn_core.data import prepare
from medsyn_core.data.cut import Settings
from medsyn_core.data.errors import DataError
from medsyn_core.data.store import ARRAYS
from medsyn_core.data.volume import MODALITIES, SubjectRef, Volume

SHAPE = (16, 20, 12)
LPS = np.diag([-8.0, -8.0, 8.0, 1.0])
LPS[:3, 3] = (60, 70, -40)


def ball(shape=SHAPE, radius=0.8):
    axes = np.meshgrid(*(np.linspace(-1, 1, n) for n in shape), indexing="ij")
    return sum(a**2 for a in axes) < radius**2


def image(seed=0, shape=SHAPE):
    """int16-like volume: 0 outside a ball, 100 to 900 inside, no symmetry."""
    rng = np.random.default_rng(seed)
    return np.where(ball(shape), rng.integers(100, 900, shape), 0).astype(np.float32)


def labels(shape=SHAPE, codes=(1, 2, 4)):
    seg = np.zeros(shape, np.uint8)
    for k, code in enumerate(codes):
        seg[5 + k : 7 + k, 8:12, 4:8] = code
    return seg


class ToySource:
    """Subjects toy-0, toy-1, ...; `bad` ones cannot be read; `log` gets a line a read; `pause` seconds a read."""

    name = "toy"
    notice = "made up"

    def __init__(self, count=4, bad=(), log=None, pause=0.0, lacking=None, version=0):
        self.count, self.bad, self.log, self.pause = count, tuple(bad), log, pause
        self.lacking, self.version = lacking or {}, version

    @property
    def key(self):
        return {"version": self.version}

    def subjects(self):
        grades = ("HGG", "LGG")
        return [SubjectRef(f"toy-{k}", f"toy-{k}", grade=grades[k % 2]) for k in range(self.count)]

    def read(self, ref):
        number = int(ref.id.split("-")[1])
        if self.log:
            with open(self.log, "a") as file:
                file.write(f"{number}\n")
        time.sleep(self.pause)
        if number in self.bad:
            raise DataError(ref.id, f"{ref.id}.nii.gz", "is broken.", "Mend it.")
        names = [m for m in MODALITIES if m not in self.lacking.get(number, ())]
        images = {m: image(10 * number + MODALITIES.index(m)) for m in names}
        affine = np.diag([8.0, 8.0, 8.0, 1.0])
        return Volume(ref.id, ref.patient, images, labels(), None, affine, grade=ref.grade)


def save(path: Path, data, affine=LPS, dtype=np.int16):
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = nib.Nifti1Image(np.asarray(data).astype(dtype), affine)
    picture.header.set_xyzt_units("mm")
    nib.save(picture, path)
    return path


WORDS_2020 = {"t1": "_t1", "t1ce": "_t1ce", "t2": "_t2", "flair": "_flair", "seg": "_seg"}
WORDS_2023 = {"t1": "-t1n", "t1ce": "-t1c", "t2": "-t2w", "flair": "-t2f", "seg": "-seg"}


def write_subject(
    root: Path, name: str, words=WORDS_2020, suffix=".nii.gz", codes=(1, 2, 4), seed=0, folder=None
) -> dict[str, Path]:
    """One subject's five files; returns kind -> path."""
    home = root / (folder or name)
    files = {}
    for k, (kind, word) in enumerate(words.items()):
        data = labels(codes=codes) if kind == "seg" else image(seed * 10 + k)
        files[kind] = save(home / f"{name}{word}{suffix}", data)
    return files


def write_2020(root: Path, count=3, **how) -> list[dict[str, Path]]:
    return [write_subject(root, f"BraTS20_Training_{k + 1:03d}", seed=k, **how) for k in range(count)]


def write_ixi(root: Path, count=3) -> list[dict[str, Path]]:
    """T1 stored sagittally with thick planes, T2 axially on another grid, as IXI has them."""
    made = []
    sites = ("Guys", "HH", "IOP")
    for k in range(count):
        name = f"IXI{k + 2:03d}-{sites[k % 3]}-{800 + k:04d}"
        sagittal = np.array([[0, 0, 9.0, -70], [-8.0, 0, 0, 80], [0, -8.0, 0, 60], [0, 0, 0, 1]])
        axial = np.diag([6.0, 6.0, 10.0, 1.0])
        axial[:3, 3] = (-70, -80, -60)
        t1 = save(root / "IXI-T1" / f"{name}-T1.nii.gz", image(k, (18, 16, 14)), sagittal)
        t2 = save(root / "IXI-T2" / f"{name}-T2.nii.gz", image(k + 50, (22, 24, 11)), axial)
        made.append({"t1": t1, "t2": t2})
    return made


SETTINGS = Settings(px=20, slices=3, fov_mm=160.0)


def make(source=None, **how):
    return prepare(source or ToySource(), SETTINGS, **{"jobs": 1, **how})


def arrays(cohort):
    return {name: np.array(getattr(cohort, name)) for name in ARRAYS}


def same(first, second):
    return all(np.array_equal(a, b) for a, b in zip(arrays(first).values(), arrays(second).values(), strict=True))


def reads(log):
    return sorted(int(line) for line in log.read_text().split()) if log.exists() else []
