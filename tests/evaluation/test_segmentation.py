"""Dice and distances between surfaces: against MONAI, against loops, and in every case where something is empty."""

import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from monai.metrics import compute_average_surface_distance, compute_dice, compute_hausdorff_distance
from scipy import ndimage

from medsyn_core.evaluation import dice
from medsyn_core.evaluation.segmentation import surface_distances

SPACING = (3.0, 1.0, 0.5)


def batch(mask):
    return torch.from_numpy(mask)[None, None].float()


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), density=st.floats(0.02, 0.9))
def test_dice_is_monais_on_masks_that_are_not_empty(seed, density):
    a, b = np.random.default_rng(seed).random((2, 9, 9)) < density
    if a.any() and b.any():
        assert dice(a, b) == pytest.approx(compute_dice(batch(a), batch(b)).item())


def test_every_empty_case_is_defined():
    empty, full = np.zeros((3, 3), bool), np.ones((3, 3), bool)
    assert dice(empty, full) == dice(full, empty) == 0
    assert dice(empty, empty) == 1
    assert dice(empty, empty, both_empty=None) is None
    assert dice(full, full) == 1


def test_shapes_must_agree():
    with pytest.raises(ValueError, match="must agree"):
        dice(np.zeros((2, 2)), np.zeros(4))


# -- surfaces


def blobs(seed, shape=(5, 7, 6)):
    """Two masks of a few lumps each, not empty and not alike; they may touch the array's edge."""
    noise = np.random.default_rng(seed).normal(size=(2, *shape))
    smooth = ndimage.gaussian_filter(noise, (0, 1, 1, 1))
    return smooth > np.quantile(smooth, 0.8, axis=(1, 2, 3), keepdims=True)


def surface_by_hand(mask):
    """Voxels of the mask with one of six neighbours that is not in it or not there."""
    found = []
    for voxel in np.argwhere(mask):
        for axis in range(3):
            for step in (-1, 1):
                beside = voxel.copy()
                beside[axis] += step
                if not (0 <= beside[axis] < mask.shape[axis]) or not mask[tuple(beside)]:
                    found.append(tuple(voxel))
    return sorted(set(found))


def distances_by_hand(a, b, voxel_mm):
    """From every voxel of a's surface to the nearest of b's, mm."""
    length = lambda p, q: sum(((i - j) * mm) ** 2 for i, j, mm in zip(p, q, voxel_mm, strict=True)) ** 0.5
    theirs = surface_by_hand(b)
    return [min(length(p, q) for q in theirs) for p in surface_by_hand(a)]


def percentile_by_hand(values, percent):
    """Linear between the two nearest of the sorted values."""
    place = (len(values) - 1) * percent / 100
    low = int(place)
    high = min(low + 1, len(values) - 1)
    values = sorted(values)
    return values[low] + (place - low) * (values[high] - values[low])


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10_000), voxel_mm=st.sampled_from([SPACING, (1.0, 1.0, 1.0), (0.7, 4.0, 1.3)]))
def test_distances_are_those_of_loops(seed, voxel_mm):
    a, b = blobs(seed)
    there, back = distances_by_hand(a, b, voxel_mm), distances_by_hand(b, a, voxel_mm)
    hd95, assd = surface_distances(a, b, voxel_mm)
    assert hd95 == pytest.approx(max(percentile_by_hand(there, 95), percentile_by_hand(back, 95)))
    assert assd == pytest.approx((sum(there) + sum(back)) / (len(there) + len(back)))


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_distances_are_monais(seed):
    """Away from the array's edge, where MONAI too sees what lies beyond."""
    a, b = (np.pad(mask, 1) for mask in blobs(seed))
    options = {"include_background": True, "spacing": list(SPACING)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # one part of MONAI calls another with an outdated argument
        hd95 = compute_hausdorff_distance(batch(a), batch(b), percentile=95, **options)
        assd = compute_average_surface_distance(batch(a), batch(b), symmetric=True, **options)
    assert surface_distances(a, b, SPACING) == pytest.approx((hd95.item(), assd.item()), rel=1e-5)


def test_the_larger_surface_weighs_more_in_assd():
    """One voxel against a plate of 5 x 5: 25 distances one way, one the other, and their common mean."""
    dot, plate = np.zeros((9, 7, 7), bool), np.zeros((9, 7, 7), bool)
    dot[1, 3, 3], plate[4, 1:6, 1:6] = True, True
    away = [float(np.hypot(3, np.hypot(i - 3, j - 3))) for i in range(1, 6) for j in range(1, 6)]
    _, assd = surface_distances(dot, plate, (1, 1, 1))
    assert assd == pytest.approx((sum(away) + 3) / 26)
    assert assd != pytest.approx((np.mean(away) + 3) / 2, rel=0.01)


def test_the_inside_of_a_mask_does_not_count_but_a_hollow_in_it_does():
    solid = np.zeros((11, 11, 11), bool)
    solid[2:9, 2:9, 2:9] = True
    skin, thick = solid.copy(), solid.copy()
    skin[3:8, 3:8, 3:8], thick[4:7, 4:7, 4:7] = False, False
    assert surface_distances(solid, skin, SPACING) == (0, 0)
    assert surface_distances(solid, thick, SPACING)[1] > 0


@pytest.mark.parametrize("axis", range(3))
def test_millimetres_belong_to_their_axes(axis):
    a, b = np.zeros((2, 8, 9, 10), bool)
    place = [2, 2, 2]
    a[tuple(place)] = True
    place[axis] += 4
    b[tuple(place)] = True
    assert surface_distances(a, b, SPACING) == pytest.approx((4 * SPACING[axis],) * 2)
    assert surface_distances(b, a, SPACING) == surface_distances(a, b, SPACING)


def test_one_stray_voxel_in_a_hundred_moves_hd95_little_and_the_largest_distance_much():
    a, b = np.zeros((2, 30, 30, 30), bool)
    a[2:12, 2:12, 2], b[2:12, 2:12, 2], b[29, 29, 29] = True, True, True
    hd95, assd = surface_distances(a, b, (1, 1, 1))
    assert hd95 == 0 and 0 < assd < 0.5


def test_every_empty_case_of_a_surface_is_defined():
    empty, one = np.zeros((4, 5, 6), bool), np.zeros((4, 5, 6), bool)
    one[0, 0, 0] = True
    diagonal = np.linalg.norm([4 * 3, 5 * 1, 6 * 0.5])
    assert surface_distances(empty, empty, SPACING) == (0, 0)
    assert surface_distances(one, empty, SPACING) == pytest.approx((diagonal, diagonal))
    assert surface_distances(empty, one, SPACING) == pytest.approx((diagonal, diagonal))
    far = np.zeros((4, 5, 6), bool)
    far[-1, -1, -1] = True
    assert surface_distances(one, far, SPACING)[0] < diagonal


def test_nothing_is_written_to_stderr(capfd):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        surface_distances(*blobs(0), SPACING)
    assert capfd.readouterr() == ("", "")


def test_surfaces_of_other_shapes_are_refused():
    masks = np.ones((4, 4, 4), bool), np.ones((4, 4, 5), bool)
    with pytest.raises(ValueError, match="shapes must agree"):
        surface_distances(*masks, SPACING)
    with pytest.raises(ValueError, match="one number an axis"):
        surface_distances(masks[0], masks[0], (1, 1))
