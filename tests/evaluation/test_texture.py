"""Texture scores: they find the frequency that is there, and no border."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from medsyn_core.evaluation import gradient_energy, power_spectrum, texture_scores


@pytest.mark.parametrize("cycles", [3, 7, 12])
def test_a_wave_has_its_power_at_its_own_frequency(cycles):
    x = np.cos(2 * np.pi * cycles * np.arange(32) / 32)
    spectrum = power_spectrum(np.broadcast_to(x, (2, 32, 32)))
    assert spectrum.shape == (16,) and spectrum.argmax() == cycles


def test_blur_takes_fine_power_and_gradient_away():
    noise = np.random.default_rng(0).normal(size=(3, 32, 32))
    blurred = np.stack([gaussian_filter(image, 1.5) for image in noise])
    ratio = power_spectrum(blurred) / power_spectrum(noise)
    assert ratio[2] > 0.5 and ratio[-1] < 0.05
    everywhere = np.ones(noise.shape, bool)
    assert gradient_energy(blurred, everywhere) < 0.3 * gradient_energy(noise, everywhere)


def test_the_border_of_the_mask_is_no_texture():
    image = np.zeros((1, 8, 8))
    image[0, 2:6, 2:6] = 5.0
    assert gradient_energy(image, image > 0) == 0
    assert gradient_energy(image, np.ones(image.shape, bool)) > 0


def test_a_ramp_has_the_gradient_of_its_slope():
    ramp = np.broadcast_to(0.25 * np.arange(6.0), (1, 6, 6))
    assert gradient_energy(ramp, np.ones(ramp.shape, bool)) == pytest.approx(0.25)


def test_texture_in_the_wrong_place_has_energy_without_agreement():
    rng = np.random.default_rng(0)
    target, other = rng.normal(size=(2, 2, 32, 32))
    everywhere = np.ones(target.shape, bool)
    same = texture_scores(target, target, everywhere)
    assert same == pytest.approx({"fine": 1, "energy": 1, "agreement": 1})
    moved = texture_scores(other, target, everywhere)
    assert moved["fine"] == pytest.approx(1, abs=0.2) and abs(moved["agreement"]) < 0.1
    soft = texture_scores(np.stack([gaussian_filter(image, 0.7) for image in target]), target, everywhere)
    assert soft["fine"] < 0.4 and soft["agreement"] > 0.7


def test_shapes_and_masks_that_say_nothing_are_refused():
    with pytest.raises(ValueError, match="square images"):
        power_spectrum(np.zeros((2, 8, 6)))
    with pytest.raises(ValueError, match="inside"):
        gradient_energy(np.zeros((1, 4, 4)), np.zeros((1, 4, 4), bool))
