"""Writing any source out as a folder of NIfTI files, which the reader of real data then reads."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Callable, Mapping
from pathlib import Path

import nibabel as nib
import numpy as np

from ..files import atomic
from .errors import DataError
from .volume import Source, SubjectRef, Volume

LPS = ("L", "P", "S")
"""Where the axes of BraTS' files point."""

LAYOUTS: Mapping[str, Callable[[SubjectRef, int, str], str]] = {
    "brats": lambda ref, number, kind: f"{ref.id}/{ref.id}_{kind}",
    "ixi": lambda ref, number, kind: f"IXI-{kind.upper()}/IXI{number:03d}-{ref.site}-{number:04d}-{_ixi_word(kind)}",
    "folder": lambda ref, number, kind: f"{ref.id}/{kind}",
}
"""Where a file goes below the root, without its suffix: from a subject, its number and what the file shows. Each is
named like the source that reads it."""


def write_folder(source: Source, root: str | Path, layout: str = "brats") -> list[Path]:
    """Every subject's images, and its seg and tissue where it has them, as .nii.gz below `root`.

    layout: "brats" (<id>/<id>_t1.nii.gz), "ixi" (IXI-T1/IXI000-<site>-0000-T1.nii.gz, of T1 and T2 only) or "folder"
    (<id>/t1.nii.gz), to be read by the source of that name. Voxels are stored as BraTS stores them, towards left and
    posterior, as int16 where all values are whole. Grades and sites go to name_mapping.csv, the notice to README, the
    source's key to manifest.json. Returns the folders with images. Raises DataError if `root` holds anything but the
    same data, ValueError for an unknown layout and for images that IXI does not have.
    """
    if layout not in LAYOUTS:
        raise ValueError(f"layout={layout!r} does not exist; choose one of: {', '.join(LAYOUTS)}.")
    root = Path(root).expanduser()
    manifest = root / "manifest.json"
    key = {"source": source.name, **source.key, **({} if layout == "brats" else {"layout": layout})}
    if root.exists() and any(root.iterdir()):
        known = json.loads(manifest.read_text(encoding="utf-8"))["key"] if manifest.exists() else None
        if known != key:
            raise DataError(None, root, "is not empty and holds other data.", "Choose a new folder.")
    refs = source.subjects()
    # First, so that a run that is interrupted can be repeated into the same folder.
    _text(manifest, json.dumps({"key": key, "subjects": [ref.id for ref in refs]}, indent=1))
    _text(root / "README", f"{source.notice}\n\nRead it with medsyn_core.data.load({layout!r}, this folder).\n")
    _mapping(root / "name_mapping.csv", refs)
    folders: dict[Path, None] = {}
    for number, ref in enumerate(refs):
        place = lambda kind, ref=ref, number=number: root / f"{LAYOUTS[layout](ref, number, kind)}.nii.gz"
        folders |= dict.fromkeys(_subject(place, source.read(ref)))
    return list(folders)


def _ixi_word(kind: str) -> str:
    """The last word of an IXI name."""
    if kind not in ("t1", "t2", "tissue"):
        raise ValueError(
            f'IXI has no {kind}; write a cohort of T1 and T2 alone (kind="ixi"), or choose another layout.'
        )
    return kind if kind == "tissue" else kind.upper()


def _subject(place: Callable[[str], Path], volume: Volume) -> list[Path]:
    """Write a volume's files where `place` says; returns the folders of its images."""
    affine = np.eye(4) if volume.affine is None else volume.affine
    labels = {"seg": volume.seg, "tissue": volume.tissue}
    for kind, array in {**volume.images, **{k: a for k, a in labels.items() if a is not None}}.items():
        whole = kind in labels or (array == np.round(array)).all()
        stored = array.astype(np.uint8 if kind in labels else np.int16 if whole else np.float32)
        write_image(place(kind), stored, affine)
    return [place(kind).parent for kind in volume.images]


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
