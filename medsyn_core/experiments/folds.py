"""Cross-validated scores: every subject is tested once, in one of several folds, each with a training of its own.

The functions mirror those of `medsyn_core.evaluation.significance`, which are for seeds that test the same subjects.
Values are (folds, subjects of the fold), as a list of lists: folds may differ in size, and None is no value.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from medsyn_core.evaluation import Comparison, Summary, significance

Folds = Sequence[Sequence[float | None]]

RULE = (
    'A claim "A is better than B" is judged on the paired differences A - B of all test subjects. Each is tested once, '
    "in one of three folds that train by themselves. "
    "Yes: at least three folds, the mean difference of every fold is above zero, the 95 % bootstrap interval of the "
    "mean over all subjects (subjects resampled; what a training owes to chance shows only between folds) lies above "
    "zero, the two-sided Wilcoxon signed-rank test over all subjects "
    f"gives p < {significance.LEVEL:g}, and the mean reaches the smallest difference worth naming. "
    "No: at least three folds, and the mean of every fold and the whole interval stay below that smallest difference. "
    "Not decided: everything else."
)


def summary(values: Folds) -> Summary:
    """Mean and spread over all subjects, and the spread over folds of their means."""
    folds = _folds(values)
    between = float(np.std([fold.mean() for fold in folds], ddof=1)) if len(folds) > 1 else None
    return replace(significance.summary([np.concatenate(folds)]), sd_seeds=between, seeds=len(folds))


def compare(a: Folds, b: Folds) -> Comparison:
    """Paired comparison of A and B over all subjects; see `significance.compare`.

    Raises ValueError where the two were not tested in the same folds.
    """
    sizes = [[len(fold) for fold in values] for values in (a, b)]
    if sizes[0] != sizes[1]:
        raise ValueError(f"A has folds of {sizes[0]} subjects and B of {sizes[1]}; a paired test needs the same ones.")
    pairs = zip(a, b, strict=True)
    return _against_nothing(_folds([np.array(ours, float) - np.array(theirs, float) for ours, theirs in pairs]))


def verdict(differences: Folds, smallest: float = 0.0) -> str:
    """ "yes", "no" or "not decided" for "A is better than B", from A - B of each fold's subjects; the rule is `RULE`.

    differences: positive where A is better; smallest: the least difference worth naming, in the score's own unit.
    """
    if smallest < 0:
        raise ValueError(f"smallest={smallest} must not be negative: it is the size of a difference.")
    folds = _folds(differences)
    if len(folds) < 3:
        return "not decided"
    of_folds = np.array([fold.mean() for fold in folds])
    found = _against_nothing(folds)
    if (of_folds > 0).all() and found.low > 0 and found.p < significance.LEVEL and found.mean >= smallest:
        return "yes"
    if (of_folds < smallest).all() and found.high < smallest:
        return "no"
    return "not decided"


def _against_nothing(differences: Sequence[np.ndarray]) -> Comparison:
    every = np.concatenate(differences)
    return significance.compare([every], [np.zeros_like(every)])


def _folds(values: Folds) -> list[np.ndarray]:
    """Each fold's values, without subjects that have none. Raises ValueError where a fold has none at all."""
    folds = [np.array(fold, float) for fold in values]  # None becomes nan
    folds = [fold[np.isfinite(fold)] for fold in folds]
    if not folds or not all(len(fold) for fold in folds):
        raise ValueError("a fold has no subject with a value for this score; nothing can be averaged.")
    return folds
