"""Tissue of a synthetic T1, segmented as a reader of the paper would do it, and how well it agrees."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from medsyn_core.data.volume import TISSUES
from medsyn_core.evaluation import dice
from medsyn_core.experiments.references import everything

COMPARED = ("GM", "WM")
BETA = 0.1
"""How strongly neighbours pull: DIPY's own example value."""
ENDS = (0.005, 0.995)
"""Parts of a brain's pixels between which its intensities are spread out for the classifier."""
EPSILON = 1e-6
SOURCE, TARGET = "t2", "t1"


def segment(image: np.ndarray, brain: np.ndarray) -> np.ndarray:
    """Tissue labels of one subject's T1 planes: (D, H, W) -> (D, H, W) uint8, 0 background, 1 CSF, 2 GM, 3 WM.

    A Gaussian mixture with a Markov random field, fitted to this image alone (Zhang et al., 2001): the method of FSL's
    FAST, in DIPY's implementation, without FAST's bias field. Planes of a cohort lie millimetres apart, so each is
    laid beside the next instead of on it: they share one mixture and are no neighbours. brain: (D, H, W) bool. Raises
    ImportError where DIPY is not installed.
    """
    try:
        from dipy.segment.tissue import TissueClassifierHMRF
    except ImportError as error:
        raise ImportError('tissue segmentation needs DIPY: pip install "medsyn-core[book]"') from error
    rows, columns = (np.flatnonzero(brain.any(axis=axes)) for axes in ((0, 2), (0, 1)))
    box = (slice(None), slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 2))  # with a gap between planes
    beyond = ((0, 0), (0, 0), (0, 1))
    inside = np.pad(brain, beyond)[box]  # (D, h, w)
    # DIPY starts from means spread over 0 … 1, and from a background that must vary a little: a darker image, one of
    # less contrast, or a background of exactly 0 leaves a class empty, and one empty class takes all others with it.
    low, high = np.quantile(image[brain], ENDS)
    scaled = 0.2 + 0.8 * np.clip((image - low) / max(high - low, EPSILON), 0, 1)
    background = np.random.default_rng(0).normal(1e-3, 1e-4, inside.shape)  # as DIPY's own, but always the same
    planes = np.where(inside, np.pad(scaled, beyond)[box], background).astype(np.float64)
    with np.errstate(invalid="ignore"):  # of an image without any contrast nothing is found
        sheet = np.concatenate(planes, axis=1)[..., None]  # (h, D w, 1)
        _, labels, _ = TissueClassifierHMRF(verbose=False).classify(sheet, len(TISSUES) - 1, BETA)
    found = np.zeros((*brain.shape[:2], brain.shape[2] + 1), np.uint8)
    found[box] = np.stack(np.split(labels[..., 0], len(brain), axis=1)).clip(0)  # -1 where nothing was found
    return np.where(brain, found[..., :-1], 0).astype(np.uint8)


def volumetric_similarity(a: np.ndarray, b: np.ndarray) -> float:
    r"""$1 - \bigl||A| - |B|\bigr| / (|A| + |B|)$ of two bool masks: do the sizes agree, wherever they are? Two empty
    ones are alike: 1."""
    sizes = int(a.sum()), int(b.sum())
    return 1 - abs(sizes[0] - sizes[1]) / sum(sizes) if any(sizes) else 1.0


def agreement(images: np.ndarray, cohort: Any) -> list[dict]:
    """How the tissue of T1 images of all test slices, in the order of `everything`, agrees with two others.

    images: (N, H, W). Returns one dict a subject: "subject", and for GM and WM Dice and volumetric similarity
    ("gm_dice", "gm_vs", …) with the labels that the images were made from, and, ending in "_real", with the tissue of
    the real T1.
    """
    test = everything(cohort, "test", (SOURCE, TARGET))
    found, real = _segmented(images, test), _of_real(cohort)
    rows = []
    for subject in dict.fromkeys(test["subject"].tolist()):
        own = test["subject"] == subject
        row: dict = {"subject": subject}
        for ending, other in (("", test["tissue"]), ("_real", real)):
            for name in COMPARED:
                label = TISSUES.index(name)
                pair = found[own] == label, other[own] == label
                row[f"{name.lower()}_dice{ending}"] = dice(*pair)
                row[f"{name.lower()}_vs{ending}"] = volumetric_similarity(*pair)
        rows.append(row)
    return rows


def _segmented(images: np.ndarray, test: Mapping[str, np.ndarray]) -> np.ndarray:
    """(N, H, W) labels, one mixture a subject."""
    found = np.zeros(images.shape, np.uint8)
    for subject in np.unique(test["subject"]):
        own = test["subject"] == subject
        found[own] = segment(images[own], test["brain"][own])
    return found


def _of_real(cohort: Any) -> np.ndarray:
    """(N, H, W) labels of the real T1 of all test slices; the same for all runs of a plan, so made once."""
    if cohort.identity not in _REAL:
        test = everything(cohort, "test", (SOURCE, TARGET))
        _REAL[cohort.identity] = _segmented(test["images"][:, 1], test)
    return _REAL[cohort.identity]


_REAL: dict[str, np.ndarray] = {}
