"""Cohorts of multi-modal brain images: phantom or real, prepared once, divided by patient, viewed as tensors."""

from __future__ import annotations

from importlib import import_module

from .cohort import Cohort, SubjectInfo, Subset
from .errors import DataError
from .load import load
from .prepare import prepare
from .splits import Split, folds, split
from .volume import MODALITIES, REGIONS, TISSUES, Source, SubjectRef, Volume, region, regions

_LATER = {
    **dict.fromkeys(("bring_back", "bring_back_image", "write_labels", "write_volume"), ".segmentation"),
    "Patches": ".patches",
    **dict.fromkeys(("Missing", "Paired", "Unpaired", "UnpairedTwo", "all_subsets"), ".views"),
}

__all__ = [
    "MODALITIES",
    "REGIONS",
    "TISSUES",
    "Cohort",
    "DataError",
    "Missing",
    "Paired",
    "Patches",
    "Source",
    "Split",
    "SubjectInfo",
    "SubjectRef",
    "Subset",
    "Unpaired",
    "UnpairedTwo",
    "Volume",
    "all_subsets",
    "bring_back",
    "bring_back_image",
    "folds",
    "load",
    "prepare",
    "region",
    "regions",
    "split",
    "write_labels",
    "write_volume",
]


def __getattr__(name: str):
    # The views need torch and files nibabel; the processes that prepare subjects do not.
    if name in _LATER:
        return getattr(import_module(_LATER[name], __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
