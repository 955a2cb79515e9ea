"""Rows of images: what is shown where, and close-ups of tumours."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medsyn_core.figures import close_up, panels
from medsyn_core.figures.style import REGION


def labels() -> np.ndarray:
    seg = np.zeros((2, 16, 16), np.uint8)
    seg[0, 4:10, 4:10], seg[0, 6:8, 6:8] = 2, 4
    return seg


def test_a_column_each_with_outlines_and_a_colour_bar():
    images = np.random.rand(2, 16, 16)
    fig = panels({"T1": images, "T2": images}, ["a", "b"], seg=labels(), outlines=("WT", "ET"), maps={"error": images})
    grid = np.array(fig.axes[:6]).reshape(2, 3)
    assert [ax.get_title() for ax in grid[0]] == ["T1", "T2", "error"]
    assert [ax.get_ylabel() for ax in grid[:, 0]] == ["a", "b"]
    drawn = [c.get_edgecolor()[0] for c in grid[0, 0].collections]
    from matplotlib.colors import to_rgba

    assert [tuple(c) for c in drawn] == [to_rgba(REGION["WT"]), to_rgba(REGION["ET"])]
    assert not grid[1, 0].collections and not grid[0, 2].collections  # no tumour in row b, no outline on a map
    assert fig.axes[-1].get_ylabel() == "absolute error"


def test_all_images_share_their_limits():
    images = {"a": np.random.rand(1, 4, 4), "b": 2 * np.random.rand(1, 4, 4)}
    fig = panels(images, ["x"], limits=(0, 1.5))
    assert {ax.images[0].get_clim() for ax in fig.axes} == {(0, 1.5)}


def test_maps_share_one_scale_from_zero():
    maps = {"a": np.full((1, 4, 4), 0.2), "b": np.full((1, 4, 4), 0.6)}
    fig = panels({}, ["x"], maps=maps)
    assert {ax.images[0].get_clim() for ax in fig.axes[:2]} == {(0, 0.6)}


@pytest.mark.parametrize("bad", [np.zeros((1, 4, 4)), np.zeros((4, 4))])
def test_a_column_of_another_length_is_refused(bad):
    with pytest.raises(ValueError, match="column 'T1'"):
        panels({"T1": bad}, ["a", "b"])


@given(top=st.integers(0, 15), left=st.integers(0, 15), size=st.integers(2, 16))
def test_a_close_up_holds_a_small_tumour_wherever_it_is(top, left, size):
    seg = np.zeros((1, 16, 16), np.uint8)
    seg[0, top, left] = 4
    assert close_up(seg, seg, size).shape == (1, size, size)
    assert (close_up(seg, seg, size) == 4).sum() == 1


def test_a_close_up_without_tumour_is_the_middle():
    image = np.arange(64.0).reshape(1, 8, 8)
    assert (close_up(image, np.zeros((1, 8, 8)), 4) == image[:, 2:6, 2:6]).all()
    with pytest.raises(ValueError, match="larger than the images"):
        close_up(image, np.zeros((1, 8, 8)), 9)
