"""What is mended or only remarked while reading: the subject stays, and the report says what was done."""

import numpy as np
import pytest

from medsyn_core import data

from .makers import SHAPE, ball, image, save, write_2020

pytestmark = pytest.mark.usefixtures("own_cache")

ODD = "BraTS20_Training_002"


def load(root, **how):
    return data.load("brats", root, px=16, slices=3, split=(1, 1, 1), jobs=1, **how)


def test_a_mended_file_is_read_again(tmp_path):
    root = tmp_path / "data"
    files = write_2020(root, 4)
    good = files[1]["t2"].read_bytes()
    files[1]["t2"].write_bytes(good[: len(good) // 2])
    assert len(load(root, on_error="skip").subjects) == 3
    files[1]["t2"].write_bytes(good)
    assert len(load(root).subjects) == 4


def test_a_changed_file_of_the_same_size_is_read_again(tmp_path):
    root = tmp_path / "data"
    files = write_2020(root, 3, suffix=".nii")
    first = np.array(load(root).images)
    changed = np.where(ball(), 500 + np.arange(np.prod(SHAPE)).reshape(SHAPE) % 7, 0)
    save(files[0]["t1"], changed)
    assert not np.array_equal(first, load(root).images)


def test_missing_modality_keeps_the_subject(tmp_path):
    root = tmp_path / "data"
    files = write_2020(root, 4)
    files[1]["flair"].unlink()
    cohort = load(root)
    assert cohort.subjects[1].present == (True, True, True, False)
    assert not cohort.volume(ODD)["images"][3].any()
    assert cohort.notes[ODD] == ["no flair"]


def test_constant_volume_counts_as_missing(tmp_path):
    root = tmp_path / "data"
    files = write_2020(root, 4)
    save(files[1]["t1ce"], np.full(SHAPE, 7))
    cohort = load(root)
    assert cohort.subjects[1].present == (True, False, True, True)
    assert "same value everywhere" in cohort.report()


def test_nan_outside_the_brain_becomes_background(tmp_path):
    root = tmp_path / "data"
    files = write_2020(root, 3)
    before = np.array(load(root).images)
    broken = image(12).astype(np.float32)
    broken[0, 0, 0], broken[-1, -1, -1] = np.nan, -np.inf
    save(files[1]["t2"], broken, dtype=np.float32)
    cohort = load(root)
    assert np.array_equal(before, cohort.images)
    assert "2 NaN or infinite voxels outside the brain" in cohort.report()


def test_empty_enhancing_tumour_is_legal(tmp_path):
    root = tmp_path / "data"
    write_2020(root, 3, codes=(1, 2))
    assert set(np.unique(load(root).seg)) <= {0, 1, 2}


def test_negative_intensities_are_brain(tmp_path):
    root = tmp_path / "data"
    files = write_2020(root, 3)
    before = np.array(load(root).brain)
    for kind in ("t1", "t1ce", "t2", "flair"):
        shifted = np.where(ball(), image(1) - 400, 0)
        shifted[ball() & (shifted == 0)] = -1
        save(files[0][kind], shifted)
    assert np.array_equal(before, load(root).brain)
