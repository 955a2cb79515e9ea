"""What a training loop may and may not see."""

import pickle
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from medsyn_core.data import Missing, Paired, Unpaired, all_subsets, prepare
from medsyn_core.data.cut import Settings
from medsyn_core.data.views import draw_modalities

from .makers import ToySource

SETTINGS = Settings(px=20, slices=2, fov_mm=160.0)


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    lacking = {1: ("flair",), 5: ("t1", "t2"), 9: ("t1ce",)}
    return prepare(ToySource(12, lacking=lacking), SETTINGS, cache=tmp_path_factory.mktemp("c"), jobs=1).divide("dual")


@pytest.fixture
def whole(cohort):
    return cohort.select(range(12), "whole")


def as_float(array):
    return torch.from_numpy(np.array(array, np.float32))


def test_paired_shapes_and_values(cohort, whole):
    view = Paired(whole, "t1", "t2")
    batch = view.batch([3, 0, 7])
    assert {k: tuple(v.shape) for k, v in batch.items()} == {
        **dict.fromkeys(("source", "target", "brain"), (3, 1, 20, 20)),
        **dict.fromkeys(("seg", "tissue"), (3, 20, 20)),
        **dict.fromkeys(("subject", "index"), (3,)),
    }
    assert {k for k, v in batch.items() if v.dtype == torch.float32} == {"source", "target", "brain"}
    assert all(batch[k].dtype == torch.int64 for k in ("seg", "tissue", "subject", "index"))
    for row, place in enumerate(batch["index"].tolist()):
        assert torch.equal(batch["source"][row, 0], as_float(cohort.images[place, 0]))
        assert torch.equal(batch["target"][row, 0], as_float(cohort.images[place, 2]))
        assert torch.equal(batch["seg"][row], torch.from_numpy(cohort.seg[place].astype(np.int64)))
        assert batch["subject"][row] == cohort.subject[place]


def test_paired_leaves_out_who_lacks_one(whole):
    assert len(Paired(whole, "t1", "t2")) == 22  # subject 5 has neither
    assert len(Paired(whole, "t1ce", "flair")) == 20
    assert 1 not in Paired(whole, "t1", "flair").batch(range(20))["subject"]


def test_item_is_a_batch_of_one(whole):
    view = Paired(whole, "t1", "t2")
    item, batch = view[4], view.batch([4])
    assert all(torch.equal(item[k], batch[k][0]) for k in batch)
    assert torch.equal(view[-1]["index"], view[len(view) - 1]["index"])
    with pytest.raises(IndexError):
        view[len(view)]


def test_views_go_through_a_data_loader(whole):
    loader = torch.utils.data.DataLoader(Paired(whole, "t1", "t2"), batch_size=5)
    assert sum(len(batch["index"]) for batch in loader) == 22


def test_views_pickle_small(whole):
    view = Paired(whole, "t1", "t2")
    view.batch([0])
    assert len(pickle.dumps(view)) < 10_000


def test_batch_takes_a_tensor_and_does_not_share_memory(whole):
    view = Paired(whole, "t1", "t2")
    batch = view.batch(torch.tensor([0, 1]))
    batch["source"] += 1
    assert not torch.equal(batch["source"], view.batch([0, 1])["source"])


def test_names_are_checked(whole, cohort):
    with pytest.raises(ValueError, match="no modality 'T1'; it has: t1, t1ce, t2, flair"):
        Paired(whole, "T1", "t2")
    with pytest.raises(ValueError, match="no subject of the selection set has both t1 and t2"):
        Paired(cohort.select([5]), "t1", "t2")


def test_sets_of_the_split_share_no_slice(cohort):
    rows = [set(Paired(cohort.subset(part), "t1ce", "flair").batch(range(2))["index"].tolist()) for part in
            ("train", "val", "test")]  # fmt: skip
    assert not (rows[0] & rows[1] or rows[0] & rows[2] or rows[1] & rows[2])
    assert sum(len(cohort.subset(part)) for part in ("train", "val", "test")) == len(cohort)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1000))
def test_unpaired_never_shows_a_second_modality(cohort, seed):
    view = Unpaired(cohort.select(range(12)), seed)
    batch = view.batch(range(len(view)))
    shown: dict[int, set[int]] = {}
    for row, (subject, modality, place) in enumerate(
        zip(batch["subject"].tolist(), batch["modality"].tolist(), batch["index"].tolist(), strict=True)
    ):
        shown.setdefault(subject, set()).add(modality)
        assert torch.equal(batch["image"][row, 0], as_float(cohort.images[place, modality]))
        assert cohort.subjects[subject].present[modality]
    assert set(shown) == set(range(12)) and all(len(m) == 1 for m in shown.values())
    assert set(batch) == {"image", "modality", "brain", "seg", "tissue", "subject", "index"}
    public = [name for name in vars(view) if not name.startswith("_")]
    assert sorted(public) == ["drawn", "modalities"]  # neither the cohort nor its images


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1000), count=st.integers(1, 11))
def test_unpaired_is_balanced_and_stable(cohort, seed, count):
    whole = [k for k in range(12) if all(cohort.subjects[k].present)][:count]
    drawn = draw_modalities(cohort.select(whole), seed)
    counts = Counter(drawn.values())
    assert max(counts.values()) - min(counts.get(m, 0) for m in range(4)) <= 1
    assert drawn == draw_modalities(cohort.select(whole), seed)


def test_unpaired_differs_by_seed(whole):
    assert len({tuple(draw_modalities(whole, seed).items()) for seed in range(6)}) > 1


def test_oracle_has_everything(cohort, whole):
    view = Unpaired(whole, 0)
    oracle = view.oracle([0, 5])
    place = view.batch([0, 5])["index"].tolist()
    assert torch.equal(oracle["images"], as_float(cohort.images[place]))
    assert oracle["present"].shape == (2, 4)


def test_missing_keep(cohort, whole):
    view = Missing(whole, keep=("t1", "flair"))
    batch = view.batch(range(len(view)))
    first = batch["subject"] == 0
    assert batch["present"][first].unique(dim=0).tolist() == [[1, 0, 0, 1]]
    assert not batch["images"][:, 1:3].any() and batch["complete"][first][:, 1:3].any()
    assert torch.equal(batch["images"][first][:, 0], batch["complete"][first][:, 0])
    assert batch["present"][batch["subject"] == 1].unique(dim=0).tolist() == [[1, 0, 0, 0]]


def test_missing_keep_leaves_out_who_has_none(whole, cohort):
    assert 5 not in Missing(whole, keep=("t1", "t2")).batch(range(22))["subject"]
    with pytest.raises(ValueError, match="no subject of the selection set has any of t1"):
        Missing(cohort.select([5]), keep=("t1",))


@settings(max_examples=20, deadline=None)
@given(p=st.floats(0, 0.99), seed=st.integers(0, 99))
def test_missing_never_drops_all_nor_invents(cohort, p, seed):
    view = Missing(cohort.select(range(12)), p=p, seed=seed)
    batch = view.batch(range(len(view)))
    there = torch.tensor([cohort.subjects[k].present for k in batch["subject"].tolist()])
    assert (batch["present"].sum(1) >= 1).all() and not (batch["present"].bool() & ~there).any()
    absent = ~batch["present"].bool()[:, :, None, None].expand_as(batch["images"])
    assert not batch["images"][absent].any()
    if p == 0:
        assert torch.equal(batch["present"].bool(), there)


def test_missing_draws_by_seed_epoch_and_slice(whole):
    view = Missing(whole, p=0.5, seed=3)
    first = view.batch(range(24))["present"]
    assert torch.equal(first, Missing(whole, p=0.5, seed=3).batch(range(24))["present"])
    assert torch.equal(first[[7, 2]], view.batch([7, 2])["present"])
    view.set_epoch(1)
    assert not torch.equal(first, view.batch(range(24))["present"])


@pytest.mark.parametrize(
    ("how", "message"),
    [({}, "either"), ({"keep": ("t1",), "p": 0.5}, "either"), ({"p": 1.0}, "p=1.0"), ({"keep": ()}, "empty")],
)
def test_missing_refusals(whole, how, message):
    with pytest.raises(ValueError, match=message):
        Missing(whole, **how)


def test_fifteen_cases():
    cases = all_subsets(("t1", "t1ce", "t2", "flair"))
    assert len(cases) == len(set(cases)) == 15
    assert cases[0] == ("t1",) and cases[-1] == ("t1", "t1ce", "t2", "flair")
