"""The one door to images: `load("phantom")`, `load("brats", root)`, `load("ixi", root)`, `load("folder", root)`."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

from ..profiles import profile
from .cohort import Cohort
from .cut import Settings
from .errors import DataError
from .prepare import prepare
from .splits import Split, rank
from .store import cache_path
from .volume import Source

NAMES = ("phantom", "brats", "ixi", "folder")
FOV_MM = 192.0
HEAD_FOV_MM = 240.0
"""Millimetres a side that hold a brain, and a head with its skull."""


def load(
    name: str = "phantom",
    root: str | Path | None = None,
    *,
    subjects: int | str | None = None,
    px: int | None = None,
    slices: int | str | None = None,
    scaling: str = "percentile",
    fov_mm: float | None = None,
    kind: str = "glioma",
    sites: str = "one",
    on_error: str = "raise",
    seed: int = 0,
    split: str | Sequence[int] | Split | None = None,
    cache: str | Path | None = None,
    jobs: int | None = None,
) -> Cohort:
    """A prepared cohort of the embedded phantom or of a folder of yours, from the cache if it was made before.

    name: "phantom", "brats" (2018 to 2023 names, and the Decathlon's Task01), "ixi" or "folder" (of your own, see
    `folder.FolderSource`); root: the folder, for all but the first; subjects (a number, or "all" of a folder), px
    (pixels a side) and slices (planes a subject, "all", or "cubic", see `cut.Settings`) default to the profile;
    scaling: see `scaling.SCALINGS`; fov_mm: millimetres a side, by default 192, and 240 for the phantom's heads with
    CT; kind and sites: of the phantom, see `phantom.PhantomSource`; on_error: "raise" at the first subject that cannot
    be read, or "skip" it; seed: of the phantom, of the choice of subjects and of the split; split: see `splits.split`,
    by default Dual-D's ratio, for IXI HiFi-Syn's; cache: instead of $MEDSYN_CACHE; jobs: processes.

    Raises DataError (a ValueError) with the subject, the file and what to do, ValueError for an unknown argument.
    """
    sizes = profile()
    px, slices = sizes.px if px is None else px, sizes.slices if slices is None else slices
    if fov_mm is None:
        fov_mm = HEAD_FOV_MM if (name, kind) == ("phantom", "ct") else FOV_MM
    settings = Settings(px, slices, scaling, fov_mm)
    count = sizes.subjects if subjects is None else subjects
    if count != "all" and (not isinstance(count, int) or isinstance(count, bool) or count < 1):
        raise ValueError(f'subjects={subjects!r} must be a whole number of at least 1, or "all".')
    source = open_source(name, root, subjects=count, px=settings.px, kind=kind, sites=sites, seed=seed)
    if root is not None and cache_path(cache).is_relative_to(Path(root).expanduser().resolve()):
        raise DataError(None, root, "the cache would lie inside your data folder.", "Set MEDSYN_CACHE elsewhere.")
    refs = source.subjects()
    if count != "all" and count < len(refs):
        refs = sorted(sorted(refs, key=lambda ref: rank(seed, ref.id))[:count], key=lambda ref: ref.id)
    cohort = prepare(source, settings, refs=refs, on_error=on_error, cache=cache, jobs=jobs)
    if split is not None:
        return cohort.divide(split, seed)
    # A handful of subjects can be looked at without being divisible into three sets.
    divisible = len({info.patient for info in cohort.subjects}) >= 3
    return cohort.divide("ixi" if "ixi" in (name, kind) else "dual", seed) if divisible else cohort


def open_source(
    name: str,
    root: str | Path | None = None,
    *,
    subjects: int | str = 1,
    px: int = 64,
    kind: str = "glioma",
    sites: str = "one",
    seed: int = 0,
) -> Source:
    """The source called `name`, not yet read; the arguments after root are the phantom's."""
    if name not in NAMES:
        close = get_close_matches(str(name).lower(), NAMES, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise ValueError(f"there is no cohort called {name!r}; choose one of: {', '.join(NAMES)}.{hint}")
    if name == "phantom":
        from .phantom import PhantomSource

        if root is not None:
            raise ValueError('the phantom takes no root; to read one written as a folder use load("brats", root).')
        if subjects == "all":
            raise ValueError('the phantom has no end: give subjects= a number instead of "all".')
        return PhantomSource(kind=kind, subjects=subjects, px=px, seed=seed, sites=sites)
    if root is None:
        raise ValueError(f'load("{name}") needs the folder of the data: load("{name}", "/path/to/{name}").')
    folder = Path(root).expanduser()
    if not folder.is_dir():
        problem = "is a file" if folder.exists() else "does not exist"
        advice = f'Pass the folder that holds the subjects: load("{name}", "/path/to/{name}").'
        raise DataError(None, folder, f"{problem}.", advice)
    if name == "ixi":
        from .ixi import IxiSource

        return IxiSource(folder)
    if name == "folder":
        from .folder import FolderSource

        return FolderSource(folder)
    from .brats import BratsSource

    return BratsSource(folder)
