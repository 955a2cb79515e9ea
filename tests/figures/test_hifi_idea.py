"""HiFi-Syn's idea in one picture: the step that is asked for, and what its colours and numbers come from."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch.nn.functional as F

from medsyn_core.figures import hifi_idea
from tests.methods import small


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """HiFi-Syn between T1 and T2, two steps, on patients made of noise."""
    return small.fit(small.hifi(steps=2), small.patients(tmp_path_factory.mktemp("c")))


@pytest.fixture(scope="module")
def trace(run):
    return hifi_idea.one_step(run, (0, 2))


@pytest.fixture(scope="module")
def bank(run):
    return run.networks["memory"]


@pytest.fixture(scope="module")
def picture(trace, bank):
    return hifi_idea.idea(trace, bank)


def axes(picture):
    """Title, or what stands below -> axes."""
    return {ax.get_title() or ax.get_xlabel(): ax for ax in picture.fig.axes}


def test_each_subject_is_shown_in_its_modality_and_not_mirrored(run, trace):
    cohort, numbers = run.cohort, run.cohort.subset("test").numbers
    for side, number, column in (("i", numbers[0], 0), ("j", numbers[2], 2)):
        rows = np.flatnonzero(cohort.subject == number)
        assert int(getattr(trace, f"subject_{side}")) == number
        shown = getattr(trace, f"image_{side}")[0, 0].numpy()
        assert any(np.array_equal(shown, cohort.images[row, column].astype(np.float32)) for row in rows)
    assert trace.pixels.shape == (1, run.recipe.method.queries) and len(set(trace.pixels[0].tolist())) > 1


@pytest.mark.parametrize(
    ("who", "message"), [((1, 1), "one subject twice"), ((0, 3), "there are 3 test subjects, 0 … 2")]
)
def test_a_pair_that_is_not_there_is_refused(run, who, message):
    with pytest.raises(ValueError, match=message):
        hifi_idea.one_step(run, who)


def test_images_and_translations_are_those_of_the_step(trace, picture):
    found = axes(picture)
    shown = {"$m_i$ (T1)": trace.image_i, "$m_j$ (T2)": trace.image_j}
    shown |= {r"$m_{i \to j}$ (T2)": trace.translated_ij, r"$m_{j \to i}$ (T1)": trace.translated_ji}
    for title, image in shown.items():
        np.testing.assert_array_equal(found[title].images[0].get_array(), image[0, 0].detach().numpy(), err_msg=title)


def test_frames_are_in_the_colour_of_the_modality_that_is_seen(picture):
    found = axes(picture)
    edge = lambda title: found[title].spines["left"].get_edgecolor()
    assert edge("$m_i$ (T1)") == edge(r"$m_{j \to i}$ (T1)") != edge("$m_j$ (T2)")
    assert edge("$m_j$ (T2)") == edge(r"$m_{i \to j}$ (T2)")


def test_attributes_stand_beside_what_they_colour(trace, picture):
    strips = [
        ax.images[0].get_array()[0] for ax in picture.fig.axes if ax.images and ax.images[0].get_array().shape[0] == 1
    ]
    own, other = (getattr(trace, f"attribute_{side}").code[0].detach().numpy() for side in "ij")
    for strip, code in zip(strips, (own, other, other, own), strict=True):
        np.testing.assert_array_equal(strip, code)


def test_a_key_has_the_colour_of_the_content_that_it_is_like(trace, bank):
    taught = copy.deepcopy(bank)
    taught.keys[5] = 3 * trace.content_i[0, :, 2, 4].detach()  # of any length: cosines see directions
    found = axes(hifi_idea.idea(trace, taught))
    keys, content = (found[title].images[0].get_array() for title in ("$k$", "content $z^c_i$"))
    assert keys.shape == (38, 1, 3)
    np.testing.assert_allclose(keys[5, 0], content[2, 4], atol=1e-6)
    assert not np.allclose(keys[6, 0], content[2, 4], atol=1e-2)


def test_the_legend_counts_the_slots(picture):
    legend = [text.get_text() for text in picture.fig.legends[0].get_texts()]
    assert legend[:2] + legend[-1:] == ["background (2)", "CSF (2)", "common (19)"] and len(legend) == 8


def test_the_alt_text_tells_how_well_content_survives(trace, picture):
    cosine = lambda a, b: float(F.cosine_similarity(a[0].detach(), b[0].detach(), dim=0).mean())
    i, j = cosine(trace.content_i, trace.content_ij), cosine(trace.content_j, trace.content_ji)
    assert f"after translation: {i:.2f} above, {j:.2f} below" in picture.alt
    assert f"place by place: {cosine(trace.content_i, trace.content_j):.2f}" in picture.alt


def test_a_run_without_a_bank_has_no_idea(run):
    recipe = small.hifi(steps=1, items=(0,) * 7, common=0)
    bare = small.fit(recipe, run.cohort)
    with pytest.raises(ValueError, match="no memory slots"):
        hifi_idea.idea(hifi_idea.one_step(bare), bare.networks["memory"])


def test_another_step_gives_another_picture(run, trace, bank, picture):
    again = hifi_idea.idea(hifi_idea.one_step(run, (2, 0)), bank)
    assert again.alt != picture.alt
    assert hifi_idea.idea(trace, bank).alt == picture.alt
