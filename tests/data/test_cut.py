"""One volume's way to slices: scaling, what is cut, and its settings."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medsyn_core.data import load
from medsyn_core.data.cut import Settings, brain_mask, cut, lay_out
from medsyn_core.data.errors import DataError
from medsyn_core.data.patches import Patches
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


def test_cubic_slices_are_cubes_in_millimetres():
    """Voxels of 2 x 1 x 0.8 mm, pixels of 2 mm: every fifth plane of two, all of them with their own data."""
    affine = np.diag([2.0, 1.0, 0.8, 1.0])
    affine[2, 3] = -7
    tall = Volume("s", "p", {"t1": image(0, (20, 40, 30))}, labels((20, 40, 30)), None, affine)
    cubes, every = (cut(tall, Settings(20, slices, "percentile", 40.0)) for slices in ("cubic", "all"))
    assert np.allclose(np.diff(cubes.z_mm), 2.0) and np.allclose(np.diff(every.z_mm), 0.8)
    planes = [int(np.argmin(abs(every.z_mm - z - 1e-4))) for z in cubes.z_mm]
    assert len(planes) == np.ceil(len(every.z_mm) * 0.8 / 2) < len(every.z_mm) / 2
    for name in ("images", "brain", "seg"):
        assert np.array_equal(getattr(cubes, name), getattr(every, name)[planes]), name


@pytest.mark.parametrize("thickness", [1.0, 1.0004, 0.9996])
def test_planes_that_have_the_right_distance_are_all_taken(thickness):
    """With a header's rounding error a plane in a thousand would else be left out or come twice."""
    affine = np.diag([1.0, 1.0, thickness, 1.0])
    shape = (20, 20, 300)
    long = Volume("s", "p", {"t1": image(0, shape)}, None, None, affine)
    cubes, every = (cut(long, replace(EXACT, slices=slices)) for slices in ("cubic", "all"))
    assert np.array_equal(cubes.images, every.images) and np.array_equal(cubes.z_mm, every.z_mm)


def test_on_the_phantom_cubic_is_all_under_another_hash(tmp_path):
    cubic, every = (load("phantom", subjects=1, px=16, slices=s, cache=tmp_path, jobs=1) for s in ("cubic", "all"))
    for name in ("images", "brain", "seg", "tissue", "z_mm"):
        assert np.array_equal(getattr(cubic, name), getattr(every, name)), name
    assert cubic.hash != every.hash
    assert len(Patches(cubic.select([0]), (8, 8, 8)).batch([0])["images"]) == 1


def test_blocks_need_neighbouring_slices(tmp_path):
    few = load("phantom", subjects=1, px=16, slices=3, cache=tmp_path, jobs=1)
    with pytest.raises(ValueError, match=r'neighbouring slices; load the cohort with slices="all" or "cubic"'):
        Patches(few.select([0]), (8, 8, 8))


@pytest.mark.parametrize("slices", ["Cubic", "every", 0, 2.0, None])
def test_other_choices_of_planes_are_refused(slices):
    with pytest.raises(ValueError, match=r'slices=.* must be a whole number of at least 1, "all" or "cubic"'):
        Settings(slices=slices)


def test_a_brain_too_large_is_said():
    assert not lay_out(volume((30, 20, 12)), EXACT).fits and lay_out(volume(), EXACT).fits
    notes = cut(volume((30, 20, 12)), EXACT).notes
    assert notes == ("brain is larger than the field of view of 20 mm; pass a larger fov_mm",)


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
