"""The translator: every combination on a static page, and a model at a kernel."""

from __future__ import annotations

import base64
import html
import io
import json
import re

import numpy as np
import pytest
import torch
from PIL import Image

from medsyn_core.experiments.exhibits import results
from medsyn_core.experiments.results import ExhibitError, Results
from medsyn_core.figures import translator
from medsyn_core.methods.any_to_any import GuidedTranslator, Translator
from tests.experiments import small


@pytest.fixture(scope="module", autouse=True)
def recorded(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MEDSYN_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("MEDSYN_RECORDS", str(tmp_path_factory.mktemp("records")))
        patch.setenv("MEDSYN_PROGRESS", "0")
        patch.setattr("medsyn_core.experiments.utad.PLAN", small.UTAD)
        small.save_utad(("copy", "atlas", "teacher-wt", "student-wt"))
        yield


@pytest.fixture(scope="module")
def widget():
    return translator.recorded(results("utad-F3", "laptop"))


@pytest.fixture(scope="module")
def page(widget):
    return widget._repr_html_()


def data(page):
    return json.loads(html.unescape(re.search(r'data-shots="([^"]*)"', page)[1]))


def pixels(uri):
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.split(",", 1)[1]))).convert("L"))


def grey(image):
    return np.clip(image.astype(np.float32) / 1.1, 0, 1) * 255


def test_every_combination_shows_source_translation_and_truth(page):
    found = results("utad-F3", "laptop")
    shared, student = (found.records[row][0].arrays() for row in ("copy", "student-wt"))
    known = data(page)
    assert np.shape([[[v["images"] for v in row] for row in rows] for rows in known["views"]]) == (4, 4, 4, 3)
    for k, s, t in np.ndindex(4, 4, 4):
        source, made, real = (pixels(known["images"][i]) for i in known["views"][k][s][t]["images"])
        np.testing.assert_allclose(source, grey(shared["images"][k, s]), atol=0.51)
        np.testing.assert_allclose(real, grey(shared["images"][k, t]), atol=0.51)
        expected = shared["images"][k, t] if s == t else student["frames"][s, t, k]
        np.testing.assert_allclose(made, grey(expected), atol=0.51)


def test_scores_are_those_of_the_slice_and_of_its_box(page):
    found = results("utad-F3", "laptop")
    shared, student = (found.records[row][0].arrays() for row in ("copy", "student-wt"))
    k, s, t = 2, 3, 1
    made, real, source = (x.astype(float) for x in (student["frames"][s, t, k], *shared["images"][k, [t, s]]))
    rows, columns = np.nonzero(shared["seg"][k])
    near = slice(rows.min(), rows.max() + 1), slice(columns.min(), columns.max() + 1)
    psnr = lambda a, b: -10 * np.log10(np.mean((a - b) ** 2))
    scores = data(page)["views"][k][s][t]["scores"]
    assert scores.startswith(f"PSNR {psnr(made, real):.1f} dB (copying the source: {psnr(source, real):.1f} dB)")
    inside = f"box {psnr(made[near], real[near]):.1f} dB ({psnr(source[near], real[near]):.1f} dB)"
    assert inside in scores


def test_the_same_modality_twice_is_the_real_image(page):
    view = data(page)["views"][0][1][1]
    assert view["images"][0] == view["images"][1] == view["images"][2]
    assert "nothing is translated" in view["scores"] and view["titles"][1] == "T1ce itself"


def test_the_page_starts_with_a_translation_and_describes_it(page):
    view = data(page)["views"][0][0][3]
    alts = [html.unescape(alt) for alt in re.findall(r'<img [^>]*alt="([^"]*)"', page)]
    assert alts == view["alts"]
    assert alts[1].startswith("The slice translated from T1 to FLAIR. PSNR ")
    assert html.escape(view["scores"]) in page
    assert len(re.findall(r"<option selected>", page)) == 3


def test_the_page_needs_nothing_from_outside(page):
    assert not re.search(r"https?://|<script|src=\"(?!data:)", page)


def test_choices_are_native_labelled_and_without_ids(page):
    """Several translators may stand on one page, and the keyboard moves each."""
    labels = re.findall(r"<label[^>]*>(.*?) <select", page)
    assert labels == ["test slice", "source", "target"]
    assert " id=" not in page


def test_each_image_travels_once(page):
    images = data(page)["images"]
    assert len(images) == len(set(images)) <= 4 * (4 + 12)


def test_a_slice_without_tumour_has_no_box_score():
    image = np.random.default_rng(0).uniform(0, 1, (12, 12))
    shot = translator.Shot(image, image * 0.9, image * 0.8, image > 0, np.zeros((12, 12), np.uint8), ("t1", "t2"))
    assert shot.scores.endswith("There is no tumour in this slice.")
    assert "without tumour" in shot.alts[0]


def test_a_row_without_frames_is_refused():
    with pytest.raises(ValueError, match="'teacher-wt' keeps no translations"):
        translator.recorded(results("utad-F3", "laptop"), "teacher-wt")


def test_a_student_that_is_not_recorded_is_named_with_its_command():
    found = Results(small.UTAD, "laptop", ("copy", "student-et"), optional=("student-et",))
    with pytest.raises(ExhibitError, match="make them: python -m medsyn_core record utad --profile laptop --rows stu"):
        translator.recorded(found, "student-et")


def test_labels_that_do_not_fit_are_refused(widget):
    with pytest.raises(ValueError, match="4 slices and 1 labels"):
        translator.RecordedTranslator(widget.shots, ["one"], "caption")


# -- at a kernel


class Darker(torch.nn.Module):
    """A generator that multiplies by a number of the target."""

    def __init__(self):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.ones(1))

    def forward(self, image, local, code):
        factor = 1 / (2 + code.float())[:, None, None, None]
        return type("Answer", (), {"image": self.scale * image * factor})


@pytest.fixture(scope="module")
def cohort():
    return small.quartets(None)


def test_a_live_choice_is_translated_by_the_model(cohort):
    model = Translator(Darker(), cohort.modalities)
    box = translator.live(model, cohort)
    (which, source, target), shown = box.children[0].children, box.children[1]
    assert len(which.options) == len(cohort.subset("test").indices)
    row = cohort.subset("test").indices[which.value]
    assert cohort.seg[row].any()  # it starts where there is something to see
    source.value, target.value = "t2", "t1ce"
    images = [pixels(uri) for uri in re.findall(r'src="([^"]+)"', shown.value)]
    real = cohort.images[row].astype(np.float32)
    s, t = (cohort.modalities.index(name) for name in ("t2", "t1ce"))
    for shown_image, expected in zip(images, (real[s], real[s] / (2 + t), real[t]), strict=True):
        np.testing.assert_allclose(shown_image, grey(expected), atol=0.51)
    assert "The slice translated from T2 to T1ce. PSNR " in shown.value
    target.value = "t2"
    assert "nothing is translated" in shown.value


def test_every_slice_can_be_picked(cohort):
    box = translator.live(Translator(Darker(), cohort.modalities), cohort)
    which, shown = box.children[0].children[0], box.children[1]
    seen = set()
    for label in which.options:
        which.label = label
        seen.add(shown.value)
    assert len(seen) == len(which.options)


def test_a_model_that_needs_a_mask_is_refused(cohort):
    with pytest.raises(ValueError, match="needs a mask with every image"):
        translator.live(GuidedTranslator(Darker(), cohort.modalities), cohort)


def test_a_cohort_of_other_modalities_is_refused(cohort):
    with pytest.raises(ValueError, match="the model knows t1, t2, the cohort t1, "):
        translator.live(Translator(Darker(), ("t1", "t2")), cohort)
