"""Finding the NIfTI files of a folder, past what unpacking and copying leave behind."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .errors import DataError

_SUFFIX = re.compile(r"\.nii(\.gz)?$", re.IGNORECASE)


@dataclass(frozen=True)
class Found:
    """A NIfTI file. folder: where its subject lives; stem: its name without suffix; note: a remark, or None."""

    path: Path
    folder: Path
    stem: str
    note: str | None = None

    @property
    def word(self) -> str:
        """The last word of the name, in lower case: "t1ce" of BraTS20_Training_001_t1ce."""
        return re.split(r"[-_. ]", self.stem)[-1].lower()

    @property
    def prefix(self) -> str:
        """The name without its last word: BraTS20_Training_001."""
        return self.stem[: -len(self.word)].rstrip("-_. ")


def find_images(root: Path) -> list[Found]:
    """Every NIfTI below `root`, once each, sorted by path.

    Skips hidden files, macOS leavings (._x, __MACOSX), and takes x.nii where x.nii.gz lies beside it; a folder
    called x.nii that holds one NIfTI (as some mirrors have) stands for that file. Raises DataError if there is none.
    """
    best: dict[tuple[Path, str], Found] = {}
    for path, folder, name in _walk(root):
        stem = _SUFFIX.sub("", name)
        key = (folder, stem.lower())
        if key not in best:
            best[key] = Found(path, folder, stem)
            continue
        # Sorted order puts .nii before .nii.gz.
        kept = best[key].path
        best[key] = Found(kept, folder, best[key].stem, f"both {kept.name} and {name} are there; the first is read")
    if not best:
        raise DataError(None, root, "holds no NIfTI file.", _advice(root))
    return list(best.values())


def _walk(root: Path) -> Iterator[tuple[Path, Path, str]]:
    """(file, folder of its subject, name that says what it is)."""
    for base, folders, files in os.walk(root):
        here = Path(base)
        folders[:] = sorted(f for f in folders if not f.startswith(".") and f != "__MACOSX")
        names = [(name, here / name) for name in files if not name.startswith(".")]
        for folder in [f for f in folders if _SUFFIX.search(f)]:
            folders.remove(folder)
            inside = [p for p in sorted((here / folder).iterdir()) if p.is_file() and not p.name.startswith(".")]
            images = [p for p in inside if _SUFFIX.search(p.name)]
            names.append((folder, images[0] if len(images) == 1 else here / folder))
        yield from ((path, here, name) for name, path in sorted(names) if _SUFFIX.search(name))


def _advice(root: Path) -> str:
    suffixes = {path.suffix.lower() for path in root.rglob("*") if path.is_file()}
    if suffixes & {".zip", ".tar", ".tgz", ".gz", ".7z", ".rar"}:
        return "There are archives in it: unpack them first."
    if ".dcm" in suffixes:
        return "There are DICOM files in it: convert them with dcm2niix and strip the skull first."
    return "Pass the folder that holds the subjects' folders."
