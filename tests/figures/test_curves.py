"""Lines with their spread, dots with their mean."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medsyn_core.figures.curves import curves, dots, smoothed


@given(st.lists(st.floats(-100, 100), min_size=1, max_size=30), st.integers(1, 40))
def test_smoothing_is_the_mean_of_the_last_values(values, window):
    naive = [np.mean(values[max(0, i + 1 - window) : i + 1]) for i in range(len(values))]
    assert smoothed(np.array(values), window) == pytest.approx(naive, abs=1e-9)


def test_mean_and_band_over_seeds():
    runs = np.array([[1.0, 2.0, 3.0], [3.0, 4.0, 5.0]])
    ax = curves({"a": runs, "b": runs[0]}, ylabel="loss", steps=[0, 10, 20]).axes[0]
    assert ax.lines[0].get_ydata() == pytest.approx([2, 3, 4])
    assert list(ax.lines[0].get_xdata()) == [0, 10, 20]
    (band,) = ax.collections  # one run has no spread
    heights = band.get_paths()[0].vertices[:, 1]
    assert heights.min() == pytest.approx(2 - 2**0.5) and heights.max() == pytest.approx(4 + 2**0.5)


def test_steps_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="3 values for 2 steps"):
        curves({"a": [1, 2, 3]}, ylabel="loss", steps=[1, 2])


def test_a_dot_a_seed_and_a_bar_at_the_mean():
    ax = dots({"a": [1, 2, 6], "b": [4]}, xlabel="PSNR", reference=("copy", 0.5)).axes[0]
    points, bar = ax.lines[0], ax.lines[1]
    assert list(points.get_xdata()) == [1, 2, 6] and list(bar.get_xdata()) == [3, 3]
    assert [t.get_text() for t in ax.get_yticklabels()] == ["a", "b"]


@pytest.mark.parametrize("names", [("a", "b", "c"), ("all queries, no temperature", "all of them, 0.1", "nearest")])
def test_a_legend_stays_in_the_figure_and_leaves_the_axes_their_width(names):
    fig = curves(dict.fromkeys(names, np.arange(9.0)), ylabel="loss")
    fig.draw_without_rendering()
    (ax,) = fig.axes
    assert ax.get_legend().get_window_extent().x1 <= fig.bbox.x1
    assert ax.get_window_extent().width > 0.7 * fig.bbox.width
