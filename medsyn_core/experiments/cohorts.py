"""The phantom cohorts that plans are recorded on, at the sizes of a profile."""

from __future__ import annotations

from functools import cache
from typing import Any

from medsyn_core.profiles import Profile

VOLUME_PX = {"laptop": 48}
"""Pixels a side of whole volumes where they are not the profile's: 15 choices of modalities a subject have to be
segmented in three dimensions."""


def volume_px(size: Profile) -> int:
    """Voxels a side of the whole volumes of a profile."""
    return VOLUME_PX.get(size.name, size.px)


def load_cohort(size: Profile, kind: str = "glioma", scaling: str = "percentile") -> Any:
    """A phantom cohort of a kind at a profile's sizes, prepared if need be; divided as the Dual-D paper does."""
    from medsyn_core import data

    sizes = {"subjects": size.subjects, "px": size.px, "slices": size.slices}
    return data.load("phantom", kind=kind, scaling=scaling, split="dual", **sizes)


def hash_cohort(size: Profile, kind: str = "glioma", scaling: str = "percentile") -> str:
    """The identity that `load_cohort` would give; no volume is rendered."""
    return _hash(kind, size.subjects, size.px, size.slices, scaling, "dual")


def load_volumes(size: Profile, split: str = "d2net-0") -> Any:
    """Whole volumes of brains with a tumour at a profile's sizes, divided into the folds of the D²-Net paper; split:
    "d2net-0", "d2net-1" or "d2net-2"."""
    from medsyn_core import data

    sizes = {"subjects": size.subjects, "px": volume_px(size), "slices": "all"}
    return data.load("phantom", scaling="zscore", split=split, **sizes)


def hash_volumes(size: Profile, split: str = "d2net-0") -> str:
    """The identity that `load_volumes` would give; no volume is rendered."""
    return _hash("glioma", size.subjects, volume_px(size), "all", "zscore", split)


@cache
def _hash(kind: str, subjects: int, px: int, slices: int | str, scaling: str, division: str) -> str:
    from medsyn_core.data.cut import Settings
    from medsyn_core.data.load import FOV_MM, HEAD_FOV_MM, open_source
    from medsyn_core.data.prepare import digest_of
    from medsyn_core.data.splits import identity, split

    source = open_source("phantom", subjects=subjects, px=px, kind=kind)
    refs = source.subjects()
    settings = Settings(px, slices, scaling, HEAD_FOV_MM if kind == "ct" else FOV_MM)
    return identity(digest_of(source, settings, refs), split(refs, division))
