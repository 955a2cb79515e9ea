"""D²-Net's idea in one picture: the block that is looked at, who is compared in it, and what is drawn of it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from matplotlib.colors import to_rgba

from medsyn_core.figures import d2_block, d2_idea, style
from medsyn_core.figures.d2_shown import grey
from tests.figures import d2_made as made
from tests.methods import small, small_clinic


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Three steps on patients made of noise; of those tested one has both labels and all modalities."""
    return small.fit(made.recipe(), small_clinic.clinic(tmp_path_factory.mktemp("c")))


@pytest.fixture(scope="module")
def trace(run):
    return d2_block.one_step(run)


@pytest.fixture(scope="module")
def picture(trace):
    return d2_idea.idea(trace)


# -- the block


def test_the_block_holds_the_tumour_and_its_modalities_but_the_missing_one(run, trace):
    volume = run.cohort.volume("p-7")
    assert trace.images.shape == (1, 4, 8, 8, 8) and trace.labels.shape == (1, 8, 8, 8)
    assert (trace.labels > 0).sum() == (volume["seg"] > 0).sum()  # all of it fits
    assert set(trace.labels.unique().tolist()) == {0, 1, 2, 3}  # classes, not BraTS codes
    assert trace.present.tolist() == [[1, 1, 0, 1]]
    assert not trace.images[:, 2].any() and all(trace.images[0, m].any() for m in (0, 1, 3))
    values = trace.images[0, 1][trace.images[0, 1] != 0]
    assert set(values.tolist()) <= set(volume["images"][1].astype(np.float32).ravel().tolist())  # nothing is varied


def test_every_modality_may_be_there_and_all_but_one_may_be_missing(run):
    assert d2_block.one_step(run, missing=()).present.tolist() == [[1, 1, 1, 1]]
    assert d2_block.one_step(run, missing=("t1", "t2", "flair")).present.tolist() == [[0, 1, 0, 0]]


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"subject": 1}, "subject=1: of the test subjects, 1 have labels and all modalities"),
        ({"missing": ("pd",)}, "missing='pd' was not learnt; there are: t1, t1ce, t2, flair"),
        ({"missing": ("t1", "t1ce", "t2", "flair")}, "missing= names every modality"),
    ],
)
def test_blocks_that_cannot_be_are_refused(run, how, message):
    with pytest.raises(ValueError, match=message):
        d2_block.one_step(run, **how)


@pytest.mark.parametrize("size", [4, 6, 10])
@pytest.mark.parametrize("corner", [(0, 0, 0), (5, 2, 7), (3, 6, 4)])
def test_a_cube_lies_round_the_tumour_and_inside_the_volume_where_it_can(size, corner):
    seg = np.zeros((8, 9, 10), np.uint8)
    seg[tuple(slice(c, c + 3) for c in corner)] = 2
    images = np.arange(1, 2 * seg.size + 1, dtype=np.float32).reshape(2, *seg.shape)
    cut, labels = d2_block.around(images, seg, size)
    assert cut.shape == (2, size, size, size) and labels.shape == (size,) * 3
    assert (labels > 0).sum() == 27
    inside = min(size, 8) * min(size, 9) * min(size, 10)
    assert (cut[0] > 0).sum() == inside  # what the volume has not is background, and no more than that
    np.testing.assert_array_equal(images[0][seg > 0], cut[0][labels > 0])


def test_without_a_tumour_the_middle_is_cut():
    images = np.arange(1, 513, dtype=np.float32).reshape(1, 8, 8, 8)
    cut, _ = d2_block.around(images, np.zeros((8, 8, 8), np.uint8), 4)
    np.testing.assert_array_equal(cut, images[:, 2:6, 2:6, 2:6])


# -- who is compared


def test_an_anchor_has_the_partners_of_the_loss_and_none_of_the_missing_modality(trace):
    pairs = d2_block.partners(trace, 3)
    (m, u), slices = pairs.anchor, trace.slices[0]
    positive, negative = (x.unflatten(0, (4, 8)).unflatten(2, (4, 8)) for x in trace.settings.slice_pairs(4, 8))
    np.testing.assert_array_equal(pairs.positive, (positive[m, u] & slices).numpy())
    np.testing.assert_array_equal(pairs.negative, (negative[m, u] & slices).numpy())
    assert m == 3 and pairs.positive[m].sum() == pairs.positive.sum() > 0  # its own modality alone
    assert not pairs.negative[m].any() and not pairs.negative[2].any() and pairs.negative[0].any()


def test_an_anchor_is_the_nearest_that_has_partners(trace):
    bearing = np.flatnonzero(trace.slices[0, 3].numpy())
    near = [d2_block.partners(trace, g).anchor[1] for g in range(8)]
    assert set(near) <= set(bearing.tolist())
    assert all(near[g] == g for g in bearing if d2_block.partners(trace, int(g)).anchor == (3, g))


def test_one_modality_alone_is_compared_with_nobody(run):
    with pytest.raises(ValueError, match="no code is compared with any other; leave fewer modalities out"):
        d2_block.partners(d2_block.one_step(run, missing=("t1", "t2", "flair")), 3)


def test_cosines_are_those_of_every_pair_that_counts(trace):
    codes = torch.randn(4, 8, 5, generator=torch.Generator().manual_seed(0))
    flat, sums = codes.flatten(0, 1).numpy(), {"positive": [], "negative": []}
    seen = trace.slices[0].flatten().numpy()
    for name, which in zip(sums, trace.settings.slice_pairs(4, 8), strict=True):
        for a, b in np.argwhere(which.numpy()):
            if seen[a] and seen[b]:
                sums[name].append(flat[a] @ flat[b] / np.linalg.norm(flat[a]) / np.linalg.norm(flat[b]))
    expected = [np.mean(values) for values in sums.values()]
    assert d2_block.cosines(trace, codes) == pytest.approx(tuple(expected), abs=1e-5)


# -- the picture


def by_height(picture, width):
    """Axes of images with this many columns, from top to bottom, then from left to right."""
    found = [ax for ax in picture.fig.axes if ax.images and ax.images[0].get_array().shape[1] == width]
    return sorted(found, key=lambda ax: (-round(ax.get_position().y0, 3), ax.get_position().x0))


def test_images_and_reconstructions_stand_side_by_side(trace, picture):
    place = int((trace.labels[0] % 2 == 1).sum(dim=(1, 2)).argmax())  # tumour core: classes 1 and 3
    edge = to_rgba(style.MODALITY["t1ce"])
    again, image = sorted(
        (
            ax
            for ax in picture.fig.axes
            if ax.spines["left"].get_visible() and ax.spines["left"].get_edgecolor() == edge
        ),
        key=lambda ax: ax.get_position().x0,
    )
    real = trace.images[0, 1, place].numpy()
    np.testing.assert_allclose(image.images[0].get_array(), grey(real))
    made = trace.reconstructed[0, 1, place].detach().numpy()
    np.testing.assert_allclose(again.images[0].get_array(), grey(made, like=real))


def strips(picture):
    """The strips of codes and spectra: (line, column) -> axes; classes have one column."""
    found = [ax for ax in picture.fig.axes if ax.images and ax.images[0].get_array().shape == (8, 8)]
    wide = [ax for ax in found if ax.get_position().width > 1.2 * ax.get_position().height]
    wide.sort(key=lambda ax: (-round(ax.get_position().y0, 3), ax.get_position().x0))
    return np.array(wide[:8]).reshape(4, 2), wide[8:]


def test_codes_stand_slice_by_slice_beside_their_spectra(trace, picture):
    upper, lower = strips(picture)
    codes, seen = trace.modality.codes[0].detach().numpy(), trace.slices[0].numpy()
    for m in range(4):
        for ax, values in zip(upper[m], (codes[m], np.abs(np.fft.fft(codes[m]))), strict=True):
            shown = np.ma.getdata(ax.images[0].get_array())
            np.testing.assert_allclose(shown[:, seen[m]], values[seen[m]].T, atol=1e-4)
            assert np.isnan(shown[:, ~seen[m]]).all()  # nothing to compare
    assert np.isnan(np.ma.getdata(upper[2, 0].images[0].get_array())).all()  # T2 is missing
    assert len(lower) == 4
    np.testing.assert_allclose(
        np.ma.getdata(lower[1].images[0].get_array())[:, 3], trace.class_codes[0, 1, 3].detach().numpy(), atol=1e-6
    )


def test_frames_mark_the_anchor_and_its_partners(trace, picture):
    place = int((trace.labels[0] % 2 == 1).sum(dim=(1, 2)).argmax())
    pairs, (upper, _) = d2_block.partners(trace, place), strips(picture)
    anchor = np.zeros((4, 8), bool)
    anchor[pairs.anchor] = True
    for which, colour in zip((anchor, pairs.positive, pairs.negative), d2_idea.FRAMES.values(), strict=True):
        for column in (0, 1):
            marked = np.zeros((4, 8), bool)
            for m in range(4):
                for frame in upper[m, column].patches:
                    if frame.get_edgecolor() == to_rgba(colour):
                        first = round(frame.get_x() + 0.5)
                        marked[m, first : first + round(frame.get_width())] = True
            np.testing.assert_array_equal(marked, which)


def test_affinities_are_written_and_the_words_tell_them(trace, picture):
    found = trace.affinities[:, :, 0].mean(dim=-1).numpy()
    (ax,) = (ax for ax in picture.fig.axes if ax.get_title() == "affinities $a$")
    np.testing.assert_allclose(ax.images[0].get_array(), found)
    assert [t.get_text() for t in ax.texts] == [f"{v:.2f}".removeprefix("0") for v in found.ravel()]
    assert f"of 2 layers of the teacher and 2 of the student, {found.min():.2f} to {found.max():.2f}" in picture.alt


def test_the_words_tell_cosines_and_how_often_the_student_is_right(trace, picture):
    codes = trace.modality.codes[0].detach()
    pulled, pushed = d2_block.cosines(trace, codes)
    assert f"codes {pulled:.2f} and {pushed:.2f}, spectra " in picture.alt
    tumour = trace.labels[0] > 0
    right = (trace.student.output[0].argmax(dim=0) == trace.labels[0])[tumour].float().mean()
    assert f"right in {100 * float(right):.0f} % of the tumour's voxels" in picture.alt
    assert "left out: T2" in picture.alt and "Mean cosine" in picture.alt


def test_everything_lies_on_the_sheet(picture):
    for ax in picture.fig.axes:
        box = ax.get_position()
        assert min(box.x0, box.y0) >= 0 and max(box.x1, box.y1) <= 1, ax.get_title()


def test_another_choice_gives_another_picture(run, picture):
    again = d2_idea.idea(d2_block.one_step(run, missing=("t1", "flair")))
    assert "left out: T1, FLAIR" in again.alt and again.alt != picture.alt
