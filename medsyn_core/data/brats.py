"""BraTS of any year, the Decathlon's Task01, and folders that look like them."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from .assemble import assemble
from .errors import DataError
from .nifti import Scan, read_scan
from .releases import ALIASES, IXI_NAME, MSD_CHANNELS, RELEASES, Release, release_of
from .scan import Found, find_images
from .volume import SubjectRef, Volume

LABELS = ("seg", "tissue")


class BratsSource:
    """The subjects of one release below `root`, whatever their folders are called.

    release: a name of `releases.RELEASES` if the folders' names do not tell. A subject without a modality is kept
    and remarked, one without a segmentation is unlabelled. Raises DataError if nothing is found, or if subjects of
    several releases are: they share patients, so a split could leak.
    """

    name = "brats"

    def __init__(self, root: str | Path, release: str | None = None) -> None:
        if release is not None and release not in RELEASES:
            raise ValueError(f"there is no release {release!r}; choose one of: {', '.join(RELEASES)}.")
        self.root, self._wanted = Path(root), release

    @property
    def key(self) -> dict:
        return {"release": self.release.name}

    @property
    def notice(self) -> str:
        return self.release.notice

    @property
    def release(self) -> Release:
        """The release that the folders' names, or the caller, say this is."""
        return self._scan[0]

    def subjects(self) -> list[SubjectRef]:
        return list(self._scan[1])

    def read(self, ref: SubjectRef) -> Volume:
        paths = ref.paths or {}
        scans = {m: read_scan(path, ref.id) for m, path in paths.items() if m not in (*LABELS, "4d")}
        if "4d" in paths:
            scans |= _channels(read_scan(paths["4d"], ref.id, dims=4), ref.id)
        labels = {kind: read_scan(paths[kind], ref.id, labels=True) for kind in LABELS if kind in paths}
        return assemble(ref, scans, labels, self.release.codes, self.release.title)

    @cached_property
    def _scan(self) -> tuple[Release, tuple[SubjectRef, ...]]:
        found = find_images(self.root)
        if any(re.fullmatch(IXI_NAME, file.stem, re.IGNORECASE) for file in found):
            advice = 'Read them with load("ixi", ...).'
            raise DataError(None, self.root, "holds files with the names of IXI.", advice)
        decathlon = [f for f in found if f.folder.name in ("imagesTr", "imagesTs")]
        others = [f for f in found if f.folder.name not in ("imagesTr", "imagesTs", "labelsTr", "labelsTs")]
        refs = [*_decathlon(decathlon, found), *_by_subject(others)]
        if not any(set(ref.paths) - set(LABELS) for ref in refs):
            problem = f"holds {len(found)} NIfTI files (e.g. {found[0].path.name}) but no BraTS subject."
            advice = "Files must end in a modality: _t1, _t1ce, _t2, _flair, _seg (or -t1n, -t1c, -t2w, -t2f)."
            raise DataError(None, self.root, problem, advice)
        release = self._one_release(refs)
        known = _name_mapping(self.root)
        refs = [replace(ref, patient=release.patient(ref.id), **known.get(ref.id.lower(), {})) for ref in refs]
        return release, tuple(sorted(refs, key=lambda ref: ref.id))

    def _one_release(self, refs: Sequence[SubjectRef]) -> Release:
        if self._wanted:
            return RELEASES[self._wanted]
        releases: dict[str, list[str]] = {}
        for ref in refs:
            release = RELEASES["msd"] if "4d" in ref.paths else release_of(ref.id)
            releases.setdefault(release.title, []).append(ref.id)
        if len(releases) > 1:
            listed = "; ".join(f"{title}: {len(ids)}, e.g. {ids[0]}" for title, ids in releases.items())
            advice = "Pass the folder of one release: they share patients, so a split could leak."
            raise DataError(None, self.root, f"holds subjects of several releases ({listed}).", advice)
        return RELEASES["msd"] if "4d" in refs[0].paths else release_of(refs[0].id)


def _by_subject(found: Sequence[Found]) -> list[SubjectRef]:
    """Group files by folder and by the name before the last word; the last word says what a file is."""
    groups: dict[tuple[Path, str], dict[str, Found]] = {}
    strangers: dict[Path, list[Found]] = {}
    for file in found:
        if file.word in ALIASES:
            groups.setdefault((file.folder, file.prefix.lower()), {})[ALIASES[file.word]] = file
        else:
            strangers.setdefault(file.folder, []).append(file)
    refs: dict[str, SubjectRef] = {}
    for (folder, _), files in groups.items():
        # Only a folder of a single subject can tell whose the oddly named file is.
        alone = sum(1 for other, _ in groups if other == folder) == 1
        ref = _reference(folder, files, strangers.get(folder, ()) if alone else ())
        if ref.id in refs:
            other = next(iter(ref.paths.values())).parent
            known = refs[ref.id]
            refs[ref.id] = replace(known, notes=(*known.notes, f"is there twice; {other} is ignored"))
        else:
            refs[ref.id] = ref
    return list(refs.values())


def _reference(folder: Path, files: dict[str, Found], strangers: Sequence[Found]) -> SubjectRef:
    notes = [file.note for file in files.values() if file.note]
    candidates = [file for file in strangers if "seg" in file.stem.lower()]
    if "seg" not in files and len(candidates) == 1:  # BraTS20_Training_355 holds W39_1998.09.19_Segm.nii
        files = {**files, "seg": candidates[0]}
        notes.append(f"{candidates[0].path.name} is taken for the segmentation")
    missing = [m for m in ("t1", "t1ce", "t2", "flair") if m not in files]
    notes += [f"no {m}" for m in missing]
    named = next((file for kind, file in files.items() if file not in candidates), None)
    subject = (named.prefix if named else "") or folder.name
    grade = next((part.upper() for part in folder.parts[::-1] if part.upper() in ("HGG", "LGG")), None)
    paths = {kind: file.path for kind, file in files.items()}
    return SubjectRef(subject, subject, None, grade, paths, tuple(notes))


def _decathlon(images: Sequence[Found], found: Sequence[Found]) -> list[SubjectRef]:
    """Task01: one file of four channels a subject in imagesTr, its labels under the same name in labelsTr."""
    labels = {file.stem: file.path for file in found if file.folder.name == "labelsTr"}
    return [
        SubjectRef(
            file.stem,
            file.stem,
            paths={"4d": file.path, **({"seg": labels[file.stem]} if file.stem in labels else {})},
            notes=(file.note,) if file.note else (),
        )
        for file in images
    ]


def _channels(scan: Scan, subject: str) -> dict[str, Scan]:
    if scan.data.shape[3] != len(MSD_CHANNELS):
        problem = f"has {scan.data.shape[3]} channels; Task01 has {len(MSD_CHANNELS)} ({', '.join(MSD_CHANNELS)})."
        raise DataError(subject, scan.path, problem, "Check that the folder is Task01_BrainTumour.")
    return {m: replace(scan, data=scan.data[..., k]) for k, m in enumerate(MSD_CHANNELS)}


def _name_mapping(root: Path) -> dict[str, dict[str, str]]:
    """Subject in lower case -> grade (and site), from the name_mapping.csv that BraTS 2019 and 2020 come with."""
    known: dict[str, dict[str, str]] = {}
    for path in sorted(root.rglob("name_mapping*.csv")):
        with open(path, newline="", encoding="utf-8-sig") as file:
            for row in csv.DictReader(file):
                facts = {name.lower(): row[name].strip() for name in ("Grade", "Site") if (row.get(name) or "").strip()}
                ids = [value for column, value in row.items() if column and "subject_id" in column.lower()]
                known |= {i.strip().lower(): facts for i in ids if i}
    return known
