import numpy as np
import pytest
from scipy import stats

from medsyn_core.evaluation import bootstrap_interval, compare, summary, verdict
from medsyn_core.evaluation.significance import RULE, table


def effect(mean, seeds=3, subjects=20, spread=0.5, between=0.05, seed=0):
    rng = np.random.default_rng(seed)
    return mean + spread * rng.standard_normal(subjects) + between * rng.standard_normal((seeds, 1))


def test_summary_separates_spread_over_subjects_from_spread_over_seeds():
    s = summary([[1.0, 3.0], [2.0, 4.0]])
    assert (s.mean, s.subjects, s.seeds) == (2.5, 2, 2)
    assert s.sd_subjects == pytest.approx(np.sqrt(2))  # subject means 1.5, 3.5
    assert s.sd_seeds == pytest.approx(np.sqrt(0.5))  # seed means 2, 3


def test_one_seed_has_no_spread_over_seeds():
    assert summary([[1.0, 2.0]]).sd_seeds is None


def test_subjects_without_a_value_are_left_out_for_every_seed():
    assert table([[1.0, None, 3.0], [1.0, 2.0, None]]).tolist() == [[1.0], [1.0]]
    with pytest.raises(ValueError, match="no subject has a value"):
        table([[None]])
    with pytest.raises(ValueError, match=r"seeds have \[1, 2\] subjects"):
        table([[1.0], [1.0, 2.0]])


def test_compare_is_scipys_wilcoxon_on_means_over_seeds():
    a, b = effect(0.3), effect(0.0, seed=1)
    c = compare(a, b)
    assert c.p == pytest.approx(stats.wilcoxon(a.mean(0) - b.mean(0)).pvalue)
    assert c.mean == pytest.approx(a.mean() - b.mean())
    assert c.low < c.mean < c.high


def test_compare_pairs_a_method_with_a_reference_of_one_seed_and_drops_missing_subjects():
    a = [[1.0, None, 3.0, 4.0]] * 3
    c = compare(a, [0.5, 9.0, 2.0, 2.5])
    assert (c.subjects, c.mean) == (3, pytest.approx(1.0))


def test_identical_methods_give_p_of_one():
    assert compare([1.0, 2.0, 3.0], [1.0, 2.0, 3.0]).p == 1


def test_different_subjects_cannot_be_paired():
    with pytest.raises(ValueError, match="A has 3 subjects and B 2"):
        compare([1.0, 2.0, 3.0], [1.0, 2.0])


def test_interval_is_repeatable_and_widens_with_seeds_that_disagree():
    calm, torn = effect(0.2, between=0.0), effect(0.2, between=0.5)
    assert bootstrap_interval(calm) == bootstrap_interval(calm)
    width = lambda x: np.subtract(*bootstrap_interval(x)[::-1])
    assert width(torn) > width(calm)


def test_interval_covers_the_true_mean_about_as_often_as_it_says():
    hits = 0
    for trial in range(200):
        values = np.random.default_rng(trial).standard_normal((1, 40))
        low, high = bootstrap_interval(values, repeats=400, seed=trial)
        hits += low < 0 < high
    assert 0.88 < hits / 200 <= 0.99


@pytest.mark.parametrize(
    ("differences", "smallest", "expected"),
    [
        (effect(0.8), 0.0, "yes"),
        (effect(-0.8), 0.0, "no"),
        (effect(0.0), 0.0, "not decided"),
        (effect(0.8, seeds=2), 0.0, "not decided"),  # two seeds never decide
        (np.vstack([effect(0.8, seeds=2), effect(-0.1, seeds=1, spread=0.01)]), 0.0, "not decided"),  # a seed dissents
        (effect(0.02, spread=0.01, between=0.001), 0.1, "no"),  # surely there, surely too small to name
        (effect(0.02, spread=0.01, between=0.001), 0.0, "yes"),
        (effect(0.8, subjects=4), 0.0, "not decided"),  # Wilcoxon cannot reach 0.05 with four subjects
    ],
)
def test_verdict(differences, smallest, expected):
    assert verdict(differences, smallest) == expected


def test_the_rule_can_be_printed_and_names_its_three_answers():
    for word in ("Yes:", "No:", "Not decided:", "Wilcoxon", "seeds"):
        assert word in RULE


def test_a_negative_smallest_difference_is_refused():
    with pytest.raises(ValueError, match="must not be negative"):
        verdict(effect(0.1), smallest=-1)
