"""Is a difference between two methods real? Paired tests over subjects, spread over seeds, and a stated
rule.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

LEVEL = 0.05
RULE = (
    'A claim "A is better than B" is judged on the paired differences A - B of each test subject and seed. '
    "Yes: at least three seeds, the mean difference of every seed is above zero, the 95 % bootstrap interval of the "
    "mean (subjects and seeds resampled; with three seeds it is somewhat too narrow) lies above zero, "
    "the two-sided Wilcoxon signed-rank test over subjects "
    "(seeds averaged) gives p < 0.05, and the mean reaches the smallest difference worth naming. "
    "No: at least three seeds, and the mean of every seed and the whole interval stay below that smallest difference. "
    "Not decided: everything else."
)


@dataclass(frozen=True)
class Summary:
    """Mean of a score, with its spread over subjects (each averaged over seeds) and over seeds (each a mean
    over subjects); a spread is None where there is only one value."""

    mean: float
    sd_subjects: float | None
    sd_seeds: float | None
    subjects: int
    seeds: int


@dataclass(frozen=True)
class Comparison:
    """Paired comparison of A and B over subjects: mean and median of A - B, 95 % interval of the mean,
    Wilcoxon p.
    """

    mean: float
    median: float
    low: float
    high: float
    p: float
    subjects: int


def table(values) -> np.ndarray:
    """(seeds, subjects) float64 from a list of per-subject lists (None allowed); drops subjects without a
    value.

    A subject is dropped where any seed has none (no tumour in its slices). Raises ValueError where nothing is
    left or the seeds do not have the same number of subjects.
    """
    rows = [list(np.atleast_1d(np.asarray(row, dtype=object))) for row in values]
    if len({len(row) for row in rows}) != 1:
        raise ValueError(f"seeds have {[len(row) for row in rows]} subjects; each needs the same ones.")
    array = np.array([[np.nan if v is None else float(v) for v in row] for row in rows])  # (seeds, subjects)
    array = array[:, np.isfinite(array).all(axis=0)]
    if not array.size:
        raise ValueError("no subject has a value for this score; nothing can be averaged.")
    return array


def summary(values) -> Summary:
    """Mean, spread over subjects and spread over seeds (both sample standard deviations) of (seeds,
    subjects).
    """
    array = table(values)
    spread = lambda x: float(np.std(x, ddof=1)) if len(x) > 1 else None
    return Summary(
        mean=float(array.mean()),
        sd_subjects=spread(array.mean(axis=0)),
        sd_seeds=spread(array.mean(axis=1)),
        subjects=array.shape[1],
        seeds=array.shape[0],
    )


def bootstrap_interval(values, level: float = 0.95, repeats: int = 2000, seed: int = 0) -> tuple[float, float]:
    """Percentile interval of the mean of (seeds, subjects), resampling subjects and seeds with replacement.

    One seed: only subjects are resampled. The same numbers and seed give the same interval. Three seeds are
    few for a bootstrap: the interval is somewhat too narrow, which is why `verdict` also looks at every seed
    by itself.
    """
    array = table(values)
    rng = np.random.default_rng(seed)
    seeds, subjects = array.shape
    chosen_seeds = rng.integers(seeds, size=(repeats, seeds, 1))
    chosen_subjects = rng.integers(subjects, size=(repeats, 1, subjects))
    means = array[chosen_seeds, chosen_subjects].mean(axis=(1, 2))  # (repeats, seeds, subjects) -> (repeats,)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def compare(a, b) -> Comparison:
    """Compare A with B, both (seeds, subjects) or (subjects,), on the same subjects in the same order.

    Wilcoxon signed-rank, two-sided, over the subjects' differences (seeds averaged); p = 1 where all are
    zero. Raises ValueError where the numbers of subjects differ. B may have another number of seeds than A
    (an untrained reference has one): seeds are averaged before the difference is taken.
    """
    a, b = _rows(a), _rows(b)
    if len(a[0]) != len(b[0]):
        raise ValueError(f"A has {len(a[0])} subjects and B {len(b[0])}; a paired test needs the same ones.")
    both = table([*a, *b])  # drops a subject that misses in either
    a, b = both[: len(a)], both[len(a) :]
    difference = a.mean(axis=0) - b.mean(axis=0)  # (subjects,)
    p = float(stats.wilcoxon(difference).pvalue) if np.any(difference != 0) else 1.0
    low, high = bootstrap_interval(a - b if len(a) == len(b) else a - b.mean(axis=0))
    return Comparison(float(difference.mean()), float(np.median(difference)), low, high, p, len(difference))


def verdict(differences, smallest: float = 0.0) -> str:
    """ "yes", "no" or "not decided" for "A is better than B", from A - B of (seeds, subjects); the rule is
    `RULE`.

    differences: positive where A is better (turn the sign round for an error such as MAE); smallest: the
    least difference worth naming, in the score's own unit.
    """
    if smallest < 0:
        raise ValueError(f"smallest={smallest} must not be negative: it is the size of a difference.")
    array = table(differences)
    if len(array) < 3:
        return "not decided"
    of_seeds = array.mean(axis=1)  # (seeds,)
    low, high = bootstrap_interval(array)
    p = compare(array, np.zeros_like(array)).p
    if (of_seeds > 0).all() and low > 0 and p < LEVEL and array.mean() >= smallest:
        return "yes"
    if (of_seeds < smallest).all() and high < smallest:
        return "no"
    return "not decided"


def _rows(values) -> list:
    """A list of seeds, whether one list of subjects or one list a seed came in."""
    values = list(values)
    return values if values and isinstance(values[0], (list, tuple, np.ndarray)) else [values]
