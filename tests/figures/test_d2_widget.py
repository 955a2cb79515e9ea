"""The segmenter to play with: every choice of modalities on a static page, and a model at a kernel."""

from __future__ import annotations

import base64
import dataclasses
import html
import io
import json
import re

import numpy as np
import pytest
import torch
from PIL import Image

from medsyn_core.data.volume import REGIONS, region
from medsyn_core.evaluation import dice
from medsyn_core.experiments.results import ExhibitError, Results
from medsyn_core.figures import d2_widget
from medsyn_core.figures.d2_shown import grey, over
from tests.experiments import small_d2
from tests.figures import d2_made as made
from tests.methods import small_clinic

NAMES = ("t1", "t1ce", "t2", "flair")


@pytest.fixture(scope="module")
def seen():
    return made.shown(20)


@pytest.fixture(scope="module")
def page(seen):
    return d2_widget.RecordedSegmenter(seen, ["one", "two", "<three>"], "A caption.")._repr_html_()


def data(page):
    return json.loads(html.unescape(re.search(r'data-shots="([^"]*)"', page)[1]))


def pixels(uri):
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.split(",", 1)[1]))).convert("RGB")) / 255


# -- on the static page


def test_every_subject_has_all_fifteen_choices_and_none(page, seen):
    known = data(page)
    assert len(known["subjects"]) == 3
    for k, subject in enumerate(known["subjects"]):
        assert set(subject["views"]) == {"", *("+".join(keep) for keep in seen.subsets)}
        for keep in seen.subsets:
            view = subject["views"]["+".join(keep)]
            np.testing.assert_allclose(pixels(known["images"][view["image"]]), seen.segmented(k, keep), atol=0.003)
        for name, given in zip(NAMES, subject["inputs"], strict=True):
            shown = pixels(known["images"][given["image"]])
            np.testing.assert_allclose(shown, np.repeat(seen.image(k, name)[..., None], 3, 2), atol=0.003)
        np.testing.assert_allclose(pixels(known["images"][subject["truth"]["image"]]), seen.true(k), atol=0.003)


def test_each_choice_says_its_dice_and_what_is_seen(page, seen):
    for k, subject in enumerate(data(page)["subjects"]):
        for keep in seen.subsets:
            view, (wt, tc, et) = subject["views"]["+".join(keep)], 100 * seen.scores(k, keep)
            assert view["line"].endswith(f"Dice of the whole volume WT {wt:.0f} %, TC {tc:.0f} %, ET {et:.0f} %.")
            oedema = int((seen.labels[k, seen.choice(keep)] == 2).sum())
            assert f"{oedema} pixels of ED" in view["alt"] and view["line"] in view["alt"]
    assert "From FLAIR, T1: " in data(page)["subjects"][0]["views"]["t1+flair"]["line"]


def test_none_ticked_says_so_and_shows_nothing(page):
    known = data(page)
    nothing = known["subjects"][1]["views"][""]
    assert nothing["line"] == d2_widget.NOTHING and "Tick at least one" in nothing["line"]
    assert not pixels(known["images"][nothing["image"]]).any()


def test_the_page_starts_with_everything_ticked(page, seen):
    boxes = re.findall(r'<input type="checkbox" value="(\w+)" aria-label="(\w+)" checked', page)
    assert boxes == [("t1", "T1"), ("t1ce", "T1ce"), ("t2", "T2"), ("flair", "FLAIR")]
    known = data(page)
    start = known["subjects"][0]["views"]["t1+t1ce+t2+flair"]
    uris = re.findall(r'<img src="([^"]+)" alt="([^"]*)"', page)
    assert len(uris) == 6  # four modalities, the truth, what is segmented
    assert uris[5] == (known["images"][start["image"]], html.escape(start["alt"]))
    assert uris[4][0] == known["images"][known["subjects"][0]["truth"]["image"]]
    assert f">{html.escape(start['line'])}</output>" in page


def test_keys_are_joined_as_boxes_stand(page):
    """The page joins the names of ticked boxes with "+", in their order; views must be called so."""
    order = re.findall(r'type="checkbox" value="(\w+)"', page)
    for key in data(page)["subjects"][0]["views"]:
        assert key == "+".join(name for name in order if name in key.split("+"))
    assert ".join('+')" in html.unescape(page)


def test_what_is_not_ticked_is_described_as_left_out(page):
    inputs = data(page)["subjects"][0]["inputs"]
    assert inputs[2]["alt"] == "T2 of a test slice"
    assert inputs[2]["absent"] == "T2 is left out: black, as the network sees it"


def test_the_page_needs_nothing_from_outside_and_has_no_ids(page):
    assert not re.search(r"https?://|<script|src=\"(?!data:)", page)
    assert " id=" not in page
    assert "&lt;three&gt;" in page and "<three>" not in page


def test_each_image_travels_once(page):
    images = data(page)["images"]
    assert len(images) == len(set(images)) <= 3 * (4 + 1 + 15) + 1


def test_labels_that_do_not_fit_are_refused(seen):
    with pytest.raises(ValueError, match="3 subjects and 1 labels"):
        d2_widget.RecordedSegmenter(seen, ["one"], "A caption.")


def test_a_record_makes_the_page(tmp_path, monkeypatch):
    monkeypatch.setenv("MEDSYN_RECORDS", str(tmp_path))
    made.save(["full", "base"])
    found = Results(small_d2.MADE, "laptop", ("full", "base"))
    widget = d2_widget.recorded(found)
    assert "15 choices of modalities" in repr(widget)
    sizes = [int((seg > 0).sum()) for seg in found.records["full"][0].arrays()["shown_truth"]]
    assert widget.labels == [f"{k + 1} of 3, tumour of {size} pixels" for k, size in enumerate(sizes)]
    assert "“D²-Net” (profile laptop, first fold)" in widget._repr_html_()
    with pytest.raises(ExhibitError, match="row 'base', seed 0, keeps no 'shown_images'"):
        d2_widget.recorded(found, "base")


# -- at a kernel


class Guess:
    """Says oedema wherever the first modality that it may look at is above its mean; remembers what it was asked."""

    modalities = NAMES

    def __init__(self):
        self.asked = []

    def segment(self, images, keep):
        self.asked.append(keep)
        image = images[self.modalities.index(keep[0])]
        return torch.from_numpy(np.where(image > image.mean(), 2, 0).astype(np.uint8))


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    return small_clinic.clinic(tmp_path_factory.mktemp("cache"))


@pytest.fixture
def at_a_kernel(cohort):
    model = Guess()
    box = d2_widget.live(model, cohort)
    who, *boxes = box.children[0].children
    return model, who, dict(zip(NAMES, boxes, strict=True)), box.children[1]


def shown(answer):
    return [pixels(uri) for uri in re.findall(r'src="([^"]+)"', answer.value)]


def test_only_labelled_subjects_with_all_modalities_can_be_picked(at_a_kernel, cohort):
    _, who, _, _ = at_a_kernel
    assert list(who.options) == ["p-7"]  # p-8 lacks T1ce, p-9 has no labels
    assert len(cohort.subset("test").numbers) == 3


def test_ticks_decide_what_the_model_looks_at(at_a_kernel, cohort):
    model, who, boxes, answer = at_a_kernel
    assert model.asked == [NAMES]
    boxes["t1"].value = boxes["flair"].value = False
    assert model.asked == [NAMES, NAMES[1:], ("t1ce", "t2")]
    volume = cohort.volume(who.value)
    images, seg = volume["images"].astype(np.float32), volume["seg"]
    place = int(region(seg, "TC").sum(axis=(1, 2)).argmax())
    labels = Guess().segment(images, ("t1ce", "t2")).numpy()
    *given, truth, segmented = shown(answer)
    for name, picture in zip(NAMES, given, strict=True):
        there = name in ("t1ce", "t2")
        expected = grey(images[NAMES.index(name), place]) * there
        np.testing.assert_allclose(picture[..., 0], expected, atol=0.003)
    np.testing.assert_allclose(truth, over(images[:, place], NAMES, NAMES, seg[place]), atol=0.003)
    np.testing.assert_allclose(segmented, over(images[:, place], NAMES, ("t1ce", "t2"), labels[place]), atol=0.003)
    scores = [100 * dice(region(labels, name), region(seg, name)) for name in REGIONS]
    told = ", ".join(f"{name} {score:.0f} %" for name, score in zip(REGIONS, scores, strict=True))
    assert f"From T1ce, T2: Dice of the whole volume {told}." in answer.value
    assert "FLAIR is left out" in answer.value and "T2 of a test slice" in answer.value


def test_a_choice_is_segmented_once(at_a_kernel):
    model, _, boxes, _ = at_a_kernel
    boxes["t2"].value = False
    boxes["t2"].value = True
    assert model.asked == [NAMES, ("t1", "t1ce", "flair")]


def test_nothing_ticked_asks_nobody_and_says_so(at_a_kernel):
    model, _, boxes, answer = at_a_kernel
    for box in boxes.values():
        box.value = False
    assert () not in model.asked
    assert d2_widget.NOTHING in answer.value
    assert not shown(answer)[-1].any() and shown(answer)[-2].any()  # the truth is still there
    boxes["t2"].value = True
    assert d2_widget.NOTHING not in answer.value and "From T2: " in answer.value


def test_a_network_answers(cohort):
    box = d2_widget.live(small_clinic.untrained(), cohort)
    assert "From FLAIR, T1ce, T2, T1: Dice of the whole volume WT " in box.children[1].value


def test_a_cohort_of_other_modalities_and_one_without_whole_subjects_are_refused(cohort):
    model = Guess()
    model.modalities = ("t1", "t2")
    with pytest.raises(ValueError, match="the model knows t1, t2, the cohort t1, t1ce, t2, flair"):
        d2_widget.live(model, cohort)
    few = cohort.divide(dataclasses.replace(cohort.split, train=(*cohort.split.train, "p-7"), test=("p-8", "p-9")))
    with pytest.raises(ValueError, match="no labelled subject of the test set has all of t1, t1ce, t2, flair"):
        d2_widget.live(Guess(), few)
