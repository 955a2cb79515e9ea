import numpy as np
import pytest

from medsyn_core.evaluation import (
    affine_matched_copy,
    copy_source,
    fit_lookup,
    nearest_slice,
    own_lookup,
    training_mean,
)


@pytest.fixture
def pair():
    rng = np.random.default_rng(0)
    source = rng.random((8, 12, 12)).astype(np.float32)
    brain = np.zeros(source.shape, bool)
    brain[:, 2:10, 2:10] = True
    return source * brain, brain


def test_copy_is_the_source_and_not_its_memory(pair):
    source, _ = pair
    out = copy_source(source)
    np.testing.assert_array_equal(out, source)
    assert not np.shares_memory(out, source)


def test_lookup_recovers_any_curve_and_keeps_the_background(pair):
    source, brain = pair
    target = (1 - source) ** 2 * brain
    lookup = fit_lookup(source, target, brain)
    assert np.abs(lookup(source, brain) - target).max() < 0.05
    assert not lookup(source, brain)[~brain].any()


def test_lookup_beats_every_other_curve_on_its_own_data(pair):
    source, brain = pair
    noise = np.random.default_rng(1).standard_normal(source.shape)
    target = (np.sin(3 * source) + 0.3 * noise) * brain
    best = np.mean((fit_lookup(source, target, brain, bins=32)(source, brain) - target)[brain] ** 2)
    for curve in (lambda x: np.sin(3 * x) + 0.05, lambda x: 0.5 + 0 * x, lambda x: x):
        assert best < np.mean((curve(source) - target)[brain] ** 2)


def test_lookup_of_a_constant_source_and_of_nothing(pair):
    _, brain = pair
    lookup = fit_lookup(brain * 0.5, brain * 0.25, brain)
    np.testing.assert_allclose(lookup(brain * 0.5, brain), brain * 0.25)
    with pytest.raises(ValueError, match="empty"):
        fit_lookup(brain * 0.5, brain * 0.25, brain & False)


def test_training_mean_weighs_planes_by_height_and_uses_only_the_outline():
    target = np.stack([np.full((4, 4), v) for v in (0.0, 1.0, 10.0)])
    brain = np.ones((2, 4, 4), bool)
    brain[1, 0] = False
    out = training_mean(target, np.array([0.0, 0.0, 100.0]), np.array([0.0, 400.0]), brain)
    np.testing.assert_allclose(out[0], 0.5, atol=1e-6)
    np.testing.assert_allclose(out[1, 1:], 10.0, atol=1e-6)  # far beyond the last plane: the nearest one
    assert not out[1, 0].any()


def test_training_mean_names_what_does_not_match():
    with pytest.raises(ValueError, match="3 training slices have 2 heights"):
        training_mean(np.zeros((3, 4, 4)), np.zeros(2), np.zeros(1), np.ones((1, 4, 4)))


def test_affine_oracle_matches_each_subject_by_its_own_two_numbers(pair):
    source, brain = pair
    subject = np.repeat([5, 9], 4)
    scale, shift = np.where(subject == 5, -1.5, 2.0), np.where(subject == 5, 1.0, 0.3)
    target = (source * scale[:, None, None] + shift[:, None, None]) * brain
    np.testing.assert_allclose(affine_matched_copy(source, target, brain, subject), target, atol=1e-5)


def test_affine_oracle_is_the_least_squares_optimum(pair):
    source, brain = pair
    target = np.random.default_rng(3).random(source.shape) * brain
    subject = np.zeros(8, int)
    best = np.mean((affine_matched_copy(source, target, brain, subject) - target)[brain] ** 2)
    for scale, shift in ((0.0, 0.5), (1.0, 0.0), (0.05, 0.5)):
        assert best <= np.mean((scale * source + shift - target)[brain] ** 2)


def test_affine_oracle_names_a_subject_without_brain(pair):
    source, brain = pair
    with pytest.raises(ValueError, match="subject 0 has an empty brain"):
        affine_matched_copy(source, source, brain & False, np.zeros(8, int))


def test_own_lookup_gives_each_subject_its_own_curve(pair):
    source, brain = pair
    subject = np.arange(8) // 4
    target = np.where(subject[:, None, None] == 0, source**2, 1 - source) * brain
    assert np.abs(own_lookup(source, target, brain, subject) - target).max() < 0.05
    assert np.abs(fit_lookup(source, target, brain)(source, brain) - target).max() > 0.1


def test_memory_finds_what_it_has_seen(pair):
    source, _ = pair
    noise = 0.01 * np.random.default_rng(2).standard_normal(source.shape)
    order = np.array([5, 0, 7, 3])
    np.testing.assert_array_equal(nearest_slice(source, (source + noise)[order]), order)
