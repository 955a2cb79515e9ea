"""Writing any source out as BraTS-style folders, which the reader of real data then reads."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path

import nibabel as nib
import numpy as np

from ..files import atomic
from .errors import DataError
from .volume import Source, SubjectRef, Volume

LPS = ("L", "P", "S")
"""Where the axes of BraTS' files point."""


def write_folder(source: Source, root: str | Path) -> list[Path]:
    """One folder a subject below `root`: <id>_t1.nii.gz and so on, <id>_seg.nii.gz, <id>_tissue.nii.gz.

    Voxels are stored as BraTS stores them, towards left and posterior, as int16 where all values are whole. Grades
    and sites go to name_mapping.csv, the notice to README, the source's key to manifest.json. Returns the subjects'
    folders. Raises DataError if `root` holds anything but the same data.
    """
    root = Path(root).expanduser()
    manifest = root / "manifest.json"
    key = {"source": source.name, **source.key}
    if root.exists() and any(root.iterdir()):
        known = json.loads(manifest.read_text(encoding="utf-8"))["key"] if manifest.exists() else None
        if known != key:
            raise DataError(None, root, "is not empty and holds other data.", "Choose a new folder.")
    refs = source.subjects()
    # First, so that a run that is interrupted can be repeated into the same folder.
    _text(manifest, json.dumps({"key": key, "subjects": [ref.id for ref in refs]}, indent=1))
    _text(root / "README", f"{source.notice}\n\nRead it with medsyn_core.data.load('brats', this folder).\n")
    _mapping(root / "name_mapping.csv", refs)
    return [_subject(root / ref.id, source.read(ref)) for ref in refs]


def _subject(folder: Path, volume: Volume) -> Path:
    affine = np.eye(4) if volume.affine is None else volume.affine
    labels = {"seg": volume.seg, "tissue": volume.tissue}
    for kind, array in {**volume.images, **{k: a for k, a in labels.items() if a is not None}}.items():
        whole = kind in labels or (array == np.round(array)).all()
        stored = array.astype(np.uint8 if kind in labels else np.int16 if whole else np.float32)
        write_image(folder / f"{volume.subject}_{kind}.nii.gz", stored, affine)
    return folder


def write_image(path: Path, array: np.ndarray, affine: np.ndarray, axes: tuple[str, str, str] = LPS) -> None:
    """A RAS array (X, Y, Z) with its affine as NIfTI, voxels stored along `axes`, atomically; the same bytes each time.

    path: ends in .nii.gz, or in .nii for a file that is not compressed.
    """
    turn = nib.orientations.ornt_transform(nib.orientations.axcodes2ornt("RAS"), nib.orientations.axcodes2ornt(axes))
    there = affine @ nib.orientations.inv_ornt_aff(turn, array.shape)
    picture = nib.Nifti1Image(nib.apply_orientation(array, turn), there)
    picture.header.set_xyzt_units("mm")
    content = picture.to_bytes()
    with atomic(path) as temporary:
        temporary.write_bytes(gzip.compress(content, compresslevel=6, mtime=0) if path.suffix == ".gz" else content)


def _mapping(path: Path, refs: list[SubjectRef]) -> None:
    with atomic(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["Grade", "Site", "subject_ID"])
        table.writerows([ref.grade or "", ref.site or "", ref.id] for ref in refs)


def _text(path: Path, text: str) -> None:
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
