"""The UTAD-Net chapter's pictures, from made-up records whose differences are known."""

from __future__ import annotations

import numpy as np
import pytest

from medsyn_core.evaluation import tumour_boxes
from medsyn_core.experiments import utad as plan
from medsyn_core.experiments.exhibits import results
from medsyn_core.experiments.utad_exhibits import STRUCTURES
from medsyn_core.figures import utad
from tests.experiments import small

SHIPPED = plan.PLAN  # before the tiny one takes its place
RECORDED = ("copy", "atlas", "affine-copy", "own-look-up", "teacher-wt", "student-wt")


@pytest.fixture(scope="module", autouse=True)
def recorded(tmp_path_factory):
    """Some rows of a tiny plan in place of UTAD-Net's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MEDSYN_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("MEDSYN_RECORDS", str(tmp_path_factory.mktemp("records")))
        patch.setenv("MEDSYN_PROGRESS", "0")
        patch.setattr("medsyn_core.experiments.utad.PLAN", small.UTAD)
        small.save_utad((*RECORDED, *STRUCTURES), effects={"teacher-wt": 2.0})
        yield


def test_figure_3_shows_what_is_recorded_in_three_lines_a_direction():
    picture = utad.translations(results("utad-F3", "laptop"))
    columns = ["source", "ground\ntruth", "atlas", "student", "teacher"]  # zeros map: not recorded
    drawn = [ax for ax in picture.fig.axes if ax.get_title()]
    assert [ax.get_title() for ax in drawn] == columns
    assert len(picture.fig.axes) == 12 * len(columns) + 1  # and the colour bar
    lines = np.array(picture.fig.axes[:-1]).reshape(12, len(columns))
    limits = {ax.images[0].get_clim() for ax in lines[2::3, 2:].flat}
    assert len(limits) == 1  # one scale for all errors
    assert not any(ax.images or ax.texts for ax in lines[2::3, :2].flat)  # a source has no error
    assert {ax.images[0].get_clim() for ax in lines[[0, 1, 3, 4]].flat} == {(0.0, 1.1)}


def test_figure_3_says_the_error_inside_each_box():
    found = results("utad-F3", "laptop")
    shared, teacher = (found.records[row][0].arrays() for row in ("copy", "teacher-wt"))
    _, target = plan.SHOWN[1]
    truth = shared["images"][1, small.MODALITIES.index(target)].astype(np.float32)
    inside = tumour_boxes(shared["seg"])[1]
    error = 255 * np.abs(teacher["shown"][1].astype(np.float32) - truth)[inside].mean()
    picture = utad.translations(found)
    assert "FLAIR to T2: “training mean (atlas)” " in picture.alt
    assert f"“teacher, WT mask” {error:.1f}; T1 to T1ce" in picture.alt
    teachers = np.array(picture.fig.axes[:-1]).reshape(12, 5)[2::3, 4]
    assert teachers[1].texts[0].get_text() == f"{error:.1f}"


def test_the_magnified_line_is_the_framed_part():
    lines = utad.translations(results("utad-F3", "laptop")).fig.axes
    whole, close = lines[1], lines[1 + 5]
    (frame,) = whole.patches
    left, top = (round(x + 0.5) for x in frame.get_xy())
    part = whole.images[0].get_array()[top : top + int(frame.get_height()), left : left + int(frame.get_width())]
    np.testing.assert_array_equal(close.images[0].get_array(), part)


def test_channels_fill_a_square_and_no_more():
    square = utad.as_square(np.arange(1.0, 6))
    assert square.shape == (3, 3)
    np.testing.assert_array_equal(square.ravel(), [1, 2, 3, 4, 5, *[np.nan] * 4])


def test_figure_5_has_one_scale_and_says_the_errors():
    found = results("utad-F5", "laptop")
    picture = utad.feature_maps(found)
    *maps, _ = picture.fig.axes  # and the colour bar
    titles = ["full", "only global\nbranch", "no local\nencoder", "no local\ndecoder"]
    assert [ax.get_title() for ax in maps] == titles
    assert len({ax.images[0].get_clim() for ax in maps}) == 1
    errors = found.records["student-global"][0].arrays()["feature_error"]
    words = f"“student, only global branch” mean {errors.mean():.3g}, smallest {errors.min():.3g}"
    assert words in picture.alt


def test_gains_stand_at_source_and_target():
    found = results("utad-T1", "laptop")
    gain = utad.gains(found, "teacher-wt", "copy", "psnr")
    assert np.isnan(gain.diagonal()).all() and np.isfinite(gain).sum() == 12
    means = [found.summary(row, "psnr", "t1ce-flair").mean for row in ("teacher-wt", "copy")]
    assert gain[1, 3] == means[0] - means[1]


def test_the_matrix_of_directions_writes_every_gain():
    found = results("utad-T1", "laptop")
    picture = utad.twelve_directions(found, "teacher-wt")
    whole = picture.fig.axes[0]
    assert len(whole.texts) == 12
    assert {text.get_text() for text in whole.texts} <= {"+1.9", "+2.0", "+2.1"}
    assert "above zero in 12 of 12 directions, +2.0 dB on average" in picture.alt
    low, high = whole.images[0].get_clim()
    assert low == -high  # no gain is the middle of the colours


def test_records_that_ship_fit_the_code(monkeypatch):
    monkeypatch.delenv("MEDSYN_RECORDS")
    states = {str(job): job.state()[0] for job in SHIPPED.jobs("laptop")}
    assert set(states.values()) <= {"ok", "missing"}, states  # a row may come later; a stale one must not ship
