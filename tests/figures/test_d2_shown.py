"""D²-Net's figures 1 and 5: what is shown where, its Dice, and the choices of modalities that it is looked up by."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from medsyn_core.data.volume import MODALITIES
from medsyn_core.experiments.results import ExhibitError, Results
from medsyn_core.figures import d2_shown, style
from medsyn_core.figures.d2_shown import Shown
from tests.experiments import small_d2
from tests.figures import d2_made as made


@pytest.fixture(scope="module")
def seen():
    return made.shown(24)


def titled(picture, title):
    """The axes with this title, in the order they were drawn."""
    return [ax for ax in picture.fig.axes if ax.get_title() == title]


def shown_in(ax):
    return np.asarray(ax.images[0].get_array())


# -- images and labels


def test_grey_runs_over_what_is_not_background():
    image = np.zeros((10, 10))
    image[2:8, 2:8] = np.linspace(-3, 2, 36).reshape(6, 6)
    image[4, 4] = 0.0  # a voxel that happens to be 0 is taken for background
    shown = d2_shown.grey(image)
    assert shown[0, 0] == 0 and shown[2, 2] == pytest.approx(0.08) and shown[7, 7] == pytest.approx(1)
    np.testing.assert_allclose(d2_shown.grey(50 * image + 50 * 7 * (image != 0)), shown, atol=1e-5)  # of any scale


def test_another_image_can_set_the_scale_and_the_background():
    like = np.pad(np.linspace(0.5, 1.5, 36).reshape(6, 6), 2)
    shown = d2_shown.grey(np.full(like.shape, 1.0), like)
    assert shown[0, 0] == 0 and shown[5, 5] == pytest.approx(0.08 + 0.92 * 0.5, abs=1e-6)


def test_an_empty_image_stays_black():
    assert not d2_shown.grey(np.zeros((4, 4))).any()


def test_labels_are_painted_on_the_clearest_modality_that_was_seen(seen):
    for keep, clearest in ((("t1", "t2"), "t2"), (("t1", "t1ce"), "t1ce"), (MODALITIES, "flair"), (("t1",), "t1")):
        picture, labels = seen.segmented(1, keep), seen.labels[1, seen.choice(keep)]
        for code, colour in ((2, "ED"), (1, "NCR"), (4, "ET")):
            assert (picture[labels == code] == to_rgb(style.REGION[colour])).all()
        free = labels == 0
        np.testing.assert_array_equal(picture[free], np.repeat(seen.image(1, clearest)[free][:, None], 3, axis=1))


def test_a_choice_is_found_in_whatever_order_it_is_named(seen):
    assert seen.choice(("flair", "t1")) == seen.subsets.index(("t1", "flair"))
    assert [seen.choice(keep) for keep in seen.subsets] == list(range(15))
    with pytest.raises(ValueError, match="keep='ct' was not shown; there are: t1, t1ce, t2, flair"):
        seen.choice(("t1", "ct"))
    with pytest.raises(ValueError, match="at least one modality must stay"):
        seen.choice(())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": np.zeros((3, 14, 24, 24), np.uint8)}, r"labels has shape \(3, 14, 24, 24\); \(3, 15, 24, 24\)"),
        ({"dice": np.zeros((3, 15))}, r"dice has shape \(3, 15\); \(3, 15, 3\)"),
        ({"truth": np.full((3, 24, 24), 3, np.uint8)}, r"truth holds \[3\]; BraTS codes are 0, 1, 2, 4"),
        ({"modalities": ("t1", "t2")}, r"images has shape \(3, 4, 24, 24\); \(3, 2, 24, 24\)"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(seen, change, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(seen, **change)


# -- figure 1


def test_figure_1_has_the_truth_and_each_modality_with_what_is_segmented_from_it_alone(seen):
    picture = d2_shown.single_modalities(seen, 1)
    np.testing.assert_array_equal(shown_in(*titled(picture, "truth")), seen.true(1))
    for name, title in (("flair", "FLAIR"), ("t1ce", "T1ce"), ("t2", "T2"), ("t1", "T1")):
        np.testing.assert_array_equal(shown_in(*titled(picture, title)), seen.image(1, name))
        (alone,) = titled(picture, f"from {title}")
        np.testing.assert_array_equal(shown_in(alone), seen.segmented(1, (name,)))
        wt, _, et = 100 * seen.dice[1, seen.subsets.index((name,))]
        assert alone.get_xlabel().split("\n")[0] == f"WT {wt:.0f} %"
        assert f"{title}: WT {wt:.0f} %, TC " in picture.alt and f", ET {et:.0f} %" in picture.alt
    assert len(picture.fig.axes) == 9
    assert [text.get_text() for text in picture.fig.legends[0].get_texts()] == ["ED", "NCR", "ET"]
    assert "no average ones" in picture.caption


# -- figure 5


def test_figure_5_shows_two_subjects_in_four_cases(seen):
    picture = d2_shown.missing_cases(seen, (2, 0))
    assert len(picture.fig.axes) == 2 * 9
    assert [ax.get_title() for ax in picture.fig.axes[5:9]] == [
        "from all four",
        "from FLAIR,\nT1ce, T2",
        "from FLAIR,\nT1ce",
        "from T1ce",
    ]
    for block, subject in zip((picture.fig.axes[:9], picture.fig.axes[9:]), (2, 0), strict=True):
        np.testing.assert_array_equal(shown_in(block[0]), seen.true(subject))
        for ax, keep in zip(block[5:], d2_shown.CASES, strict=True):
            np.testing.assert_array_equal(shown_in(ax), seen.segmented(subject, keep))
    least = 100 * seen.scores(2, ("t1ce",))
    assert picture.alt.startswith("2 test subjects")
    assert f"T1ce: WT {least[0]:.0f} %, TC {least[1]:.0f} %, ET {least[2]:.0f} %. Subject 2" in picture.alt


def test_other_cases_can_be_shown_and_more_of_them_than_modalities(seen):
    cases = [MODALITIES, *(tuple(m for m in MODALITIES if m != gone) for gone in MODALITIES)]
    picture = d2_shown.missing_cases(seen, (0,), cases)
    assert len(picture.fig.axes) == 1 + 4 + 5
    np.testing.assert_array_equal(shown_in(picture.fig.axes[-1]), seen.segmented(0, ("t1", "t1ce", "t2")))


def test_a_subject_that_is_not_there_is_refused(seen):
    with pytest.raises(ValueError, match="subject 3 is not shown; there are 3, 0 … 2"):
        d2_shown.missing_cases(seen, (0, 3))


# -- from records


@pytest.fixture
def records(tmp_path, monkeypatch):
    monkeypatch.setenv("MEDSYN_RECORDS", str(tmp_path))


def test_a_record_gives_its_slices(records):
    made.save(["full", "base"])
    found = Results(small_d2.MADE, "laptop", ("full", "base"))
    seen, kept = d2_shown.shown(found), found.records["full"][0].arrays()
    assert isinstance(seen, Shown) and len(seen) == 3 and seen.modalities == MODALITIES
    np.testing.assert_array_equal(seen.labels, kept["shown_labels"])
    np.testing.assert_array_equal(seen.dice, kept["shown_dice"])
    with pytest.raises(ExhibitError, match=r"row 'base', seed 0, keeps no 'shown_images'; its arrays: .*codes"):
        d2_shown.shown(found, "base")
    with pytest.raises(ExhibitError, match=r"row 'kd' is not here; make it: .* --rows kd\. Here: full, base"):
        d2_shown.shown(found, "kd")


def test_a_missing_array_is_named(records):
    made.save(["full"], leave_out=("shown_dice",))
    with pytest.raises(ExhibitError, match="row 'full', seed 0, keeps no 'shown_dice'"):
        d2_shown.shown(Results(small_d2.MADE, "laptop", ("full",)))
