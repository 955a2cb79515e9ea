"""The phantom through the door, and out as a folder and in again."""

import json

import numpy as np
import pytest

from medsyn_core import data
from medsyn_core.__main__ import main
from medsyn_core.data.errors import DataError
from medsyn_core.data.phantom import PhantomSource
from medsyn_core.data.store import ARRAYS
from medsyn_core.data.write import write_folder

SIZES = {"px": 16, "slices": 3, "jobs": 1}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("written") / "phantom"
    write_folder(PhantomSource(subjects=3, px=16), root)
    return root


@pytest.fixture(scope="module")
def direct(tmp_path_factory):
    return data.load("phantom", subjects=3, cache=tmp_path_factory.mktemp("cache"), **SIZES)


def test_written_and_read_back_is_the_same_cohort(folder, direct, tmp_path):
    back = data.load("brats", folder, subjects="all", cache=tmp_path, **SIZES)
    for name in ARRAYS:
        assert np.array_equal(getattr(direct, name), getattr(back, name)), name
    assert back.subjects == direct.subjects and back.modalities == direct.modalities
    assert back.report() == "" and back.split.train == direct.split.train


def test_cohort_of_the_phantom(direct):
    assert direct.modalities == data.MODALITIES
    assert all(info.labelled and info.has_tissue and all(info.present) for info in direct.subjects)
    assert direct.images.min() >= 0 and 1 < direct.images.max() < 3
    assert "synthetic, not patients" in direct.notice and direct.settings["fov_mm"] == 192
    assert set(np.unique(direct.tissue)) == {0, 1, 2, 3}


def test_healthy_kinds(tmp_path):
    cohort = data.load("phantom", subjects=3, kind="ixi", cache=tmp_path, **SIZES)
    assert cohort.modalities == ("t1", "t2") and cohort.split.name == "ixi"


def test_folder_says_what_it_is(folder):
    assert "synthetic, not patients" in (folder / "README").read_text()
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["key"]["source"] == "phantom" and len(manifest["subjects"]) == 3


def test_writing_again_is_the_same_and_over_other_data_is_refused(folder, tmp_path):
    path = sorted(folder.rglob("*_t1.nii.gz"))[0]
    before = path.read_bytes()
    write_folder(PhantomSource(subjects=1, px=16), folder)
    assert path.read_bytes() == before
    with pytest.raises(DataError, match="holds other data"):
        write_folder(PhantomSource(subjects=1, px=16, seed=1), folder)
    (tmp_path / "mine.txt").write_text("x")
    with pytest.raises(DataError, match=r"not empty.*Choose a new folder"):
        write_folder(PhantomSource(subjects=1, px=16), tmp_path)


def test_commands(tmp_path, capsys):
    root = tmp_path / "written"
    assert main(["data", "write", str(root), "--subjects", "1", "--px", "16"]) == 0
    assert main(["data", "check", "brats", str(root)]) == 0
    assert "1 subjects: 1 can be prepared, 0 cannot." in capsys.readouterr().out
    broken = sorted(root.rglob("*_flair.nii.gz"))[0]
    sorted(root.rglob("*_t2.nii.gz"))[0].unlink()
    assert main(["data", "check", "brats", str(root)]) == 0
    assert "no t2" in capsys.readouterr().out
    broken.write_bytes(b"<html>")
    assert main(["data", "check", "brats", str(root)]) == 1
    out = capsys.readouterr().out
    subject, problem, advice, last = out.splitlines()[-4:]
    assert subject.endswith("  ERROR") and broken.name in problem and "download the file again" in advice
    assert "0 can be prepared" in last
    broken.unlink()
    prepare = ["data", "prepare", "brats", str(root), "--subjects", "all", "--px", "16", "--slices", "2"]
    assert main([*prepare, "--cache", str(tmp_path / "cache")]) == 0
    out = capsys.readouterr().out
    assert "1 subjects, 2 slices of 16 x 16, t1/t1ce" in out and "no flair" in out
    assert main(["data", "prepare", "brats", str(tmp_path / "nowhere")]) == 1
    assert "does not exist" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["data", "prepare", "phantom", "--slices", "few"])
