"""A cohort is made once, whole or not at all, by one process at a time, and mended when it is damaged."""

import json
import pickle
from dataclasses import replace

import numpy as np
import pytest

from medsyn_core.data import prepare
from medsyn_core.data.cut import Settings, cut
from medsyn_core.data.errors import DataError
from medsyn_core.data.store import ARRAYS, cache_folder, fingerprint

from .makers import SETTINGS, ToySource, arrays, make, reads, same

pytestmark = pytest.mark.usefixtures("own_cache")


def test_arrays_and_index():
    cohort = make()
    assert cohort.images.shape == (12, 4, 20, 20) and cohort.images.dtype == np.float16
    assert isinstance(cohort.images, np.memmap)
    assert cohort.brain.dtype == bool and cohort.seg.dtype == cohort.tissue.dtype == np.uint8
    assert cohort.subject.tolist() == [0] * 3 + [1] * 3 + [2] * 3 + [3] * 3
    assert cohort.subject.dtype == np.int32 and cohort.z_mm.dtype == np.float32
    assert cohort.settings == {"px": 20, "slices": 3, "scaling": "percentile", "fov_mm": 160.0}
    assert cohort.source == "toy" and cohort.notice == "made up" and len(cohort.hash) == 12
    outside = ~np.array(cohort.brain)[:, None].repeat(4, 1)  # (N, M, H, W)
    assert set(np.unique(cohort.seg)) == {0, 1, 2, 4} and not cohort.images[outside].any()


def test_slices_are_those_of_the_volumes():
    source = ToySource()
    cohort = make(source)
    for number, ref in enumerate(source.subjects()):
        slices = cut(source.read(ref), SETTINGS)
        assert np.array_equal(cohort.volume(number)["images"], slices.images.swapaxes(0, 1))
        assert np.array_equal(cohort.volume(ref.id)["seg"], slices.seg)
        assert np.array_equal(cohort.volume(ref.id)["z_mm"], slices.z_mm)


def test_second_call_reads_nothing(tmp_path):
    log = tmp_path / "log"
    first = make(ToySource(log=log))
    assert reads(log) == [0, 1, 2, 3]
    assert same(first, make(ToySource(log=log))) and reads(log) == [0, 1, 2, 3]


def test_hash_follows_every_parameter():
    base = make()
    others = [
        prepare(ToySource(), replace(SETTINGS, slices=2), jobs=1),
        prepare(ToySource(), replace(SETTINGS, px=17), jobs=1),
        prepare(ToySource(), replace(SETTINGS, scaling="zscore"), jobs=1),
        prepare(ToySource(), replace(SETTINGS, fov_mm=150.0), jobs=1),
        make(ToySource(count=3)),
        make(ToySource(version=1)),
    ]
    assert len({base.hash, *(o.hash for o in others)}) == 7


def test_a_subject_does_not_depend_on_how_many_there_are():
    few, many = make(ToySource(2)), make(ToySource(5))
    assert np.array_equal(few.images, many.images[:6])


def test_missing_modalities_hold_background():
    cohort = make(ToySource(lacking={1: ("flair",), 2: ("t1", "t1ce")}))
    assert [info.present for info in cohort.subjects][1:3] == [(True, True, True, False), (False, False, True, True)]
    assert not cohort.volume(1)["images"][3].any() and not cohort.volume(2)["images"][:2].any()
    low = prepare(ToySource(lacking={1: ("flair",)}), replace(SETTINGS, scaling="minmax"), jobs=1)
    assert (low.volume(1)["images"][3] == -1).all()


def test_a_modality_nobody_has_is_not_in_the_cohort():
    cohort = make(ToySource(lacking={k: ("t1ce", "flair") for k in range(4)}))
    assert cohort.modalities == ("t1", "t2") and cohort.images.shape[1] == 2


@pytest.mark.parametrize("name", [*(f"{name}.npy" for name in ARRAYS), "index.json"])
@pytest.mark.parametrize("damage", ["remove", "cut", "flip"])
def test_damage_is_mended(name, damage):
    cohort = make()
    before, path = arrays(cohort), cohort.root / name
    content = bytearray(path.read_bytes())
    if damage == "remove":
        path.unlink()
    elif damage == "cut":
        path.write_bytes(content[: len(content) // 2])
    else:
        content[-2] ^= 0xFF
        path.write_bytes(content)
    after = arrays(make())
    assert all(np.array_equal(before[n], after[n]) for n in ARRAYS)


def test_fingerprint_sees_the_middle_and_the_size(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(bytes(3_000_000))
    first = fingerprint(path)
    with open(path, "r+b") as file:
        file.seek(1_500_000)
        file.write(b"1")
    assert fingerprint(path) != first


def test_nothing_is_left_behind_but_the_cohort_and_its_lock():
    cohort = make()
    left = sorted(p.name for p in cohort.root.parent.iterdir())
    assert left == [f".{cohort.root.name}.lock", cohort.root.name]
    assert sorted(p.name for p in cohort.root.iterdir()) == sorted([*(f"{n}.npy" for n in ARRAYS), "index.json"])


def test_damaged_part_is_done_again(tmp_path):
    log = tmp_path / "log"
    with pytest.raises(DataError):
        make(ToySource(log=log, bad=[3]))
    parts = next(p for p in cache_folder().iterdir() if p.name.endswith(".parts"))
    (parts / "1.npz").write_bytes((parts / "1.npz").read_bytes()[:100])
    make(ToySource(log=log))
    assert reads(log) == [0, 1, 1, 2, 3, 3]


def test_cohort_pickles_without_its_arrays():
    cohort = make()
    assert cohort.images.any()
    small = pickle.dumps(cohort)
    assert len(small) < 5000 and same(pickle.loads(small), cohort)


def test_index_is_readable_and_names_the_notice():
    cohort = make()
    index = json.loads((cohort.root / "index.json").read_text())
    assert index["notice"] == "made up" and index["hash"] == cohort.hash


def test_cache_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match=r"cannot be written.*MEDSYN_CACHE"):
        make(cache=tmp_path / "file" / "cache")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"slices": 0}, "slices=0"),
        ({"slices": "some"}, "slices='some'"),
        ({"slices": True}, "slices=True"),
        ({"px": 4}, "px=4"),
        ({"px": 64.0}, "px=64.0"),
        ({"scaling": "max"}, "percentile, median, minmax, zscore"),
        ({"fov_mm": 0}, "fov_mm=0"),
    ],
)
def test_settings_are_checked(settings, message):
    with pytest.raises(ValueError, match=message):
        Settings(**settings)


def test_on_error_is_checked():
    with pytest.raises(ValueError, match="on_error='ignore'"):
        make(on_error="ignore")


def test_no_subjects():
    with pytest.raises(DataError, match="toy has no subjects"):
        make(ToySource(0))
