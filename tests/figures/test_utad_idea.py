"""UTAD-Net's idea in one picture: the step that is asked for, and the numbers that the alt text tells."""

import itertools

import numpy as np
import pytest
import torch

from medsyn_core.data import prepare
from medsyn_core.data.cut import Settings
from medsyn_core.figures.utad_idea import idea, one_step
from medsyn_core.methods import utad
from tests.data.makers import ToySource

MODALITIES = ("t1", "t1ce", "t2", "flair")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A teacher of two steps (so its average is not its last state), on a few subjects of noise that have a tumour."""
    settings = Settings(px=16, slices=2, fov_mm=160.0)
    cohort = prepare(ToySource(8), settings, cache=tmp_path_factory.mktemp("c"), jobs=1).divide((4, 2, 2))
    return utad.teacher("smoke").configure(steps=2).fit(cohort, device="cpu", progress=False)


@pytest.mark.parametrize(("source", "target"), itertools.permutations(MODALITIES, 2))
def test_every_slice_is_shown_in_the_source_and_asked_for_the_target(run, source, target):
    rows = [2, 0]
    trace, view = one_step(run, rows, source, target), run.recipe.method.view(run.cohort.subset("test"))
    assert [MODALITIES[k] for k in trace.modality] == [source] * 2
    assert [MODALITIES[k] for k in trace.target] == [target] * 2
    assert torch.equal(trace.image[:, 0], view.oracle(rows)["images"][:, MODALITIES.index(source)])
    assert torch.equal(trace.mask[:, 0] > 0, view.batch(rows)["seg"] > 0)  # nothing is mirrored
    assert torch.equal(trace.mix, torch.full((2, 1, 1, 1), 0.5))


@pytest.mark.parametrize(
    ("pair", "message"), [(("t1", "ct"), "'ct' was not learnt; there are: t1, t1ce"), (("t2", "t2"), "are both 't2'")]
)
def test_a_pair_that_cannot_be_translated_is_refused(run, pair, message):
    with pytest.raises(ValueError, match=message):
        one_step(run, [0], *pair)


def test_the_picture_shows_the_step_of_one_sample(run):
    trace = one_step(run, [0, 2], "t1", "flair")
    axes = {ax.get_title(): ax for ax in idea(trace, row=1).fig.axes}
    whole = {"$I_{source}$ (T1)": trace.image, "$I_{target}$ (FLAIR)": trace.translated}
    whole |= {"$I_{target}$, again": trace.translated, "$I'_{source}$": trace.reconstructed}
    crops = {"mask $M$": trace.mask, r"$T_{source} = I \odot M$": trace.image * trace.mask}
    crops |= {"$T_{target}$": trace.tumour_translated, "$T'_{source}$": trace.tumour_reconstructed}
    crops |= {r"$T'_{target} = I_{target} \odot M$": trace.translated * trace.mask}
    assert set(axes) == {*whole, *crops}
    for title, image in {**whole, **crops}.items():
        assert np.array_equal(axes[title].images[0].get_array(), image[1, 0].detach().numpy()), title
        assert len(axes[title].collections) == (title in whole)  # the outline


def test_the_alt_text_tells_what_does_not_agree_yet(run):
    trace = one_step(run, [0, 2], "t1", "flair")
    off = lambda a, b: f"{255 * float((a[1] - b[1]).abs().mean()):.1f}"
    alt = idea(trace, row=1).alt
    assert f"local branch and crop {off(trace.tumour_translated, trace.translated * trace.mask)}," in alt
    assert f"tumour and what came back {off(trace.tumour_reconstructed, trace.tumour_source)}," in alt
    assert f"T1 and what came back {off(trace.reconstructed, trace.image)}" in alt
