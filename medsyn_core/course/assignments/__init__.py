"""All assignments: the one table of their names, and how to get one."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from medsyn_core.course.parts import Assignment

MODULES = {
    "gradient-penalty": "gradient_penalty",
    "another-penalty": "another_penalty",
    "border-consistency": "border_consistency",
    "distillation-distance": "distillation_distance",
    "patch-contrast": "patch_contrast",
    "repair-weighting": "repair_weighting",
    "frequency-gradient": "frequency_gradient",
    "difficult-regions": "difficult_regions",
    "term-of-your-own": "term_of_your_own",
}


def load(name: str) -> Assignment:
    """The assignment called `name`; only its own module is imported. Raises ValueError for any other name, listing
    those that exist."""
    if name not in MODULES:
        raise ValueError(f"{name!r} is no assignment; choose one of: {', '.join(MODULES)}.")
    return importlib.import_module(f"{__name__}.{MODULES[name]}").ASSIGNMENT
