"""Reading one NIfTI file, or saying what is wrong with it."""

from __future__ import annotations

import gzip
import zlib
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np

from .errors import DataError

AGAIN = "Copy or download the file again."
AFFINE_TOLERANCE = 1e-3


@dataclass(frozen=True)
class Scan:
    """One file as stored. data: (X, Y, Z), or (X, Y, Z, C) where asked for; affine: (4, 4); notes: remarks."""

    path: Path
    data: np.ndarray
    affine: np.ndarray
    notes: tuple[str, ...] = ()

    @property
    def voxel_mm(self) -> np.ndarray:
        """(3,) voxel sizes along the stored axes."""
        return np.linalg.norm(self.affine[:3, :3], axis=0)

    def ras(self) -> tuple[np.ndarray, np.ndarray]:
        """Data and affine with the axes turned to right, anterior, superior; nothing is interpolated."""
        turn = nib.io_orientation(self.affine)
        affine = self.affine @ nib.orientations.inv_ornt_aff(turn, self.data.shape[:3])
        return nib.apply_orientation(self.data, turn), affine


def read_scan(path: Path, subject: str, dims: int = 3, labels: bool = False) -> Scan:
    """The whole file, checked: gzip's checksum, the header, the number of axes and an invertible affine.

    Images come as float32 with the header's slope and intercept applied, labels as their own numbers. A trailing
    axis of length 1 is dropped. Raises DataError naming subject, file, fault and remedy.
    """
    image = _parse(_content(path, subject), path, subject)
    try:
        data = np.asarray(image.dataobj, dtype=None if labels else np.float32)
    except (OSError, ValueError, EOFError) as error:
        raise DataError(subject, path, "is truncated: the image ends early.", AGAIN) from error
    except TypeError as error:
        advice = "Save it as one number a voxel."
        raise DataError(subject, path, "holds colours or other compound voxels.", advice) from error
    if data.dtype.kind not in "biuf":
        raise DataError(subject, path, f"holds {data.dtype} voxels.", "Save it as one real number a voxel.")
    while data.ndim > dims and data.shape[-1] == 1:
        data = data[..., 0]
    if data.ndim != dims or 0 in data.shape:
        found = " x ".join(map(str, data.shape))
        raise DataError(subject, path, f"is {found}, not a volume with {dims} axes.", "Split or convert it first.")
    affine = np.asarray(image.affine, float)
    if not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-6:
        advice = "Write a valid sform or qform, for example by copying the header of another modality."
        raise DataError(subject, path, "has an affine that cannot be inverted.", advice)
    unplaced = int(image.header["sform_code"]) == 0 and int(image.header["qform_code"]) == 0
    note = f"{path.name} has no sform and no qform: left, anterior, superior axes are assumed"
    return Scan(path, data, affine, (note,) if unplaced else ())


def _content(path: Path, subject: str) -> bytes:
    """The file's bytes, uncompressed. nibabel would stop before gzip's checksum, so the stream is read to its end."""
    if path.is_dir():
        problem = "is a folder without exactly one NIfTI file inside."
        raise DataError(subject, path, problem, "Keep one file in it, or replace the folder by the file.")
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise DataError(
            subject, path, f"cannot be read ({error.strerror}).", "Check the path and its rights."
        ) from error
    if not raw:
        raise DataError(subject, path, "is empty.", AGAIN)
    if raw[:512].lstrip().lower().startswith((b"<!doctype", b"<html", b"<?xml")):
        advice = "The server sent an error or log-in page; log in and download the file again."
        raise DataError(subject, path, "is a web page, not an image.", advice)
    compressed = raw[:2] == b"\x1f\x8b"
    if compressed != path.name.lower().endswith(".gz"):
        kind, suffix = ("gzip-compressed", ".nii.gz") if compressed else ("not gzip-compressed", ".nii")
        raise DataError(
            subject, path, f"is {kind}, against its name.", f"If it is a NIfTI, rename it to end in {suffix}."
        )
    if not compressed:
        return raw
    try:
        return gzip.decompress(raw)
    except EOFError as error:
        raise DataError(subject, path, "is truncated: the compressed stream ends early.", AGAIN) from error
    except (OSError, zlib.error) as error:
        raise DataError(subject, path, "is damaged: gzip's checksum does not fit.", AGAIN) from error


def _parse(content: bytes, path: Path, subject: str) -> nib.Nifti1Image:
    kinds = {348: nib.Nifti1Image, 540: nib.Nifti2Image}
    size = content[:4]
    kind = kinds.get(int.from_bytes(size, "little")) or kinds.get(int.from_bytes(size, "big"))
    try:
        if kind is None:
            raise ValueError("unknown header size")
        return kind.from_bytes(content)
    except Exception as error:  # nibabel raises many kinds for a broken header
        advice = "Convert it to NIfTI (DICOM: dcm2niix), or copy it again."
        raise DataError(subject, path, "is not a NIfTI file.", advice) from error


def recode(scan: Scan, subject: str, codes: dict[int, int], what: str) -> np.ndarray:
    """Labels of `scan` as uint8, translated by `codes`; whole numbers only, no code outside the table."""
    values = np.unique(scan.data)
    if not np.isfinite(values).all() or (values != np.round(values)).any():
        advice = "Resample labels with nearest neighbour and save them as integers."
        raise DataError(subject, scan.path, "has labels that are not whole numbers.", advice)
    unknown = [int(v) for v in values if int(v) not in codes]
    if unknown:
        problem = f"has label {', '.join(map(str, unknown[:5]))}; {what} uses {', '.join(map(str, sorted(codes)))}."
        advice = "Check which release and which labelling the file belongs to, and recode it."
        raise DataError(subject, scan.path, problem, advice)
    table = np.zeros(max(codes) + 1, np.uint8)
    for code, value in codes.items():
        table[code] = value
    return table[scan.data.astype(np.intp)]
