"""Scaling, choice of planes and the in-plane grid."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medsyn_core.data.cut import Settings, brain_mask, cut
from medsyn_core.data.errors import DataError
from medsyn_core.data.planes import choose_planes, plane_grid
from medsyn_core.data.scaling import SCALINGS, background, scale_and_shift
from medsyn_core.data.volume import Volume, region, regions

from .makers import ball, image, labels

EXACT = Settings(px=20, slices="all", fov_mm=20.0)


def volume(shape=(20, 20, 12), **other):
    return Volume("s", "p", {"t1": image(0, shape), "t2": image(1, shape)}, labels(shape), **other)


def scaled(data, brain, scaling, modality="t1"):
    gain, shift = scale_and_shift(data, brain, scaling, modality)
    return gain * data + shift


arrays = st.integers(0, 10_000).map(lambda seed: np.random.default_rng(seed).gamma(2.0, 300.0, (9, 8, 7)) + 1)


@settings(max_examples=40, deadline=None)
@given(arrays, st.floats(0.01, 100))
def test_percentile_forgets_the_gain(data, gain):
    brain = ball(data.shape)
    first = scaled(data, brain, "percentile")
    assert np.allclose(first, scaled(data * gain, brain, "percentile"), rtol=1e-4)
    assert np.percentile(first[brain], 99.5) == pytest.approx(1) and first[brain].min() > 0
    assert first[brain].max() > 1  # the brightest voxels are not clipped


@settings(max_examples=40, deadline=None)
@given(arrays, st.floats(0.01, 100), st.floats(2, 50))
def test_median_forgets_the_gain_and_what_lights_up_in_a_few_voxels(data, gain, brighter):
    brain = ball(data.shape)
    first = scaled(data, brain, "median")
    assert np.median(first[brain]) == pytest.approx(0.5)
    lit = data * gain
    lit[brain & (data > np.quantile(data[brain], 0.9))] *= brighter
    dim = brain & (data <= np.quantile(data[brain], 0.9))
    assert np.allclose(first[dim], scaled(lit, brain, "median")[dim], rtol=1e-4)


@settings(max_examples=40, deadline=None)
@given(arrays, st.floats(0.01, 100), st.floats(-500, 500))
def test_minmax_and_zscore_forget_gain_and_offset(data, gain, offset):
    brain = ball(data.shape)
    for scaling in ("minmax", "zscore"):
        first = scaled(data, brain, scaling)
        assert np.allclose(first, scaled(data * gain + offset, brain, scaling), atol=1e-3)
    low_high = scaled(data, brain, "minmax")[brain]
    assert low_high.min() == pytest.approx(-1) and low_high.max() == pytest.approx(1)
    z = scaled(data, brain, "zscore")[brain]
    assert z.mean() == pytest.approx(0, abs=1e-6) and z.std() == pytest.approx(1)


@pytest.mark.parametrize("scaling", SCALINGS)
def test_background_has_one_value(scaling):
    slices = cut(volume(), replace(EXACT, scaling=scaling))
    outside = ~slices.brain[:, None].repeat(2, 1)
    assert (slices.images[outside] == background(scaling)).all()


def test_scaling_is_over_the_volume_not_the_slice():
    """The planes chosen do not change a voxel's value."""
    every, few = cut(volume(), EXACT), cut(volume(), replace(EXACT, slices=3))
    places = [int(np.flatnonzero(every.z_mm == z)[0]) for z in few.z_mm]
    assert np.array_equal(every.images[places], few.images)


def test_ct_has_a_fixed_window():
    brain = ball()
    hounsfield = np.where(brain, 40.0, -1000.0)
    assert scaled(hounsfield, brain, "percentile", "ct")[0, 0, 0] == pytest.approx(0)
    assert scaled(hounsfield, brain, "minmax", "ct")[0, 0, 0] == pytest.approx(-1)
    assert scaled(hounsfield + 20, brain, "percentile", "ct")[8, 10, 6] == pytest.approx(1060 / 3000)


def test_no_contrast_is_refused():
    flat = replace(volume(), images={"t1": ball((20, 20, 12)).astype(np.float32) * 5})
    with pytest.raises(DataError, match="subject s: t1 has no contrast"):
        cut(flat, replace(EXACT, scaling="minmax"))


def test_no_image_and_no_brain_are_refused():
    with pytest.raises(DataError, match="no usable image"):
        cut(replace(volume(), images={}), EXACT)
    with pytest.raises(DataError, match="every voxel is background"):
        cut(replace(volume(), images={"t1": np.zeros((4, 4, 4), np.float32)}), EXACT)


def test_rows_run_from_anterior_and_columns_from_the_right():
    data = np.zeros((20, 20, 12), np.float32)
    data[2:18, 2:18, 2:10] = 100
    data[15, 5, 6] = 900  # to the right, posterior
    slices = cut(replace(volume(), images={"t1": data}, seg=None), EXACT)
    assert np.argwhere(slices.images[:, 0] > 2).tolist() == [[4, 14, 4]]
    assert not slices.labelled and not slices.has_tissue


def test_all_planes_have_no_gap():
    brain = np.zeros((4, 4, 10), bool)
    brain[1:3, 1:3, 2:5] = brain[1:3, 1:3, 7:9] = True
    assert choose_planes(brain, "all").tolist() == [2, 3, 4, 5, 6, 7, 8]


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 60), st.integers(1, 50), st.integers(0, 9))
def test_planes_are_spread_evenly(count, height, start):
    brain = np.zeros((4, 4, start + height + 3), bool)
    brain[:, :, start : start + height] = True
    planes = choose_planes(brain, count)
    assert len(planes) == min(count, height) and np.all(np.diff(planes) > 0)
    assert start <= planes[0] and planes[-1] < start + height
    assert len(planes) < 2 or np.ptp(np.diff(planes)) <= 1
    assert abs((planes[0] - start) - (start + height - 1 - planes[-1])) <= 1


def test_planes_with_hardly_any_brain_are_passed_over():
    brain = np.zeros((10, 10, 6), bool)
    brain[:, :, 1:5] = True
    brain[0, 0] = True
    assert choose_planes(brain, 6).tolist() == [1, 2, 3, 4]


def grid_of(brain, voxel=1.0, px=20, fov=20.0):
    return plane_grid(brain, np.full(3, voxel), px, fov)


def test_the_wanted_grid_is_taken_as_it_is():
    brain = np.roll(ball((20, 20, 12), 0.5), 4, axis=0)
    grid, fits = grid_of(brain)
    assert fits and grid.exact
    plane = np.random.default_rng(0).normal(size=(20, 20)).astype(np.float32)
    assert np.array_equal(grid.image(plane, None), plane.T[::-1, ::-1])


def test_a_larger_grid_is_cropped_round_the_brain_by_whole_voxels():
    brain = np.zeros((40, 50, 6), bool)
    brain[22:38, 5:23] = True
    grid, fits = grid_of(brain)
    plane = np.random.default_rng(0).integers(1, 900, (40, 50)).astype(np.float32)
    assert fits and grid.exact
    assert np.array_equal(grid.image(plane, None), plane[20:40, 4:24].T[::-1, ::-1])


def test_a_small_grid_is_padded():
    brain = np.ones((10, 12, 3), bool)
    grid, fits = grid_of(brain)
    assert fits and grid.mask(brain[:, :, 0]).sum() == 120
    assert grid.image(brain[:, :, 0].astype(np.float32), None).sum() == 120


def test_a_brain_too_large_is_said():
    _, fits = grid_of(np.ones((30, 18, 3), bool))
    assert not fits
    notes = cut(volume((30, 20, 12)), EXACT).notes
    assert notes == ("brain is larger than the field of view of 20 mm; pass a larger fov_mm",)


@settings(max_examples=30, deadline=None)
@given(st.floats(0.5, 3.0), st.integers(8, 40))
def test_resampling_keeps_a_constant_and_invents_no_label(voxel, px):
    brain = ball((24, 28, 4), 0.9)
    grid, _ = grid_of(brain, voxel, px, fov=30 * voxel)
    mask = grid.mask(brain[:, :, 2])
    assert np.allclose(grid.image(np.where(brain[:, :, 2], 7.0, 0), brain[:, :, 2])[mask], 7, rtol=1e-4)
    codes = np.where(brain[:, :, 2], np.random.default_rng(px).choice([1, 4], (24, 28)), 0).astype(np.uint8)
    assert set(np.unique(grid.labels(codes))) <= {0, 1, 4}


def test_edges_are_not_darkened_and_areas_are_kept():
    brain = ball((60, 60, 3), 0.7)
    grid, _ = grid_of(brain, 1.0, 20, 60.0)
    mask = grid.mask(brain[:, :, 1])
    assert mask.sum() * 9 == pytest.approx(brain[:, :, 1].sum(), rel=0.05)
    assert (grid.labels(np.where(brain[:, :, 1], 4, 0).astype(np.uint8)) == 4).sum() == mask.sum()


def test_anisotropic_voxels_become_square():
    brain = np.zeros((20, 40, 3), bool)
    brain[5:15, 10:30] = True
    grid, fits = plane_grid(brain, np.array([2.0, 1.0, 3.0]), 20, 40.0)
    mask = grid.mask(brain[:, :, 1])
    assert fits and mask.sum(0).max() == mask.sum(1).max() == 10


def test_brain_is_where_any_mr_modality_is():
    first, second = np.zeros((3, 3, 3), np.float32), np.zeros((3, 3, 3), np.float32)
    first[0], second[1], skull = 1, -1, np.ones((3, 3, 3), np.float32)
    mask = brain_mask(Volume("s", "p", {"t1": first, "t2": second, "ct": skull}))
    assert mask[0].all() and mask[1].all() and not mask[2].any()


def test_ct_keeps_its_skull():
    brain = ball((20, 20, 12), 0.5)
    head = np.where(ball((20, 20, 12), 0.9), 1000.0, -1000.0).astype(np.float32)
    both = replace(volume(), images={"t1": np.where(brain, image(0, (20, 20, 12)), 0), "ct": head})
    slices = cut(both, EXACT)
    assert slices.modalities == ("t1", "ct")
    assert np.unique(slices.images[:, 1].astype(float)).round(3).tolist() == [0, 0.667]
    wider = cut(both, replace(EXACT, px=30, fov_mm=30.0))  # beyond the volume's edge there is air
    assert not wider.images[:, 1, :5].any()


def test_regions_are_nested():
    seg = np.array([0, 1, 2, 4])
    assert {name: mask.tolist() for name, mask in regions(seg).items()} == {
        "WT": [False, True, True, True],
        "TC": [False, True, False, True],
        "ET": [False, False, False, True],
    }
    with pytest.raises(ValueError, match="WT, TC, ET"):
        region(seg, "wt")
