"""The worked spectrum: what stays when a code is shifted or turned, and what the bar at k = 0 is."""

from __future__ import annotations

import numpy as np
import pytest

from medsyn_core.figures import d2_spectrum

CODE = np.array(d2_spectrum.CODE)


def naive(code):
    """d2-2 and d2-3 with the paper's letters."""
    count = len(code)
    waves = [sum(c * np.exp(-2j * np.pi * n * k / count) for n, c in enumerate(code)) for k in range(count)]
    return np.abs(waves)


def bars(ax):
    return np.array([bar.get_height() for bar in ax.patches])


@pytest.fixture(scope="module")
def columns():
    picture = d2_spectrum.worked()
    return np.array(picture.fig.axes).reshape(2, 5), picture


def test_bars_are_the_code_and_its_spectrum(columns):
    axes, _ = columns
    changed = [CODE, np.roll(CODE, 3), CODE[::-1], np.sort(CODE), CODE + 1]
    for (above, below), code in zip(axes.T, changed, strict=True):
        np.testing.assert_allclose(bars(above), code)
        np.testing.assert_allclose(bars(below), naive(code), atol=1e-5)


def test_shifted_and_turned_codes_are_others_with_the_same_spectrum(columns):
    axes, _ = columns
    for k in (1, 2):
        assert not np.allclose(bars(axes[0, k]), CODE)
        np.testing.assert_allclose(bars(axes[1, k]), bars(axes[1, 0]), atol=1e-5)
    assert not np.allclose(bars(axes[1, 3]), bars(axes[1, 0]), atol=0.5)  # another order is another spectrum


def test_the_bar_at_zero_is_the_size_of_the_sum_in_any_order(columns):
    axes, picture = columns
    assert [bars(ax)[0] for ax in axes[1, :4]] == pytest.approx([abs(CODE.sum())] * 4)
    lifted = bars(axes[1, 4])
    assert lifted[0] == pytest.approx(abs((CODE + 1).sum()))
    np.testing.assert_allclose(lifted[1:], bars(axes[1, 0])[1:], atol=1e-5)  # a constant changes this bar alone
    assert len({ax.patches[0].get_facecolor() for ax in axes[1]}) == 1
    assert axes[1, 0].patches[0].get_facecolor() != axes[1, 0].patches[1].get_facecolor()
    assert f"the size of the code's sum, {abs(CODE.sum()):.1f}" in picture.alt


def test_mirrored_bars_have_a_colour_of_their_own(columns):
    axes, _ = columns
    colour = [bar.get_facecolor() for bar in axes[1, 0].patches]
    assert len({*colour[1:5]}) == len({*colour[5:]}) == 1 and colour[1] != colour[5]
    heights = bars(axes[1, 0])
    np.testing.assert_allclose(heights[1:4], heights[:4:-1], atol=1e-5)


def test_cosines_stand_below_and_in_the_words(columns):
    axes, picture = columns
    cosine = lambda a, b: a @ b / np.linalg.norm(a) / np.linalg.norm(b)
    for k, code in ((1, np.roll(CODE, 3)), (3, np.sort(CODE))):
        codes, spectra = cosine(code, CODE), cosine(naive(code), naive(CODE))
        assert axes[0, k].get_xlabel() == f"n\ncosine {codes:.2f}"
        assert axes[1, k].get_xlabel() == f"k\ncosine {spectra:.2f}"
        assert f"codes {codes:.2f}, spectra {spectra:.2f}" in picture.alt
    assert "shifted by 3: codes 0.18, spectra 1.00" in picture.alt
    assert axes[0, 0].get_xlabel() == "n"  # of itself nothing need be said


def test_a_negative_sum_has_a_bar_that_is_not_negative():
    code = -CODE
    axes = np.array(d2_spectrum.worked(code).fig.axes).reshape(2, 5)
    assert bars(axes[1, 0])[0] == pytest.approx(abs(code.sum())) and code.sum() < 0


@pytest.mark.parametrize("code", [(1.0, 2.0, 3.0), (2.0,) * 8])
def test_codes_that_nothing_changes_are_refused(code):
    with pytest.raises(ValueError, match="give more than 3 numbers, not all alike"):
        d2_spectrum.worked(code)
