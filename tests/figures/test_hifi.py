"""HiFi-Syn's recorded pictures, from made-up records whose differences are known."""

from __future__ import annotations

import numpy as np
import pytest

from medsyn_core.experiments.results import ExhibitError, Results
from medsyn_core.figures import hifi
from tests.figures import hifi_made as made

ROWS = ("copy", "baseline", "full", "full-no-pixel")
TUMOURS = ("hifi-t2", "hifi-t1ce", "hifi-flair")


@pytest.fixture(scope="module", autouse=True)
def folder(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MEDSYN_RECORDS", str(tmp_path_factory.mktemp("records")))
        made.save("hifi", ROWS)
        for paper in ("hifi-ukb", *TUMOURS):
            made.save(paper, ROWS[:3])
        yield


def results(*papers, rows=ROWS[:3]):
    first, *others = map(made.plan, papers)
    return Results(first, "laptop", rows, others=tuple(others))


def grey(level):
    """A difference in grey levels, as the pictures write it."""
    return f"{255 * level:.1f}"


# -- figures 4 and 5


def test_figure_4_shows_both_directions_of_every_plan_with_errors_on_one_scale():
    picture = hifi.translations(results("hifi", "hifi-ukb"))
    axes = np.array(picture.fig.axes[:-1]).reshape(4, 9)  # two lines a plan; four columns a direction, a gap between
    assert [ax.get_title() for ax in axes[0, :4]] == ["source", "ground\ntruth", "backbone", "HiFi-Syn"]
    words = ["T1 →\nT2", "T2 →\nT1", "T1 →\nFLAIR", "FLAIR →\nT1"]
    assert [axes[line, column].get_ylabel() for line in (0, 2) for column in (0, 5)] == words
    errors = [ax.images[0] for ax in axes[[1, 3]].flat if ax.images]
    assert len(errors) == 2 * 2 * 3 and len({shown.get_clim() for shown in errors}) == 1
    assert not any(ax.images for ax in axes[:, 4])  # the gap
    assert not axes[1, 1].images  # the truth has no error


def test_every_direction_shows_its_own_source_truth_and_translation():
    found = results("hifi", "hifi-ukb")
    axes = np.array(hifi.translations(found).fig.axes[:-1]).reshape(4, 9)
    for p, part in enumerate(found.parts):
        real = part.records["copy"][0].arrays()["images"].astype(np.float32)
        shown = part.records["full"][0].arrays()["shown"].astype(np.float32)
        for d in (0, 1):
            k = 2 * p + d  # each direction has a slice of its own
            source, truth, _, full = (ax.images[0].get_array() for ax in axes[2 * p, 5 * d : 5 * d + 4])
            np.testing.assert_array_equal(source, real[k, d])
            np.testing.assert_array_equal(truth, real[k, 1 - d])
            np.testing.assert_array_equal(full, shown[d, k])
            error = axes[2 * p + 1, 5 * d + 3]
            np.testing.assert_array_equal(error.images[0].get_array(), np.abs(shown[d, k] - real[k, 1 - d]))
            assert error.texts[0].get_text() == grey(made.OFF["full"])


def test_the_alt_text_says_the_error_of_every_method_and_of_copying():
    found = results("hifi")
    real = found.records["copy"][0].arrays()["images"].astype(np.float32)
    copied = np.abs(real[0, 0] - real[0, 1])[2:-2, 2:-2].mean()  # inside the brain
    alt = hifi.translations(found).alt
    assert f"T1 to T2: the source itself {grey(copied)}, “backbone alone (DRIT++ parts)” {grey(0.2)}, " in alt
    assert f"“HiFi-Syn (PGD + SGD + GGD)” {grey(0.1)}" in alt and "inside the brain" in alt


def test_figure_5_magnifies_the_framed_tumour_in_six_directions():
    found = results(*TUMOURS)
    picture = hifi.tumour_translations(found)
    axes = np.array(picture.fig.axes[:-1]).reshape(9, 9)
    whole, close = axes[0, 3], axes[1, 3]
    (frame,) = whole.patches
    left, top = (round(x + 0.5) for x in frame.get_xy())
    part = whole.images[0].get_array()[top : top + int(frame.get_height()), left : left + int(frame.get_width())]
    np.testing.assert_array_equal(close.images[0].get_array(), part)
    assert {(ax.get_ylabel()) for ax in axes[[1, 4, 7]][:, [0, 5]].flat} == {"tumour"}
    assert picture.alt.startswith("6 directions") and "inside the tumour's box" in picture.alt
    near = hifi.directions(found.parts[0], ["full"], closer=True)[0]
    assert near.counted.sum() == 6 * 4  # errors are counted in the box, not in the square that is shown


def test_other_rows_can_be_shown():
    found = results("hifi", rows=ROWS)
    picture = hifi.translations(found, rows=("full-no-pixel", "full"))
    assert [ax.get_title() for ax in picture.fig.axes[2:4]] == ["no PGD", "HiFi-Syn"]


def test_a_row_that_is_not_recorded_is_named_with_its_command():
    with pytest.raises(ExhibitError, match=r"'full-no-pixel' is not here; make it: .*record hifi --profile laptop"):
        hifi.affinities(results("hifi"))


# -- figures 8 and 9


def test_figure_8_compares_the_full_method_with_the_one_without_its_loss():
    found = results("hifi", rows=ROWS)
    picture = hifi.affinities(found)
    for ax, row in zip(picture.fig.axes, hifi.WITH_AND_WITHOUT, strict=False):
        recorded = found.records[row][0].arrays()["eight_affinity"].astype(np.float32)
        np.testing.assert_array_equal(ax.images[0].get_array(), recorded.reshape(32, 20))
    assert [ax.get_title() for ax in picture.fig.axes[:2]] == ["with PGD", "without PGD"]


def test_figure_9_takes_the_queries_of_every_seed():
    found = results("hifi", rows=ROWS)
    maps = hifi.query_maps(found)
    assert {title: len(runs) for title, runs in maps.seen.items()} == {"with PGD": 3, "without PGD": 3}
    second = found.records["full-no-pixel"][1].arrays()
    np.testing.assert_array_equal(maps.seen["without PGD"][1].features, second["queries"])
    np.testing.assert_array_equal(maps.seen["without PGD"][1].subject, second["query_subject"])


def test_a_missing_array_is_named_with_those_that_are_there(tmp_path, monkeypatch):
    monkeypatch.setenv("MEDSYN_RECORDS", str(tmp_path))
    made.save("hifi", ROWS, leave_out=("eight_affinity", "queries"))
    found = results("hifi", rows=ROWS)
    with pytest.raises(ExhibitError, match=r"row 'full', seed 0, keeps no 'eight_affinity'; its arrays: .*usage"):
        hifi.affinities(found)
    with pytest.raises(ExhibitError, match="keeps no 'queries'"):
        hifi.query_maps(found)


# -- what settings of the bank do


SETTINGS, METRICS = ("0.02", "0.1", "0.5"), ("entropy", "dead slots")
VALUES = np.array([[[0.5, 0.7], [9, 9]], [[1.0, 1.2], [3, 5]], [[2.9, 2.9], [0, 0]]])  # (settings, metrics, seeds)


def test_each_cell_says_mean_and_spread_and_is_coloured_by_its_column():
    picture = hifi.sensitivity(VALUES, SETTINGS, METRICS, "0.1", "Temperature.")
    (ax,) = picture.fig.axes
    assert [text.get_text() for text in ax.texts][:2] == ["0.60 ± 0.14", "9.00 ± 0.00"]
    place = ax.images[0].get_array()
    np.testing.assert_allclose(place[:, 0], [0, 0.5 / 2.3, 1])
    np.testing.assert_allclose(place[:, 1], [1, 4 / 9, 0])
    (frame,) = ax.patches
    assert frame.get_y() == 0.5  # round the second line
    assert "entropy from 0.60 (0.02) to 2.90 (0.5), at 0.1 1.10" in picture.alt


def test_one_run_has_no_spread_and_a_constant_column_the_middle_colour():
    picture = hifi.sensitivity(np.array([[1.0, 2.0], [1.0, 4.0], [1.0, 3.0]]), SETTINGS, METRICS, "0.1", "x")
    (ax,) = picture.fig.axes
    assert [text.get_text() for text in ax.texts][:2] == ["1.00", "2.00"]
    np.testing.assert_array_equal(ax.images[0].get_array()[:, 0], 0.5)


@pytest.mark.parametrize(
    ("values", "chosen", "message"),
    [
        (VALUES[:2], "0.1", r"shape \(2, 2, 2\); 3 settings x 2 metrics"),
        (np.full((3, 2), np.nan), "0.1", "not finite"),
        (VALUES, "0.3", "chosen='0.3' is no setting; there are: 0.02, 0.1, 0.5"),
    ],
)
def test_what_does_not_fit_is_refused(values, chosen, message):
    with pytest.raises(ValueError, match=message):
        hifi.sensitivity(values, SETTINGS, METRICS, chosen, "x")
