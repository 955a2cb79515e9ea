import numpy as np
import pytest
from scipy import stats

from medsyn_core.evaluation import significance
from medsyn_core.experiments import folds

RNG = np.random.default_rng(0)
DRAWS = [(center, RNG.normal(0, 1, size)) for center, size in ((2.0, 9), (2.5, 9), (3.0, 8))]
THREE = [list(center + draw - draw.mean()) for center, draw in DRAWS]
NOTHING = [[0.0] * len(fold) for fold in THREE]


def test_a_summary_counts_every_subject_once():
    found, every = folds.summary(THREE), np.concatenate(THREE)
    assert (found.subjects, found.seeds) == (26, 3)
    assert found.mean == pytest.approx(every.mean())
    assert found.sd_subjects == pytest.approx(every.std(ddof=1))
    assert found.sd_seeds == pytest.approx(np.std([np.mean(fold) for fold in THREE], ddof=1))


def test_one_fold_has_no_spread_between_folds():
    assert folds.summary(THREE[:1]).sd_seeds is None


def test_a_comparison_pools_the_subjects_of_all_folds():
    other = [[x - 0.3 * k for k, x in enumerate(fold)] for fold in THREE]
    found = folds.compare(THREE, other)
    differences = np.concatenate([np.subtract(a, b) for a, b in zip(THREE, other, strict=True)])
    assert found.subjects == 26 and found.mean == pytest.approx(differences.mean())
    assert found.p == pytest.approx(stats.wilcoxon(differences).pvalue)
    assert (found.low, found.high) == significance.bootstrap_interval([differences])


def test_a_subject_without_a_value_is_left_out():
    other = [[None, *fold[1:]] for fold in NOTHING]
    assert folds.compare(THREE, other).subjects == 23
    with pytest.raises(ValueError, match="a fold has no subject with a value"):
        folds.summary([THREE[0], [None, None]])


def test_only_the_same_folds_are_compared():
    with pytest.raises(ValueError, match=r"A has folds of \[9, 9, 8\] subjects and B of \[9, 9\]"):
        folds.compare(THREE, NOTHING[:2])


@pytest.mark.parametrize(
    ("shifts", "smallest", "answer"),
    [
        ((0, 0, 0), 0.0, "yes"),
        ((0, 0, 0), 4.0, "no"),  # there, but too small to name
        ((-5, -5, -6), 0.0, "no"),
        ((0, 0, -3.2), 0.0, "not decided"),  # the whole is above 0, one fold is not
        ((-4, 0, 0), 0.0, "not decided"),
    ],
)
def test_folds_have_to_agree(shifts, smallest, answer):
    moved = [[x + shift for x in fold] for fold, shift in zip(THREE, shifts, strict=True)]
    assert folds.verdict(moved, smallest) == answer


def test_a_whole_that_chance_explains_is_not_decided():
    noise = [[-1.0, 1.3, -0.9, 1.0], [1.2, -1.0, -0.8, 1.1], [-1.1, 1.4, 0.9, -0.7]]
    assert all(np.mean(fold) > 0 for fold in noise)
    assert folds.verdict(noise) == "not decided"


def test_two_folds_decide_nothing():
    assert folds.verdict(THREE[:2]) == "not decided"


def test_a_negative_smallest_difference_is_refused():
    with pytest.raises(ValueError, match="must not be negative"):
        folds.verdict(THREE, -1.0)
