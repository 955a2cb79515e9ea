"""Translations side by side: where to look closer, and what is counted; the figures themselves are tested with their
papers."""

from __future__ import annotations

import numpy as np
import pytest

from medsyn_core.figures.translations import Direction, side_by_side, square_round


def box(*span):
    """(20, 30) bool with a rectangle of rows span[0] … span[1], columns span[2] … span[3]."""
    found = np.zeros((20, 30), bool)
    found[span[0] : span[1] + 1, span[2] : span[3] + 1] = True
    return found


@pytest.mark.parametrize("span", [(8, 10, 12, 19), (0, 1, 28, 29), (17, 19, 0, 3), (0, 19, 5, 6), (0, 19, 0, 29)])
def test_a_square_holds_the_box_and_stays_inside_the_image(span):
    rows, columns = square_round(box(*span))
    assert rows.start >= 0 and rows.stop <= 20 and columns.start >= 0 and columns.stop <= 30
    assert rows.stop - rows.start == columns.stop - columns.start
    inside = box(*span)[rows, columns]
    assert inside.sum() == min(box(*span).sum(), 20 * 20)


def test_without_a_box_the_whole_image_is_shown():
    assert square_round(np.zeros((5, 7), bool)) == (slice(0, 5), slice(0, 7))


def direction(near=None):
    """Four columns of 6 x 6 pixels, off by 0.1 and 0.2 where errors are counted, by 0.9 elsewhere."""
    truth, counted = np.full((6, 6), 0.5), np.zeros((6, 6), bool)
    counted[2:4, 2:5] = True
    made = {f"by {off}": np.where(counted, 0.5 + off, 1.4) for off in (0.1, 0.2)}
    return Direction(("t1", "t2"), {"source": truth * 0, "ground truth": truth} | made, counted, near)


def test_errors_are_counted_where_they_should_be():
    assert direction().off("by 0.2") == pytest.approx(51)
    np.testing.assert_allclose(direction().error("by 0.1")[[0, 2], [0, 2]], [0.9, 0.1])


def test_a_direction_has_a_line_for_images_one_for_errors_and_one_for_what_is_near():
    far = side_by_side([[direction()]], {"by 0.1": "short"})
    assert len(far.axes) == 2 * 4 + 1
    assert [ax.get_title() for ax in far.axes[:4]] == ["source", "ground\ntruth", "short", "by\n0.2"]
    near = side_by_side([[direction((slice(1, 5), slice(1, 5)))]], {})
    axes = np.array(near.axes[:-1]).reshape(3, 4)
    assert [ax.get_ylabel() for ax in axes[:, 0]] == ["T1 →\nT2", "tumour", "error"]
    assert axes[1, 2].images[0].get_array().shape == (4, 4)


def test_plain_columns_show_no_errors():
    errors = lambda fig: [bool(ax.images) for ax in fig.axes[4:8]]
    assert errors(side_by_side([[direction()]], {})) == [True, False, True, True]
    assert errors(side_by_side([[direction()]], {}, plain=("source", "ground truth"))) == [False, False, True, True]


def test_two_directions_have_a_gap_between_them():
    fig = side_by_side([[direction(), direction()]], {})
    axes = np.array(fig.axes[:-1]).reshape(2, 9)
    assert not any(ax.images for ax in axes[:, 4]) and all(ax.images for ax in axes[0, 5:])
