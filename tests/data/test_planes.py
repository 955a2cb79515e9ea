"""Choosing axial planes and laying them on a square grid."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medsyn_core.data.planes import choose_planes, nearest, plane_grid

from .makers import ball


def test_all_planes_have_no_gap():
    brain = np.zeros((4, 4, 10), bool)
    brain[1:3, 1:3, 2:5] = brain[1:3, 1:3, 7:9] = True
    assert choose_planes(brain, "all").tolist() == [2, 3, 4, 5, 6, 7, 8]


def column(start, height):
    """Brain in `height` planes from `start` on."""
    brain = np.zeros((4, 4, start + height + 3), bool)
    brain[:, :, start : start + height] = True
    return brain


@settings(max_examples=100, deadline=None)
@given(st.floats(0.2, 9), st.integers(1, 60), st.integers(0, 9))
def test_cubes_are_their_own_height_apart_and_hold_all_brain(thickness, height, start):
    middles = choose_planes(column(start, height), "cubic", thickness)
    assert np.allclose(np.diff(middles), thickness)
    below, above = middles[0] - thickness / 2, middles[-1] + thickness / 2
    assert below <= start - 0.5 + 1e-5 and start + height - 0.5 - 1e-5 <= above
    assert above - below < height + thickness  # with one layer less they would not hold it
    assert below + above == pytest.approx(2 * start + height - 1)
    planes = nearest(middles)
    assert (abs(planes - middles) <= 0.5).all() and start <= planes[0] and planes[-1] < start + height


def test_thin_planes_are_skipped_and_thick_ones_repeated():
    planes = lambda thickness: nearest(choose_planes(column(2, 8), "cubic", thickness)).tolist()
    assert planes(1.0) == list(range(2, 10))
    assert planes(2.0) == [3, 5, 7, 9]
    assert planes(1.6) == [2, 4, 6, 7, 9]
    assert planes(0.5) == [plane for plane in range(2, 10) for _ in range(2)]
    assert planes(20.0) == [6]


def test_halves_go_up_so_that_a_regular_choice_stays_regular():
    assert nearest(np.array([-0.5, 0.5, 1.5, 2.5, 2.49])).tolist() == [0, 1, 2, 3, 2]


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 60), st.integers(1, 50), st.integers(0, 9))
def test_planes_are_spread_evenly(count, height, start):
    planes = choose_planes(column(start, height), count)
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
