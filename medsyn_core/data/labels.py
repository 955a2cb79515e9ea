"""BraTS tumour labels and the regions that are scored."""

from __future__ import annotations

from typing import Any

REGIONS = {"WT": (1, 2, 4), "TC": (1, 4), "ET": (4,)}
"""Whole tumour, tumour core, enhancing tumour, in BraTS codes: 1 necrosis and non-enhancing core, 2 oedema, 4
enhancing."""


def region(seg: Any, name: str) -> Any:
    """Where `seg` (array or tensor of BraTS codes, any shape) belongs to a region: bool of that shape.

    Raises ValueError for a region that does not exist.
    """
    if name not in REGIONS:
        raise ValueError(f"region={name!r} is unknown; choose one of: {', '.join(REGIONS)}.")
    first, *others = REGIONS[name]
    inside = seg == first
    for code in others:
        inside = inside | (seg == code)
    return inside
