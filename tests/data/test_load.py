"""The one door: what it gives, and what it says when it cannot."""

import numpy as np
import pytest

from medsyn_core import data
from medsyn_core.data.errors import DataError
from medsyn_core.data.splits import split

from .makers import write_2020, write_subject

pytestmark = pytest.mark.usefixtures("own_cache")


def load(root, **how):
    return data.load("brats", root, **{"jobs": 1, **how})


def test_defaults_are_the_profiles(tmp_path):
    write_2020(tmp_path / "d", 9)
    cohort = load(tmp_path / "d")
    assert len(cohort.subjects) == 8 and cohort.settings["px"] == 32 and cohort.settings["slices"] == 4
    assert cohort.split.name == "dual" and cohort.split == split(cohort.subjects, "dual", 0)
    assert repr(cohort).endswith("8 subjects, 32 slices of 32 x 32, t1/t1ce/t2/flair)")


def test_some_of_the_subjects_are_the_same_some_for_any_larger_number(tmp_path):
    write_2020(tmp_path / "d", 9)
    few, more, every = (load(tmp_path / "d", subjects=n, px=16) for n in (3, 5, "all"))
    ids = [[info.id for info in cohort.subjects] for cohort in (few, more, every)]
    assert set(ids[0]) < set(ids[1]) < set(ids[2]) and len(ids[2]) == 9
    assert all(names == sorted(names) for names in ids)


def test_time_points_of_a_patient_stay_together(tmp_path):
    from .makers import WORDS_2023

    for k in range(5):
        for time in range(2):
            write_subject(tmp_path / "d", f"BraTS-GLI-{k:05d}-00{time}", WORDS_2023, codes=(1, 2, 3), seed=k)
    cohort = load(tmp_path / "d", subjects="all", px=16, slices=1)
    for part in ("train", "val", "test"):
        patients = [info.patient for info in cohort.subset(part).subjects]
        assert all(patients.count(patient) == 2 for patient in patients)


def test_split_can_be_chosen_and_changed(tmp_path):
    write_2020(tmp_path / "d", 6)
    cohort = load(tmp_path / "d", px=16, slices=1, split=(4, 1, 1), seed=2)
    assert len(cohort.subset("train").subjects) == 4 and cohort.split.seed == 2
    fold = cohort.divide("d2net-1")
    assert len(fold.subset("test").subjects) == 2 and fold.hash == cohort.hash
    with pytest.raises(ValueError, match="'d2net-1' has no val set"):
        fold.subset("val")
    with pytest.raises(ValueError, match="train, val, test"):
        cohort.subset("training")


def test_two_subjects_can_be_looked_at_but_not_divided(tmp_path):
    write_2020(tmp_path / "d", 2)
    cohort = load(tmp_path / "d", px=16, slices=2)
    assert cohort.split is None and len(cohort) == 4
    with pytest.raises(ValueError, match="not divided"):
        cohort.subset("train")
    with pytest.raises(ValueError, match="cannot be divided into 3 sets"):
        load(tmp_path / "d", px=16, slices=2, split="dual")


def test_all_slices_give_volumes(tmp_path):
    write_2020(tmp_path / "d", 3)
    volume = load(tmp_path / "d", px=20, fov_mm=160.0, slices="all").volume("BraTS20_Training_002")
    depth = len(volume["z_mm"])
    assert volume["images"].shape == (4, depth, 20, 20) and volume["seg"].shape == (depth, 20, 20)
    assert np.allclose(np.diff(volume["z_mm"]), 8)
    with pytest.raises(ValueError, match="no subject 'x'; ids run from 'BraTS20_Training_001'"):
        load(tmp_path / "d", px=20, fov_mm=160.0, slices="all").volume("x")


def test_data_folder_is_never_written_to(tmp_path, monkeypatch):
    write_2020(tmp_path / "d", 3)
    before = sorted(p for p in (tmp_path / "d").rglob("*"))
    load(tmp_path / "d", px=16, slices=1)
    assert sorted(p for p in (tmp_path / "d").rglob("*")) == before
    monkeypatch.setenv("MEDSYN_CACHE", str(tmp_path / "d" / "cache"))
    with pytest.raises(DataError, match="cache would lie inside your data folder"):
        load(tmp_path / "d", px=16, slices=1)
    assert sorted(p for p in (tmp_path / "d").rglob("*")) == before


def test_cache_can_be_passed(tmp_path):
    write_2020(tmp_path / "d", 3)
    assert load(tmp_path / "d", px=16, slices=1, cache=tmp_path / "mine").root.parent == tmp_path / "mine"


@pytest.mark.parametrize(
    ("name", "root", "how", "message"),
    [
        ("brat", None, {}, "no cohort called 'brat'; choose one of: phantom, brats, ixi, folder. Did you mean 'brats'"),
        ("adni", None, {}, "choose one of: phantom, brats, ixi, folder"),
        ("brats", None, {}, r'needs the folder of the data: load\("brats", "/path/to/brats"\)'),
        ("ixi", None, {}, r'load\("ixi", "/path/to/ixi"\)'),
        ("phantom", "x", {}, r'takes no root.*load\("brats", root\)'),
        ("phantom", None, {"subjects": "all"}, "has no end"),
        ("phantom", None, {"subjects": 0}, "subjects=0"),
        ("phantom", None, {"subjects": "ten"}, "subjects='ten'"),
        ("phantom", None, {"subjects": True}, "subjects=True"),
        ("phantom", None, {"scaling": "none"}, "percentile, median, minmax, zscore"),
        ("phantom", None, {"slices": -1}, "slices=-1"),
        ("phantom", None, {"slices": 0}, "slices=0"),
        ("phantom", None, {"px": 0}, "px=0"),
        ("phantom", None, {"kind": "stroke"}, "glioma"),
        ("phantom", None, {"sites": "two"}, "many"),
    ],
)
def test_refusals(name, root, how, message):
    with pytest.raises(ValueError, match=message):
        data.load(name, root, **how)


def test_profile_is_checked(monkeypatch):
    monkeypatch.setenv("MEDSYN_PROFILE", "huge")
    with pytest.raises(ValueError, match="smoke, laptop, gpu"):
        data.load("phantom")
