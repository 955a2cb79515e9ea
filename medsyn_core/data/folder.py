"""A folder of one's own: one folder a patient, in it files that are named by what they show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np

from .assemble import Grid, assemble, onto_grid
from .errors import DataError
from .masks import brain_or_head
from .nifti import read_scan
from .releases import ALIASES, OTHER, release_of
from .scan import Found, find_images
from .volume import MODALITIES, SubjectRef, Volume

BRAIN = "brainmask"
LABELS = ("seg", "tissue", BRAIN)
KINDS: Mapping[str, str] = {**ALIASES, BRAIN: BRAIN}
"""Last word of a file's name, in lower case -> what the file is."""

SKULL = "still has its skull; strip it (HD-BET, SynthStrip) or put a brainmask.nii.gz beside it"


class FolderSource:
    """`root`/<patient>/t1.nii.gz and so on, or `root`/<patient>/<visit>/t1.nii.gz.

    The last word of a file's name says what it shows (t1, t1ce, t2, flair, ct, seg in BraTS codes, tissue, brainmask,
    and their aliases in `releases`; P07_T1w.nii.gz is a t1). Folders right below `root` are patients, so that a split
    by patient keeps all visits of one together; a subject is a visit. A subject's files must share a grid. What lies
    outside a brainmask is set to 0; where there is none and the skull is still on, what lies outside the head, and the
    notes say so. Raises DataError if nothing is found, and for files that name no patient or the same modality.
    """

    name = "folder"
    notice = "Images of your own: their terms of use are yours to keep."

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root)

    @property
    def key(self) -> dict:
        return {"release": "own"}

    def subjects(self) -> list[SubjectRef]:
        return list(self._refs)

    def read(self, ref: SubjectRef) -> Volume:
        paths = ref.paths or {}
        images = {kind: read_scan(path, ref.id) for kind, path in paths.items() if kind not in LABELS}
        labels = {kind: read_scan(paths[kind], ref.id, labels=True) for kind in LABELS if kind in paths}
        brainmask, notes = labels.pop(BRAIN, None), []
        volume = assemble(ref, images, labels, OTHER.codes, "BraTS")
        inside = None
        if brainmask:
            first = next(m for m in (*MODALITIES, "ct") if m in images)
            inside = onto_grid(brainmask, Grid.of(images[first]), ref.id, notes) != 0
        return _bare_brain(volume, inside, notes)

    @cached_property
    def _refs(self) -> tuple[SubjectRef, ...]:
        found = find_images(self.root)
        visits: dict[Path, list[Found]] = {}
        for file in found:
            visits.setdefault(file.folder, []).append(file)
        refs: dict[str, SubjectRef] = {}
        for folder, files in sorted(visits.items()):
            ref = self._reference(folder, files)
            if ref is None:
                continue
            if ref.id in refs:
                problem = f"and {next(iter(refs[ref.id].paths.values())).parent} would both be called {ref.id}."
                raise DataError(ref.id, folder, problem, "Rename one of the folders.")
            refs[ref.id] = ref
        if not refs:
            problem = f"holds {len(found)} NIfTI files (e.g. {found[0].path.name}), none of them a known modality."
            advice = f"Names must end in one of {', '.join((*MODALITIES, 'ct'))}: <patient>/t1.nii.gz."
            raise DataError(None, self.root, problem, advice)
        return tuple(refs.values())

    def _reference(self, folder: Path, files: list[Found]) -> SubjectRef | None:
        """The subject in a folder; None where no file of it shows a modality."""
        paths: dict[str, Path] = {}
        notes = [file.note for file in files if file.note]
        for file in files:
            kind = KINDS.get(file.word)
            if kind is None:
                notes.append(f"{file.path.name} is no known modality and is ignored")
            elif kind in paths:
                problem = f"and {paths[kind].name} are both taken for {kind}."
                advice = "Keep one of them in the folder; what was taken after contrast agent must end in t1ce."
                raise DataError(folder.name, file.path, problem, advice)
            else:
                paths[kind] = file.path
        if not set(paths) - set(LABELS):
            return None
        parts = folder.relative_to(self.root).parts
        if not parts:
            problem = f"holds images itself (e.g. {files[0].path.name}), so that nobody knows whose they are."
            raise DataError(None, self.root, problem, "Give each patient a folder: <patient>/t1.nii.gz.")
        release = release_of(parts[-1])
        if release.name not in ("other", "phantom"):  # whose names tell patients and codes, which folders do not
            advice = 'Read them with load("brats", ...).'
            raise DataError(None, self.root, f"holds subjects of {release.title}, e.g. {parts[-1]}.", advice)
        return SubjectRef("_".join(parts), parts[0], paths=paths, notes=tuple(notes))


def _bare_brain(volume: Volume, mask: np.ndarray | None, notes: list[str]) -> Volume:
    """MR images zero outside `mask`; without one, outside the head where the skull is on. CT is left as it is."""
    magnetic = [name for name in volume.images if name != "ct"]
    if magnetic:
        inside, stripped = brain_or_head(volume.images[magnetic[0]], volume.affine, mask)
        if not stripped:
            notes.append(SKULL)
        if mask is not None or not stripped:
            bare = {m: np.where(inside, volume.images[m], np.float32(0)) for m in magnetic}
            volume = replace(volume, images={**volume.images, **bare})
    return replace(volume, problems=(*volume.problems, *notes))
