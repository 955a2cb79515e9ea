"""Any-to-any translation: what training may see, which targets it draws, what a translator answers and how it is
scored."""

from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from medsyn_core.data import prepare
from medsyn_core.data.cut import Settings
from medsyn_core.data.views import Unpaired
from medsyn_core.evaluation import METRICS, ssim_map
from medsyn_core.methods import utad
from medsyn_core.methods.any_to_any import GuidedTranslator, Translator
from medsyn_core.networks.two_branch import Translation
from tests.methods import small

METHOD = small.teacher().method
PICTURES = ("image", "brain", "seg", "tissue")


# -- samples


def sampled(other, flip=0.9, batch=None, method=METHOD):
    batch = small.batch_of() if batch is None else batch
    size = len(batch["image"])
    return method.sample({**batch, "other": torch.full((size,), other), "flip": torch.full((size,), flip)})


@given(st.floats(0, 1, exclude_max=True, width=32), st.integers(2, 6))
def test_a_target_is_never_the_sources_modality(other, modalities):
    method = utad.Teacher(modalities=tuple(f"m{k}" for k in range(modalities)))
    source = torch.arange(4) % modalities
    target = sampled(other, batch=small.batch_of() | {"modality": source}, method=method)["target"]
    assert (target != source).all() and (target >= 0).all() and (target < modalities).all()


def test_targets_cover_all_other_modalities_evenly():
    batch = small.batch_of()
    for source in range(4):
        batch["modality"] = torch.full((4,), source)
        targets = [sampled(k / 30, batch=batch)["target"][0].item() for k in range(30)]
        assert Counter(targets) == {t: 10 for t in range(4) if t != source}


def test_draws_are_uniform_and_belong_to_their_generator_alone():
    draw = lambda seed: METHOD.draws(2000, torch.Generator().manual_seed(seed))
    one, again, other = draw(3), draw(3), draw(4)
    for name, value in one.items():
        assert len(value) == 2000
        assert torch.equal(value, again[name]) and not torch.equal(value, other[name])
    for name in ("other", "flip", "mix"):
        low, high = one[name].min(), one[name].max()
        assert 0 <= low < 0.01 and 0.99 < high < 1 and abs(one[name].mean() - 0.5) < 0.03
    assert one["mix"].shape == (2000, 1, 1, 1)


@pytest.mark.parametrize(("flip", "mirrored"), [(0.0, True), (0.49, True), (0.5, False), (0.99, False)])
def test_image_and_labels_are_mirrored_together_or_not_at_all(flip, mirrored):
    batch, sample = small.batch_of(), sampled(0.0, flip)
    for name in PICTURES:
        assert torch.equal(sample[name], batch[name].flip(-1) if mirrored else batch[name]), name
    tumour = lambda b: b["image"] * METHOD.mask(b["seg"], torch.zeros(4))
    assert torch.equal(tumour(sample), tumour(batch).flip(-1) if mirrored else tumour(batch))
    assert not torch.equal(tumour(batch), tumour(batch).flip(-1))  # else this test could not fail


def test_each_sample_is_mirrored_by_its_own_draw_and_the_batch_is_left_alone():
    batch = small.batch_of()
    before = {name: value.clone() for name, value in batch.items()}
    flip = torch.tensor([0.1, 0.9, 0.1, 0.9])
    sample = METHOD.sample({**batch, "other": torch.zeros(4), "flip": flip})
    for b in range(4):
        for name in PICTURES:
            expected = batch[name][b].flip(-1) if flip[b] < 0.5 else batch[name][b]
            assert torch.equal(sample[name][b], expected)
    assert all(torch.equal(batch[name], before[name]) for name in batch)


# -- what training sees


def test_training_sees_one_modality_a_subject_and_never_the_oracle(patients, monkeypatch):
    seen, batch = [], Unpaired.batch

    def spy(self, indices):
        given = batch(self, indices)
        seen.append(dict(given))  # the engine adds its draws
        return given

    monkeypatch.setattr(Unpaired, "batch", spy)
    monkeypatch.setattr(Unpaired, "oracle", lambda self, indices: pytest.fail("training asked for what it may not see"))
    small.fit(small.teacher(), patients)
    shown = {(s, m) for b in seen for s, m in zip(b["subject"].tolist(), b["modality"].tolist(), strict=True)}
    assert {s for s, _ in shown} == set(range(6)) and len(shown) == 6
    for b in seen:
        assert set(b) == {"image", "modality", "brain", "seg", "tissue", "subject", "index"}
        stored = patients.images[b["index"].numpy(), b["modality"].numpy()].astype(np.float32)
        assert np.array_equal(b["image"][:, 0].numpy(), stored)


def test_pairing_is_the_seed_of_who_shows_what(patients):
    shown = lambda pairing: small.teacher().configure(pairing=pairing).method.view(patients.subset("train")).drawn
    assert shown(0) == shown(0) and len({tuple(shown(k).items()) for k in range(4)}) > 1


def test_cohorts_that_do_not_fit_are_refused(patients, tmp_path):
    with pytest.raises(ValueError, match=r"between t2, t1, but the cohort has t1, .*configure\(modalities="):
        small.fit(small.teacher().configure(modalities=("t2", "t1")), patients)
    scaled = small.patients(tmp_path, scaling="minmax")
    with pytest.raises(ValueError, match=r'background of 0; load the cohort with scaling="percentile"'):
        small.fit(small.teacher(), scaled)


def test_a_cohort_of_other_modalities_is_fitted_by_naming_them(tmp_path):
    class Pair(small.Patients):
        name = "pair"

        def read(self, ref):
            volume = super().read(ref)
            images = {name: volume.images[name] for name in ("t1", "flair")}
            return type(volume)(ref.id, ref.patient, images, seg=volume.seg, affine=volume.affine)

    cohort = prepare(Pair(), Settings(16, 2), cache=tmp_path, jobs=1).divide((6, 1, 3))
    run = small.fit(small.teacher().configure(modalities=cohort.modalities, steps=1), cohort)
    assert Counter(row["direction"] for row in run.metrics) == {"t1-flair": 3, "flair-t1": 3}


# -- translator


class Painter(nn.Module):
    """A generator that can be read: the whole image, plus 10 times the local one, plus 100 times the code."""

    def __init__(self):
        super().__init__()
        self.nothing = nn.Parameter(torch.zeros(()))

    def forward(self, whole, local, code):
        return Translation(whole + 10 * local + 100 * code.reshape(-1, 1, 1, 1) + self.nothing, None, whole)


NAMES = ("t1", "t1ce", "t2", "flair")


@pytest.mark.parametrize("target", NAMES)
def test_a_translator_needs_an_image_and_the_name_of_a_modality(target):
    images = torch.rand(5, 1, 8, 8)
    answer = Translator(Painter(), NAMES).translate(images, target, batch_size=2)
    torch.testing.assert_close(answer, 11 * images + 100 * NAMES.index(target))
    assert not answer.requires_grad


def test_a_guided_translator_sees_the_local_image_inside_the_mask(patients):
    images, mask = torch.rand(5, 1, 8, 8), (torch.rand(5, 1, 8, 8) < 0.5).float()
    answer = GuidedTranslator(Painter(), NAMES).translate(images, "t1", mask, batch_size=2)
    torch.testing.assert_close(answer, images + 10 * images * mask)


def test_bad_use_of_a_translator_is_named():
    translator = Translator(Painter(), NAMES)
    with pytest.raises(ValueError, match=r"target='T1' was not learnt; there are: t1, t1ce, t2, flair"):
        translator.translate(torch.rand(1, 1, 8, 8), "T1")
    for shape in ((8, 8), (3, 8, 8), (3, 4, 8, 8)):
        with pytest.raises(ValueError, match=r"images must be \(N, 1, H, W\), not .*images\[:, None\]"):
            translator.translate(torch.rand(shape), "t1")


@given(st.integers(1, 7))
def test_parts_of_any_size_give_the_same(size):
    images = torch.rand(5, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    translator = Translator(Painter(), NAMES)
    assert torch.equal(translator.translate(images, "t2", batch_size=size), translator.translate(images, "t2"))


# -- scores


class Copy(nn.Module):
    """Answers the source itself, whatever the target, and keeps what it was asked."""

    def __init__(self):
        super().__init__()
        self.asked = []

    def translate(self, images, target, *others):
        self.asked.append((images, target, others))
        return images


@pytest.fixture
def copies(patients, monkeypatch):
    """From settings of the teacher to (copy, rows): the test set scored with a copy of the source as translation."""

    def score(**how):
        copy = Copy()
        monkeypatch.setattr(utad.Teacher, "model", lambda self, networks: copy)
        return copy, small.teacher(**how).method.evaluate({}, patients.subset("test"))

    return score


def test_one_row_a_direction_and_subject_that_has_both(copies):
    _, rows = copies()
    found = [(row["direction"], row["subject"]) for row in rows]
    directions = [f"{s}-{t}" for s in NAMES for t in NAMES if s != t]
    lacks = lambda direction, subject: subject == small.WITHOUT_T1CE and "t1ce" in direction
    assert found == [(d, k) for d in directions for k in (7, 8, 9) if not lacks(d, k)]
    assert len(found) == 30 and all(row["slices"] == 2 for row in rows)


def test_tumour_scores_are_none_for_those_without_and_numbers_for_the_others(copies):
    for row in copies()[1]:
        nothing = row["subject"] in small.WITHOUT_TUMOUR
        for name in METRICS:
            assert (row[name] is None) == (nothing and name.endswith(("_tumour", "_box"))), name


def test_each_direction_is_scored_against_its_own_truth(copies, patients):
    for row in copies()[1]:
        source, target = (NAMES.index(name) for name in row["direction"].split("-"))
        images = patients.images[patients.subject == row["subject"]].astype(np.float64)
        error = images[:, source] - images[:, target]
        assert row["mae"] == pytest.approx(255 * np.abs(error).mean(), rel=1e-5)


@pytest.mark.parametrize("how", [{}, {"guide": "zeros"}, {"region": "ET"}], ids=str)
def test_local_scores_are_those_of_the_box_round_the_true_tumour(copies, patients, how):
    """Whatever mask the translator was given: with zeros or an ET mask it is still the box of the whole tumour."""
    row = copies(**how)[1][0]
    own = patients.subject == row["subject"]
    source, target = patients.images[own, :2].astype(np.float64).swapaxes(0, 1)  # t1-t1ce
    box = np.zeros(source.shape, bool)
    for k, tumour in enumerate(patients.seg[own] > 0):
        i, j = np.nonzero(tumour)
        box[k, i.min() : i.max() + 1, j.min() : j.max() + 1] = True
    assert box.sum() > (patients.seg[own] > 0).sum()  # else a mask would do as well
    assert row["psnr_box"] == pytest.approx(-10 * np.log10(((source - target)[box] ** 2).mean()), rel=1e-5)
    assert row["ssim_box"] == pytest.approx(ssim_map(source, target)[box].mean(), rel=1e-4)


@pytest.mark.parametrize("guide", utad.GUIDES)
def test_a_teacher_is_evaluated_with_the_guide_it_was_trained_with(copies, patients, guide):
    (copy, _), (again, _) = copies(guide=guide), copies(guide=guide)
    assert [len(others) for _, _, others in copy.asked] == [1] * 12
    images, _, (mask,) = copy.asked[1]  # t1-t2, which all subjects have
    assert torch.equal(mask, again.asked[1][2][0]) and mask.shape == images.shape
    tumour = torch.from_numpy(patients.seg[patients.subset("test").indices] > 0)[:, None].float()
    if guide == "random":
        assert set(mask.unique().tolist()) == {0.0, 1.0} and 0.4 < mask.mean() < 0.6
        assert len(mask.unique(dim=0)) == len(mask)
    else:
        assert torch.equal(mask, tumour if guide == "tumour" else 0 * tumour) and tumour.any()


def test_lpips_is_asked_for_the_images_that_were_scored(copies, monkeypatch):
    asked = lambda rows, made, truth, subject: [r | {"lpips": float(np.abs(made - truth).mean())} for r in rows]
    monkeypatch.setattr("medsyn_core.methods.any_to_any.with_lpips", asked)
    rows = copies()[1]
    by_direction = {row["direction"]: row["lpips"] for row in rows}
    assert len(by_direction) == 12 and all(value > 0 for value in by_direction.values())
    assert by_direction["t1-t2"] != by_direction["t1-flair"]
