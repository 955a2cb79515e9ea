"""Scores of synthetic images and of segmentations, references nobody has to train, and how sure a difference
is.
"""

from importlib import import_module

from medsyn_core.evaluation.references import (
    Lookup,
    affine_matched_copy,
    copy_source,
    fit_lookup,
    nearest_slice,
    own_lookup,
    training_mean,
)
from medsyn_core.evaluation.regions import atlas_agreement, contrast_to_noise, moments, over_subjects
from medsyn_core.evaluation.segmentation import dice
from medsyn_core.evaluation.significance import (
    RULE,
    Comparison,
    Summary,
    bootstrap_interval,
    compare,
    summary,
    verdict,
)
from medsyn_core.evaluation.texture import gradient_energy, power_spectrum, texture_scores
from medsyn_core.evaluation.translation import METRICS, PSNR_CEILING, ssim_map, translation_metrics, tumour_boxes

_LPIPS = ("Lpips", "lpips_files", "subject_lpips", "with_lpips")

__all__ = [
    "METRICS",
    "PSNR_CEILING",
    "RULE",
    "Comparison",
    "Lookup",
    "Lpips",
    "Summary",
    "affine_matched_copy",
    "atlas_agreement",
    "bootstrap_interval",
    "compare",
    "contrast_to_noise",
    "copy_source",
    "dice",
    "fit_lookup",
    "gradient_energy",
    "lpips_files",
    "moments",
    "nearest_slice",
    "over_subjects",
    "own_lookup",
    "power_spectrum",
    "ssim_map",
    "subject_lpips",
    "summary",
    "texture_scores",
    "training_mean",
    "translation_metrics",
    "tumour_boxes",
    "verdict",
    "with_lpips",
]


def __getattr__(name: str):
    # LPIPS needs torch; the other scores do not.
    if name in _LPIPS:
        return getattr(import_module(".lpips", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
