"""The memory-bank microscope: every look on a static page."""

from __future__ import annotations

import html
import re

import numpy as np
import pytest

from medsyn_core.experiments.results import ExhibitError, Results
from medsyn_core.figures import microscope
from tests.figures import hifi_made as made

OWNERS = np.repeat([0, 1, 2, 3, -1], [2, 2, 3, 3, 10])


def looks(**changes):
    """Three looks at twenty slots on a slice of 8 x 8 pixels; slot 5 (GM) is dead at the second."""
    rng = np.random.default_rng(0)
    share = lambda *shape: rng.dirichlet(np.ones(20), shape)
    usage = np.full((3, 20), 0.05)
    usage[1, 5], usage[1, 7] = 0.004, 0.096
    measures = [{"step": s, "entropy": 2 - s / 10, "purity": 0.3 + s / 20} for s in (0, 4, 8)]
    given = {"image": rng.uniform(0, 1, (8, 8)), "structure": rng.integers(0, 4, (2, 2)), "maps": share(3, 2, 2)}
    given |= {"usage": usage, "measures": measures, "owners": OWNERS}
    return microscope.Looks(**given | changes)


def test_the_groups_of_slots_answer_every_pixel_together():
    seen = looks()
    answers = seen.answers(1)
    assert list(answers) == ["background", "CSF", "GM", "WM", "common"]
    np.testing.assert_allclose(answers["CSF"], seen.maps[1][..., 2] + seen.maps[1][..., 3], rtol=1e-6)
    np.testing.assert_allclose(sum(answers.values()), 1, rtol=1e-6)


def test_a_frame_shows_its_look():
    seen = looks()
    fig = microscope.frame(seen, 1)
    axes = {ax.get_title(): ax for ax in fig.axes if ax.get_title()}
    titles = ["slice", "structures", "background", "CSF", "GM", "WM", "common"]
    assert list(axes) == [*titles, "use of each slot, 1 dead", "entropy 1.60", "purity 0.50"]
    np.testing.assert_array_equal(axes["slice"].images[0].get_array(), seen.image)
    for name, share in seen.answers(1).items():
        np.testing.assert_array_equal(axes[name].images[0].get_array(), share)
        assert axes[name].images[0].get_clim() == (0, 1)
    np.testing.assert_allclose([bar.get_height() for bar in axes["use of each slot, 1 dead"].patches], seen.usage[1])
    crosses = next(line for line in axes["use of each slot, 1 dead"].lines if line.get_marker() == "x")
    assert crosses.get_xdata().tolist() == [5]
    curve, here, *_ = axes["purity 0.50"].lines
    assert curve.get_ydata().tolist() == [0.3, 0.5, 0.7] and list(here.get_xdata()) == [4]


def test_frames_share_their_scales():
    seen = looks()
    frames = [microscope.frame(seen, k) for k in range(3)]
    limits = [[ax.get_ylim() for ax in fig.axes] for fig in frames]
    assert limits[0] == limits[1] == limits[2]


def test_the_slider_says_what_each_frame_shows():
    slider = microscope.slider(looks(), "A bank.")
    assert slider.labels == ["step 0", "step 4", "step 8"] and slider.start == 2
    assert "The most used of 20 slots, number 7 (WM), gets 10 %, 1 are dead" in slider.alts[1]
    assert "entropy of a read 1.60 of at most 3.00 nats; 50 % of the nearest" in slider.alts[1]
    assert "0 are dead" in slider.alts[2]
    page = slider._repr_html_()
    assert len(re.findall("<img", page)) == len(set(slider.images)) == 3
    assert html.escape(slider.alts[2]) in page and not re.search(r"https?://|<script", page)


def test_other_reads_give_other_words():
    seen = looks()
    other = looks(maps=np.roll(seen.maps, 2, axis=-1), image=seen.image)
    averages = [f"{100 * share.mean():.0f} %" for share in other.answers(0).values()]
    for name, average in zip(other.blocks, averages, strict=True):
        assert f"{name} {average}" in microscope.said(other, 0)
    assert microscope.said(other, 0) != microscope.said(seen, 0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"usage": np.ones((3, 19)) / 19}, r"usage has shape \(3, 19\); 3 looks at 20 slots .* need \(3, 20\)"),
        ({"maps": np.ones((2, 2, 2, 20)) / 20}, r"maps has shape \(2, 2, 2, 20\)"),
        ({"measures": [{"step": 0, "entropy": 1.0}] * 3}, "look 0 has no 'purity'"),
    ],
)
def test_looks_that_do_not_fit_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        looks(**changes)


# -- from records


@pytest.fixture
def recorded(tmp_path, monkeypatch):
    monkeypatch.setenv("MEDSYN_RECORDS", str(tmp_path))
    rows = ("copy", "baseline", "full")
    made.save("hifi", rows)
    return Results(made.plan("hifi"), "laptop", rows)


def test_the_recorded_row_is_shown_on_the_slice_of_the_copy(recorded, monkeypatch):
    seen = []
    monkeypatch.setattr(microscope, "slider", lambda looks, caption: seen.append((looks, caption)))
    microscope.recorded(recorded)
    ((found, caption),) = seen
    kept, shared = (recorded.records[row][0].arrays() for row in ("full", "copy"))
    np.testing.assert_array_equal(found.image, shared["images"][0, 0].astype(np.float32))
    np.testing.assert_array_equal(found.maps, kept["maps"])
    np.testing.assert_array_equal(found.owners, OWNERS)
    assert found.of("step").tolist() == list(made.LOOKS) and found.structures == 4
    assert "HiFi-Syn (PGD + SGD + GGD)" in caption and "a test T1" in caption


def test_a_row_without_a_bank_is_refused(recorded):
    with pytest.raises(ExhibitError, match="row 'baseline', seed 0, keeps no 'maps_structure'; its arrays: "):
        microscope.recorded(recorded, "baseline")
