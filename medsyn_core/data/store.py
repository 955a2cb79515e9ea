"""A prepared cohort on disk: one .npy file an array, and an index written last."""

from __future__ import annotations

import json
import os
import zipfile
import zlib
from pathlib import Path

import numpy as np

from ..files import atomic
from .cut import Slices
from .errors import DataError

FORMAT = 1
"""Raised whenever the same parameters would give other arrays; part of every cohort's hash."""

ARRAYS = ("images", "brain", "seg", "tissue", "subject", "z_mm")
_BLOCK, _BLOCKS = 1 << 20, 64


def cache_path(cache: str | Path | None = None) -> Path:
    """`cache`, else $MEDSYN_CACHE, else ~/.cache/medsyn."""
    return Path(cache or os.environ.get("MEDSYN_CACHE") or Path.home() / ".cache" / "medsyn").expanduser().resolve()


def cache_folder(cache: str | Path | None = None) -> Path:
    """`cache_path`, made if it is missing; raises DataError if it cannot be written."""
    folder = cache_path(cache)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        writable = os.access(folder, os.W_OK)
    except OSError:
        writable = False
    if not writable:
        advice = "Set MEDSYN_CACHE (or pass cache=) to a folder you can write to."
        raise DataError(None, folder, "the cache folder cannot be written.", advice)
    return folder


def write_part(path: Path, slices: Slices, stamp: str) -> None:
    """Keep one subject's slices until the whole cohort is there, so that an interrupted run can go on."""
    meta = {
        "stamp": stamp,
        "modalities": slices.modalities,
        "labelled": slices.labelled,
        "has_tissue": slices.has_tissue,
        "notes": slices.notes,
    }
    arrays = {name: getattr(slices, name) for name in ARRAYS if name != "subject"}
    with atomic(path) as temporary, open(temporary, "wb") as file:
        np.savez(file, meta=np.array(json.dumps(meta)), **arrays)


def read_part(path: Path, stamp: str) -> Slices | None:
    """The slices kept at `path`; None if there are none, if they are damaged, or if the subject has changed."""
    try:
        with np.load(path) as part:
            meta = json.loads(str(part["meta"]))
            if meta.pop("stamp") != stamp:
                return None
            meta["modalities"], meta["notes"] = tuple(meta["modalities"]), tuple(meta["notes"])
            return Slices(**meta, **{name: part[name] for name in ARRAYS if name != "subject"})
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None


def part_shape(path: Path) -> tuple[tuple[int, ...], dict]:
    """Shape of a part's images (n, m, H, W) and its remarks, without reading the images."""
    with np.load(path) as part:
        return part["brain"].shape, json.loads(str(part["meta"]))


class Writer:
    """Fills the arrays of a cohort subject by subject, holding one subject in memory."""

    def __init__(self, folder: Path, count: int, modalities: tuple[str, ...], px: int, empty: float) -> None:
        self.folder, self.modalities, self.empty, self.row = folder, modalities, empty, 0
        plane = (count, px, px)
        layout = {
            "images": ((count, len(modalities), px, px), np.float16),
            "brain": (plane, np.bool_),
            "seg": (plane, np.uint8),
            "tissue": (plane, np.uint8),
            "subject": ((count,), np.int32),
            "z_mm": ((count,), np.float32),
        }
        self.arrays = {
            name: np.lib.format.open_memmap(folder / f"{name}.npy", mode="w+", dtype=dtype, shape=shape)
            for name, (shape, dtype) in layout.items()
        }

    def add(self, number: int, slices: Slices) -> None:
        """Append the planes of subject `number`; modalities it lacks hold the background value."""
        rows = slice(self.row, self.row + len(slices.z_mm))
        for m, name in enumerate(self.modalities):
            present = name in slices.modalities
            source = slices.images[:, slices.modalities.index(name)] if present else self.empty
            self.arrays["images"][rows, m] = source
        for name in ("brain", "seg", "tissue", "z_mm"):
            self.arrays[name][rows] = getattr(slices, name)
        self.arrays["subject"][rows] = number
        self.row = rows.stop

    def close(self, index: dict) -> None:
        """Flush the arrays and write the index, which makes the folder a cohort."""
        for array in self.arrays.values():
            array.flush()
        self.arrays.clear()  # Windows cannot rename a folder with open maps
        sums = {name: fingerprint(self.folder / f"{name}.npy") for name in ARRAYS}
        with atomic(self.folder / "index.json") as temporary:
            temporary.write_text(json.dumps({**index, "arrays": sums}, indent=1), encoding="utf-8")


def fingerprint(path: Path) -> str:
    """Size and CRC-32 of a file; above 64 MiB, of 64 blocks of 1 MiB spread evenly from first to last."""
    size = path.stat().st_size
    starts = range(0, size, _BLOCK)
    if len(starts) > _BLOCKS:
        starts = [k * (size - _BLOCK) // (_BLOCKS - 1) for k in range(_BLOCKS)]
    total = 0
    with open(path, "rb") as file:
        for start in starts:
            file.seek(start)
            total = zlib.crc32(file.read(_BLOCK), total)
    return f"{size}-{total:08x}"


def read_index(folder: Path, digest: str, stamp: str) -> dict | None:
    """The index of a whole, undamaged cohort made from unchanged files, else None."""
    try:
        index = json.loads((folder / "index.json").read_text(encoding="utf-8"))
        whole = index["hash"] == digest and index["stamp"] == stamp
        whole = whole and all(fingerprint(folder / f"{n}.npy") == index["arrays"][n] for n in ARRAYS)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return index if whole else None
