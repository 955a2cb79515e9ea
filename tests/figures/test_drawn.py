"""Diagrams whose every place is known: places in inches, and features as colours."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from medsyn_core.figures import drawn


def test_a_place_in_inches_is_where_it_says():
    fig = drawn.sheet(4, 2)
    ax = drawn.place(fig, 1, 0.5, 2, 1)
    assert ax.get_position().bounds == pytest.approx((0.25, 0.25, 0.5, 0.5))
    fig.canvas.draw()
    assert ax.get_position().bounds == pytest.approx((0.25, 0.25, 0.5, 0.5))  # no layout moves it


def test_a_line_joins_two_places_in_inches():
    fig = drawn.sheet(4, 2)
    drawn.line(fig, (1, 1), (3, 0.5), arrowstyle="-")
    (arrow,) = fig.artists
    ends = arrow.get_path().vertices[[0, -1]] * fig.get_size_inches()
    np.testing.assert_allclose(ends, [(1, 1), (3, 0.5)], atol=1e-6)


def test_words_stand_where_they_are_put():
    fig = drawn.sheet(4, 2)
    drawn.words(fig, 1, 0.5, "here")
    (text,) = fig.texts
    assert (text.get_text(), text.get_position()) == ("here", (0.25, 0.25))


def test_like_features_have_like_colours():
    a, b = torch.randn(4, 4, 8), torch.randn(3, 8)
    b[0] = a[1, 2]
    pixels, slots = drawn.as_colours(a, b)
    assert pixels.shape == (4, 4, 3) and slots.shape == (3, 3)
    np.testing.assert_allclose(pixels[1, 2], slots[0], atol=1e-6)
    assert pixels.min() == 0 and pixels.max() == 1 and len(np.unique(pixels.reshape(-1, 3), axis=0)) > 8
