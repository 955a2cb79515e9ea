"""The chapter's own pictures: every group and critic appears, hills start at the real samples."""

import numpy as np

from medsyn_core.figures.adversarial import answers, hills, spectra


def test_answers_show_every_group_and_mark():
    values = np.random.default_rng(0).random(50)
    picture = answers({"CSF": values, "GM": values}, xlabel="T2", marks={"mean": 0.4, "median": 0.6})
    (ax,) = picture.fig.axes
    assert {text.get_text() for text in ax.get_legend().get_texts()} == {"CSF", "GM", "mean", "median"}
    assert [line.get_xdata()[0] for line in ax.lines] == [0.4, 0.6]
    assert "the mean at 0.40" in picture.alt


def test_the_target_has_all_of_its_own_power():
    target = np.random.default_rng(0).normal(size=(2, 16, 16))
    picture = spectra({"same": target, "half": 0.5 * target}, target)
    same, half = (line.get_ydata() for line in picture.fig.axes[0].lines)
    assert np.allclose(same, 1) and np.allclose(half, 0.25)
    assert "same 100 percent, half 25 percent" in picture.alt


def test_hills_are_zero_at_the_mean_of_the_real_samples():
    place = np.linspace(-1, 5, 61)
    fig = hills(place, {"log": 3 + place, "straight": -7 + 2 * place}, np.zeros(3), np.full(3, 4.0), top=8)
    (ax,) = fig.axes
    for line in ax.lines[:2]:
        assert abs(np.interp(0, line.get_xdata(), line.get_ydata())) < 1e-9
    assert ax.get_ylim()[1] == 8
