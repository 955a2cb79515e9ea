"""Moments of regions in each subject, contrast to noise, and how far place alone gives labels away."""

import numpy as np
import pytest

from medsyn_core.evaluation import atlas_agreement, contrast_to_noise, moments, over_subjects

RNG = np.random.default_rng(0)


def test_moments_are_those_of_each_subjects_own_voxels():
    images = RNG.normal(2, 1, (5, 8, 8)).astype(np.float32)
    mask = RNG.random((5, 8, 8)) < 0.7
    subject = np.array([3, 3, 8, 8, 8])
    mean, sd = moments(images, mask, subject)
    for k, number in enumerate((3, 8)):
        own = images[subject == number][mask[subject == number]]
        assert mean[k] == pytest.approx(own.mean(), abs=1e-6)
        assert sd[k] == pytest.approx(own.std(), abs=1e-6)


def test_too_few_voxels_say_nothing():
    mask = np.zeros((2, 8, 8), bool)
    mask[0] = True
    mask[1, 0, :3] = True
    mean, sd = moments(np.ones((2, 8, 8)), mask, np.array([0, 1]))
    assert mean[0] == 1 and sd[0] == 0
    assert np.isnan(mean[1]) and np.isnan(sd[1])


def test_contrast_to_noise_counts_deviations():
    assert contrast_to_noise((np.array([3.0]), np.array([1.0])), (np.array([1.0]), np.array([1.0]))) == [2.0]


def test_identical_subjects_give_their_labels_away_and_others_do_not():
    labels = RNG.integers(1, 4, (3, 16, 16))
    heights = np.array([0.0, 20.0, 40.0])
    assert atlas_agreement(np.concatenate([labels] * 2), np.tile(heights, 2), labels, heights) == 1.0
    assert atlas_agreement(labels, heights, RNG.integers(1, 4, (3, 16, 16)), heights) < 0.5


def test_over_subjects_leaves_out_those_without_a_value():
    assert over_subjects(np.array([1.0, np.nan, 3.0])) == (2.0, 1.0)
    assert np.isnan(over_subjects(np.full(3, np.nan))).all()
