"""Run profiles: one knob, MEDSYN_PROFILE, that changes sizes and never the algorithm."""

from __future__ import annotations

import os
from dataclasses import dataclass


@dataclass(frozen=True)
class Profile:
    """Sizes that every chapter shares.

    subjects: subjects of the default cohort; px: in-plane resolution (pixels);
    slices: planes a subject, spread evenly through the brain; seeds: runs a recorded row.
    """

    name: str
    subjects: int
    px: int
    slices: int
    seeds: int


_PROFILES = {
    p.name: p
    for p in (
        Profile("smoke", subjects=8, px=32, slices=4, seeds=1),
        Profile("laptop", subjects=96, px=64, slices=12, seeds=3),
        Profile("gpu", subjects=200, px=128, slices=24, seeds=3),
    )
}


def profile(name: str | None = None) -> Profile:
    """The profile called `name`, else the one MEDSYN_PROFILE names, else `laptop`.

    Raises ValueError for any other name, listing those that exist.
    """
    name = name or os.environ.get("MEDSYN_PROFILE") or "laptop"
    if name not in _PROFILES:
        raise ValueError(f"MEDSYN_PROFILE={name!r} is no profile; choose one of: {', '.join(_PROFILES)}.")
    return _PROFILES[name]
