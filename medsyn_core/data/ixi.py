"""IXI: T1 and T2 of healthy people at three hospitals, each in its own space and with the skull on."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np
from scipy import ndimage

from .assemble import Grid, assemble, onto_grid
from .errors import DataError
from .masks import brain_or_head, tissue_classes
from .nifti import AFFINE_TOLERANCE, Scan, read_scan
from .releases import IXI_NAME, IXI_NOTICE
from .scan import find_images
from .volume import SubjectRef, Volume

SITES = ("Guys", "HH", "IOP")
SKULL = "still has its skull; strip it (HD-BET, SynthStrip) or put a <id>-<site>-<number>-mask.nii.gz beside it"


class IxiSource:
    """The subjects of IXI below `root`: IXI002-Guys-0828-T1.nii.gz and its -T2, flat or in folders.

    T2 is resampled onto T1's grid by the headers. HiFi-Syn stripped the skulls and segmented the tissues with other
    tools: a -mask.nii.gz and a -tissue.nii.gz (1 CSF, 2 GM, 3 WM, on T1's grid) of the same name are used if they
    are there; else a head mask or a three-class mixture on T1 stands in, and the notes say so. PD is not read.
    Raises DataError if nothing is found.
    """

    name = "ixi"
    notice = IXI_NOTICE

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root)

    @property
    def key(self) -> dict:
        return {"release": "ixi"}

    def subjects(self) -> list[SubjectRef]:
        return list(self._refs)

    @cached_property
    def _refs(self) -> tuple[SubjectRef, ...]:
        files: dict[str, dict[str, Path]] = {}
        sites: dict[str, str] = {}
        notes: dict[str, list[str]] = {}
        found = find_images(self.root)
        for file in found:
            name = re.fullmatch(IXI_NAME, file.stem, re.IGNORECASE)
            if not name or name["what"].upper() == "PD":
                continue
            subject, kind = name["id"].upper(), name["what"].lower()
            remarks = notes.setdefault(subject, [file.note] if file.note else [])
            sites.setdefault(subject, next((s for s in SITES if s.lower() == name["site"].lower()), name["site"]))
            known = files.setdefault(subject, {}).setdefault(kind, file.path)
            if known != file.path:
                remarks.append(f"{known.name} is read, {file.path} is ignored")
        if not files:
            problem = f"holds {len(found)} NIfTI files (e.g. {found[0].path.name}) but no IXI subject."
            advice = 'Names must read like IXI002-Guys-0828-T1.nii.gz; BraTS folders are read by load("brats", ...).'
            raise DataError(None, self.root, problem, advice)
        for subject, paths in files.items():
            notes[subject] += [f"no {m}" for m in ("t1", "t2") if m not in paths]
        return tuple(
            SubjectRef(subject, subject, sites[subject], None, files[subject], tuple(notes[subject]))
            for subject in sorted(files)
        )

    def read(self, ref: SubjectRef) -> Volume:
        paths = ref.paths or {}
        images = {m: read_scan(paths[m], ref.id) for m in ("t1", "t2") if m in paths}
        labels = {k: read_scan(paths[k], ref.id, labels=True) for k in ("mask", "tissue") if k in paths}
        notes: list[str] = []
        if len(images) == 2:
            moved = resample(images["t2"], Grid.of(images["t1"]))
            if moved is not images["t2"]:
                notes.append("t2 is resampled onto t1 by the headers, which trusts that nobody moved in between")
                images["t2"] = moved
        mask = labels.pop("mask", None)
        volume = assemble(ref, images, labels, {}, "IXI")
        inside = onto_grid(mask, Grid.of(next(iter(images.values()))), ref.id, notes) != 0 if mask else None
        return _bare_brain(volume, inside, notes)


def resample(scan: Scan, grid: Grid) -> Scan:
    """`scan` on `grid` by its affine, linear, 0 outside; the scan itself where it lies there already."""
    data, affine = scan.ras()
    if data.shape == grid.shape and np.allclose(affine, grid.affine, atol=AFFINE_TOLERANCE):
        return scan
    step = np.linalg.inv(affine) @ grid.affine  # voxels of the grid -> voxels of the scan
    moved = ndimage.affine_transform(data, step[:3, :3], step[:3, 3], grid.shape, order=1, cval=0.0)
    return Scan(scan.path, moved.astype(np.float32), grid.affine, scan.notes)


def _bare_brain(volume: Volume, mask: np.ndarray | None, notes: list[str]) -> Volume:
    """Zero outside the brain (outside the head if nothing better is known), and tissue classes if there are none."""
    name, first = next(iter(volume.images.items()))
    mask, stripped = brain_or_head(first, volume.affine, mask)
    if not stripped:
        notes.append(SKULL)
    images = {m: np.where(mask, image, np.float32(0)) for m, image in volume.images.items()}
    tissue = volume.tissue
    if tissue is None and stripped and name == "t1":
        tissue = tissue_classes(first, mask)
        notes.append("tissue classes are a three-class mixture on t1: approximate")
    return replace(volume, images=images, tissue=tissue, problems=(*volume.problems, *notes))
