"""The phantom cohorts that plans are recorded on, at the sizes of a profile."""

from __future__ import annotations

from functools import cache
from typing import Any

from medsyn_core.profiles import Profile


def load_cohort(size: Profile, kind: str = "glioma", scaling: str = "percentile") -> Any:
    """A phantom cohort of a kind at a profile's sizes, prepared if need be; divided as the Dual-D paper does."""
    from medsyn_core import data

    sizes = {"subjects": size.subjects, "px": size.px, "slices": size.slices}
    return data.load("phantom", kind=kind, scaling=scaling, split="dual", **sizes)


@cache
def hash_cohort(size: Profile, kind: str = "glioma", scaling: str = "percentile") -> str:
    """The identity that `load_cohort` would give; no volume is rendered."""
    from medsyn_core.data.cut import Settings
    from medsyn_core.data.load import FOV_MM, HEAD_FOV_MM, open_source
    from medsyn_core.data.prepare import digest_of
    from medsyn_core.data.splits import identity, split

    source = open_source("phantom", subjects=size.subjects, px=size.px, kind=kind)
    refs = source.subjects()
    settings = Settings(size.px, size.slices, scaling, HEAD_FOV_MM if kind == "ct" else FOV_MM)
    return identity(digest_of(source, settings, refs), split(refs, "dual"))
