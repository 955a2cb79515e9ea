"""The divider of the front page: what it shows, says and weighs. That it moves: tests/book/test_site.py."""

from __future__ import annotations

import base64
import html
import io
import json
import re

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import zoom

from medsyn_core.experiments.exhibits import results
from medsyn_core.experiments.results import ExhibitError
from medsyn_core.figures import front
from medsyn_core.figures.translator import Shot, recorded
from tests.experiments import small

NAMES = ("t1", "t2", "flair")
BRAIN = np.zeros((24, 20), bool)
BRAIN[4:16, 3:12] = True
SEG = np.where(np.pad(np.ones((3, 3), np.uint8), ((6, 15), (5, 12))), 2, 0)
LEVELS = {"t1": 0.3, "t2": 0.9, "flair": 0.6}
FAITHFUL = ("t2", "t1")  # the one pair that is translated without error, in the second patient


def shot(patient: int, source: str, target: str) -> Shot:
    image = lambda name: np.where(BRAIN, LEVELS[name] + 0.01 * patient, 0)
    made = image(target) if (patient, source, target) == (1, *FAITHFUL) else image(source) * 0.98
    return Shot(
        image(source), None if source == target else made, image(target), BRAIN, SEG * (patient < 2), (source, target)
    )


SHOTS = [[[shot(k, s, t) for t in NAMES] for s in NAMES] for k in range(3)]


@pytest.fixture(scope="module")
def divider():
    return front.Divider(SHOTS, "A <caption>.")


@pytest.fixture(scope="module")
def page(divider):
    return divider._repr_html_()


def data(page):
    return json.loads(html.unescape(re.search(r'data-shots="([^"]*)"', page)[1]))


def pixels(uri):
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.split(",", 1)[1]))).convert("L")).astype(float)


def test_every_combination_shows_source_translation_and_truth(page, divider):
    known = data(page)
    for k, rows in enumerate(SHOTS):
        for s, row in enumerate(rows):
            for t, one in enumerate(row):
                view = known["views"][k][s][t]
                for place, image in zip(view["images"], one.images, strict=True):
                    expected = zoom(
                        255 * image[divider.crop] / 1.1, front.ENLARGED, order=1, grid_mode=True, mode="nearest"
                    )
                    assert np.abs(pixels(known["images"][place]) - expected).mean() < 6  # lossy, and smoother
                assert (view["scores"], tuple(view["alts"])) == (one.scores, one.alts)
    assert len(known["images"]) == len(set(known["images"]))


def test_it_opens_where_translating_gains_most(page, divider):
    assert divider.start == (1, NAMES.index("t2"), NAMES.index("t1"))
    assert re.findall(r"<option selected>(\w+)", page) == ["T2", "T1", "2"]
    assert 'data-pair="1 0"' in page


def test_what_is_seen_is_said(page):
    view = data(page)["views"][1][1][0]
    assert [html.unescape(alt) for alt in re.findall(r'<img [^>]*alt="([^"]*)"', page)] == view["alts"][:2]
    assert "a tumour of 9 pixels" in view["alts"][0] and "T2 to T1. PSNR " in view["alts"][1]
    assert f">{html.escape(view['scores'])}</output>" in page
    assert re.findall(r"<b>(.*?)</b>", page) == ["T2, the source", "T1, translated"]


def test_each_control_has_its_label_and_the_page_needs_nothing_else(page, divider):
    assert re.findall(r'<label for="([^"]*)"', page) == re.findall(r' id="([^"]*)"', page) == [divider.name]
    assert re.findall(r"<label[^>]*>(\w+) <select", page) == ["from", "to", "patient"]
    assert '<label class="real"><input type="checkbox"' in page
    assert not re.search(r"https?://|<script|src=\"(?!data:)", page) and "A &lt;caption&gt;." in page


def test_two_dividers_on_one_page_have_labels_of_their_own(divider):
    assert front.Divider(SHOTS[:2], "").name != divider.name == front.Divider(SHOTS, "").name


def test_the_square_holds_every_brain_and_stays_inside():
    rows, columns = front.square([BRAIN], margin=2)
    assert (rows, columns) == (slice(2, 18), slice(0, 16))
    assert front.square([BRAIN, ~BRAIN]) == (slice(2, 22), slice(0, 20))
    with pytest.raises(ValueError, match="nothing to show"):
        front.square([~(BRAIN | ~BRAIN)])


def test_the_outline_goes_round_the_mask():
    mask = np.zeros((6, 6), bool)
    mask[2:4, 1:5] = True
    points = np.array([p.split(" ") for p in re.findall(r"[\d.]+ [\d.]+", front.outline(mask))], float)
    assert tuple(points.min(axis=0)) == (1, 2) and tuple(points.max(axis=0)) == (5, 4)  # x, y
    assert front.outline(np.zeros((3, 3), bool)) == ""
    edge = front.outline(np.ones((2, 2), bool))
    assert edge.startswith("M") and edge.endswith("Z") and edge.count("M") == 1


def test_a_patient_without_tumour_has_no_outline(page):
    assert [bool(path) for path in data(page)["outlines"]] == [True, True, False]


def test_nothing_to_translate_is_refused():
    for shots in ([], [[[shot(0, "t1", "t1")]]]):
        with pytest.raises(ValueError, match="at least one patient and two modalities"):
            front.Divider(shots, "")


# -- from records


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    monkeypatch.setenv("MEDSYN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("MEDSYN_RECORDS", str(tmp_path / "records"))
    monkeypatch.setenv("MEDSYN_PROGRESS", "0")
    monkeypatch.setattr("medsyn_core.experiments.utad.PLAN", small.UTAD)
    small.save_utad(("copy", "atlas", "teacher-wt", "student-wt"))
    return results("utad-F3", "laptop")


def test_it_shows_what_the_run_left_behind_and_says_what_made_it(tiny):
    made = front.recorded(tiny)
    same = recorded(tiny).shots
    height, width = same[0][0][0].seg.shape
    np.testing.assert_array_equal(made.shots[2][0][3].made, same[2][0][3].made)
    assert "“student, WT teacher”" in made.caption and f"{height} × {width} pixels" in made.caption
    assert "Profile laptop" in made.caption and "1 seed;" in made.caption


def test_a_run_that_is_not_there_is_named(tiny):
    with pytest.raises(ExhibitError, match="student-et"):
        front.recorded(tiny, "student-et")


def test_the_shipped_one_weighs_little():
    shown = front.recorded(results("utad-F3", "laptop"))._repr_html_()
    assert len(shown.encode()) < 400_000
