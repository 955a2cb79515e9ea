"""Pictures of the contrast chapter: a plane of fractions, its frames, and the cohort's gallery."""

import numpy as np
import pytest

from medsyn_core.data.phantom.anatomy import Anatomy
from medsyn_core.data.phantom.lesion import Lesion
from medsyn_core.figures import contrast, gallery, scene


@pytest.fixture(scope="module")
def person():
    return Anatomy(np.random.default_rng(6))


@pytest.fixture(scope="module")
def plane(person):
    return scene.fractions(person, Lesion(np.random.default_rng(39), person), step=4.0)


def test_fractions_add_to_one_inside_the_brain_and_to_nothing_outside(plane):
    total = sum(plane.values())
    assert total.shape == (48, 48)
    assert total.max() == pytest.approx(1, abs=1e-3)
    assert total[0].max() == 0
    assert total[24, 24] == pytest.approx(1, abs=1e-2)


def test_the_front_is_in_row_0_and_the_right_in_column_0():
    where = scene.grid(4.0, 16.0)
    x, y = np.meshgrid(*where.axes, indexing="ij")
    assert scene.hung(y)[0, 0] > scene.hung(y)[-1, 0]
    assert scene.hung(x)[0, 0] > scene.hung(x)[0, -1]


def test_tumour_labels_follow_the_largest_part(plane, person):
    seg = scene.tumour_labels(plane)
    assert set(np.unique(seg)) <= {0, 1, 2, 4} and (seg > 0).any()
    assert (plane["et"] >= plane["ed"])[seg == 4].all()
    with_none = scene.fractions(person, step=4.0)
    assert "ed" not in with_none


def test_the_average_brain_holds_all_three_tissues():
    average = scene.average_brain(4.0)
    assert set(average) == {"csf", "gm", "wm"}
    assert all(0.1 < share.max() <= 1 for share in average.values())


def test_label_colours_put_the_tumour_over_the_tissue():
    tissue = np.array([[0, 1, 2, 3]])
    colours = gallery.label_colours(tissue, np.array([[0, 0, 0, 4]]))
    assert colours.shape == (1, 4, 3)
    assert colours[0, 0].tolist() == [0, 0, 0]
    assert np.ptp(colours[0, 1]) == 0 < colours[0, 1].max() < colours[0, 2].max()
    assert np.ptp(colours[0, 3]) > 0.1


def test_frames_hold_an_image_and_its_signals():
    image = np.ones((8, 8))
    bars = contrast.signal_bars(image, {"CSF": 1.0, "WM": 2.0}, "title")
    assert [bar.get_width() for bar in bars.axes[1].patches] == [0.5, 1.0]
    lines = contrast.recovery(image, {"CSF": np.zeros(3)}, [0, 1, 2], 1.0, "title", 1.0)
    assert len(lines.axes[0].images) == 1
    dots = contrast.scatter({"t1": (np.arange(3), np.arange(3))}, "x", "y")
    assert dots.axes[0].get_xscale() == "symlog"


def test_shading_is_smooth_and_positive():
    bias = scene.shading(0.25, step=4.0)
    assert bias.shape == (48, 48) and bias.min() > 0
    assert np.abs(np.diff(bias, axis=0)).max() < 0.1 * np.ptp(bias)
