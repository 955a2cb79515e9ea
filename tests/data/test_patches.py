"""Blocks of volumes: where they are cut, what they hold, and which cohorts have none."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from medsyn_core.data import Patches, prepare
from medsyn_core.data.cut import Settings
from medsyn_core.data.patches import PER_SUBJECT

from .makers import ToySource

LACKS_FLAIR = 1
SETTINGS = Settings(px=20, slices="all", scaling="zscore", fov_mm=160.0)
quick = settings(max_examples=25, deadline=None)
sizes = st.tuples(*[st.integers(1, 26)] * 3)


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    source = ToySource(4, lacking={LACKS_FLAIR: ("flair",)})
    return prepare(source, SETTINGS, cache=tmp_path_factory.mktemp("c"), jobs=1).divide((2, 0, 2))


@pytest.fixture(scope="module")
def whole(cohort):
    return cohort.select(range(4), "whole")


def inside(have, wanted):
    """Where a volume's side lies in a block, as a slice: in the middle if it is smaller, everywhere if not."""
    offset = max(wanted - have, 0) // 2
    return slice(offset, offset + min(have, wanted))


def places(volume, block):
    """Every corner at which the inner part of `block` (d, h, w) stands in `volume` (D, H, W), or None outside it."""
    return [
        corner
        for corner in np.ndindex(*(v - b + 1 for v, b in zip(volume.shape, block.shape, strict=True)))
        if np.array_equal(volume[tuple(slice(c, c + b) for c, b in zip(corner, block.shape, strict=True))], block)
    ]


def test_keys_shapes_and_types(whole):
    batch = Patches(whole, (4, 6, 8)).batch([0, 3999, 1500])
    assert {k: (tuple(v.shape), v.dtype) for k, v in batch.items()} == {
        "images": ((3, 4, 4, 6, 8), torch.float32),
        "present": ((3, 4), torch.float32),
        "seg": ((3, 4, 6, 8), torch.int64),
        "subject": ((3,), torch.int64),
    }
    assert batch["subject"].tolist() == [0, 3, 1]


@quick
@given(st.integers(0, 4 * PER_SUBJECT - 1), sizes)
def test_a_block_is_cut_from_one_place_of_its_subject(cohort, whole, index, size):
    """Images and labels from the same place; what is larger than the volume is background round its middle."""
    batch, volume = Patches(whole, size).batch([index]), cohort.volume(index // PER_SUBJECT)
    images, seg = batch["images"][0].numpy(), batch["seg"][0].numpy()
    have = volume["seg"].shape
    at = tuple(inside(a, b) for a, b in zip(have, size, strict=True))
    frame = np.ones(size, bool)
    frame[at] = False
    assert not images[:, frame].any() and not seg[frame].any()
    found = places(volume["images"][0].astype(np.float32), images[0][at])
    assert found  # more than one only where it is all background
    stands = [
        corner
        for corner in found
        if all(
            np.array_equal(array[..., *(slice(c, c + s.stop - s.start) for c, s in zip(corner, at, strict=True))], ours)
            for array, ours in ((volume["images"].astype(np.float32), images[:, *at]), (volume["seg"], seg[at]))
        )
    ]
    assert stands


@quick
@given(st.integers(0, 2**32), sizes)
def test_blocks_are_the_same_everywhere_and_whoever_is_beside_them(whole, seed, size):
    view = Patches(whole, size, seed)
    together = view.batch([5, 3500, 1203])
    for row, index in enumerate([5, 3500, 1203]):
        again = Patches(whole, size, seed).batch(torch.tensor([index]))
        assert all(torch.equal(together[name][row], again[name][0]) for name in together)


def test_places_are_spread_over_the_whole_volume_and_change_with_the_seed(cohort, whole, monkeypatch):
    """Every corner at which a block fits is drawn, the last one too."""
    have = cohort.volume(2)["seg"].shape
    size = tuple(side - 2 for side in have)
    drawn = {0: [], 1: []}
    volume = cohort.volume(2)["images"][0].astype(np.float32)
    for seed, corners in drawn.items():
        view = Patches(whole, size, seed)
        batch = view.batch(range(2 * PER_SUBJECT, 2 * PER_SUBJECT + 120))
        for block in batch["images"][:, 0].numpy():
            (corner,) = places(volume, block)
            corners.append(corner)
    assert all(set(side) == {0, 1, 2} for side in zip(*drawn[0], strict=True))
    assert drawn[0] != drawn[1] and drawn[0][::2] != drawn[0][1::2]  # each number has a place of its own
    counts = np.bincount(np.array(drawn[0])[:, 0])
    assert counts.min() > 20  # of 120, 40 each


def test_subjects_have_places_of_their_own(cohort, whole):
    """The same number means another place in another subject."""
    have = cohort.volume(0)["seg"].shape
    size, corners = (have[0], have[1] - 6, have[2] - 6), []
    for subject in (0, 2):
        volume = cohort.volume(subject)["images"][0].astype(np.float32)
        blocks = Patches(whole, size).batch(range(subject * PER_SUBJECT, subject * PER_SUBJECT + 8))["images"][:, 0]
        corners.append([places(volume, block.numpy())[0] for block in blocks])
    assert corners[0] != corners[1]


# -- round a tumour


@quick
@given(st.integers(0, 4 * PER_SUBJECT - 1), sizes)
def test_a_centred_block_lies_round_a_tumour_voxel_as_far_as_the_volume_goes(cohort, whole, index, size):
    """So that such a voxel is in its middle, or the block at the volume's end."""
    batch, volume = Patches(whole, size, centred=1.0).batch([index]), cohort.volume(index // PER_SUBJECT)
    seg, most = batch["seg"][0].numpy(), np.subtract(volume["seg"].shape, size).clip(0)
    at = tuple(inside(a, b) for a, b in zip(volume["seg"].shape, size, strict=True))
    corners = np.argwhere(volume["seg"] > 0) - np.array(size) // 2
    expected = {tuple(corner) for corner in corners.clip(0, most)}
    assert seg.any() and expected & set(places(volume["seg"], seg[at]))


def test_every_label_is_as_likely_to_be_centred_however_rare(cohort, whole):
    """Blocks of one voxel show which was drawn."""
    volume = cohort.volume(0)["seg"]
    assert np.bincount(volume.ravel())[[1, 2, 4]].min() < volume.astype(bool).sum() / 3.5
    batch = Patches(whole, (1, 1, 1), centred=1.0).batch(range(600))
    drawn = batch["seg"].flatten()
    assert drawn.bincount(minlength=5).tolist() == pytest.approx([0, 200, 200, 0, 200], abs=40)
    voxels = batch["images"].flatten(1).unique(dim=0)
    assert len(voxels) > 0.8 * volume.astype(bool).sum()  # nearly all of them


def test_round_a_tumour_at_its_corner_a_block_stays_in_the_volume(cohort, whole, monkeypatch):
    seg, size = np.zeros_like(cohort.seg), (4, 7, 8)
    first, last = np.searchsorted(cohort.subject, [0, 1])
    seg[first, 0, 0], seg[last - 1, -1, -1] = 1, 4
    monkeypatch.setitem(vars(cohort), "seg", seg)
    found = Patches(whole, size, centred=1.0).batch(range(20))["seg"]
    for block in found:
        assert block.nonzero().tolist() in ([[0, 0, 0]], [[side - 1 for side in size]])
    assert set(found.flatten().tolist()) == {0, 1, 4}


@pytest.mark.parametrize("centred", [0.0, 0.3, 1.0])
def test_as_many_blocks_are_centred_as_the_chance_says(cohort, whole, centred):
    tumour = (cohort.volume(0)["seg"] > 0).mean()
    shown = (Patches(whole, (1, 1, 1), centred=centred).batch(range(1000))["seg"] > 0).float().mean().item()
    assert shown == pytest.approx(centred + (1 - centred) * tumour, abs=0.04) and tumour < 0.1


def test_a_subject_without_tumour_is_cut_anywhere(cohort, whole, monkeypatch):
    monkeypatch.setitem(vars(cohort), "seg", np.zeros_like(cohort.seg))
    one, two = (Patches(whole, (4, 4, 4), centred=chance).batch(range(40)) for chance in (0.0, 1.0))
    assert all(torch.equal(one[name], two[name]) for name in one)


@pytest.mark.parametrize("wrong", [-0.1, 1.1])
def test_a_chance_is_between_0_and_1(whole, wrong):
    with pytest.raises(ValueError, match=f"centred={wrong} is a chance, between 0 and 1"):
        Patches(whole, (4, 4, 4), centred=wrong)


# -- what is in it


def test_a_missing_modality_is_0_after_normalisation_and_said_to_be_missing(cohort, whole):
    batch = Patches(whole, (8, 16, 16)).batch([0, PER_SUBJECT])
    assert batch["present"].tolist() == [[1, 1, 1, 1], [1, 1, 1, 0]]
    assert not batch["images"][1, 3].any() and batch["images"][0, 3].any()
    stored = cohort.volume(0)["images"][:, cohort.volume(0)["brain"]].astype(np.float32)
    assert np.abs(stored.mean(axis=1)).max() < 0.3  # z-scores: in a brain 0 is the mean, beyond it nothing


def test_labels_are_brats_codes(whole):
    assert set(Patches(whole, (12, 20, 20)).batch([0])["seg"].unique().tolist()) == {0, 1, 2, 4}


def test_a_view_holds_its_sets_subjects_a_thousand_times(cohort):
    view = Patches(cohort.subset("train"), (4, 4, 4))
    train = cohort.subset("train").numbers
    assert len(view) == 2 * PER_SUBJECT
    assert set(view.batch(range(0, len(view), 100))["subject"].tolist()) == set(train)


def test_items_count_from_either_end(whole):
    view = Patches(whole, (4, 4, 4))
    batch = view.batch([len(view) - 1])
    assert all(
        torch.equal(view[-1][k], batch[k][0]) and torch.equal(view[len(view) - 1][k], batch[k][0]) for k in batch
    )
    for outside in (len(view), -len(view) - 1):
        with pytest.raises(IndexError, match=f"block {outside} of a view of {len(view)}"):
            view[outside]
        with pytest.raises(IndexError, match=f"block {outside} of a view of {len(view)}"):
            view.batch([0, outside])


def test_a_batch_is_the_callers_own(whole):
    view = Patches(whole, (4, 4, 4))
    batch = view.batch([700])
    before = {name: value.clone() for name, value in batch.items()}
    for value in batch.values():
        value += 1
    assert all(torch.equal(view.batch([700])[name], before[name]) for name in before)


def test_views_pickle_small_and_go_through_a_data_loader(whole):
    view = Patches(whole, (4, 4, 4), centred=1.0)
    block = view.batch([0])
    assert len(pickle.dumps(view)) < 10_000
    assert torch.equal(pickle.loads(pickle.dumps(view)).batch([0])["images"], block["images"])
    loader = torch.utils.data.DataLoader(view, batch_size=1000)
    assert next(iter(loader))["images"].shape == (1000, 4, 4, 4, 4)


def test_unlabelled_subjects_teach_nothing(cohort, whole):
    hide = lambda *numbers: [replace(s, labelled=k not in numbers) for k, s in enumerate(cohort.subjects)]
    some = replace(cohort, subjects=tuple(hide(0, 2)))
    view = Patches(some.select(range(4)), (4, 4, 4))
    assert set(view.batch(range(0, len(view), 50))["subject"].tolist()) == {1, 3} and len(view) == 2 * PER_SUBJECT
    none = replace(cohort, subjects=tuple(hide(*range(4))))
    with pytest.raises(ValueError, match="no subject of the train set has labels to learn from"):
        Patches(none.subset("train"), (4, 4, 4))


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"slices": 3}, 'blocks need neighbouring slices; load the cohort with slices="all"'),
        ({"scaling": "minmax"}, r'0, like the background; load the cohort with scaling="zscore"'),
    ],
)
def test_cohorts_without_blocks_are_refused(how, message, tmp_path):
    cohort = prepare(ToySource(2), replace(SETTINGS, **how), cache=tmp_path, jobs=1)
    with pytest.raises(ValueError, match=message):
        Patches(cohort.select([0, 1]), (4, 4, 4))
