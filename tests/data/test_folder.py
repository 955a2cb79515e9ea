"""Folders of one's own: patients, visits and modalities by their names, masks, and what is refused."""

import numpy as np
import pytest

from medsyn_core import data
from medsyn_core.__main__ import main
from medsyn_core.data.errors import DataError
from medsyn_core.data.folder import FolderSource
from medsyn_core.data.phantom import PhantomSource
from medsyn_core.data.write import LAYOUTS, write_folder

from .makers import LPS, ball, image, labels, save

pytestmark = pytest.mark.usefixtures("own_cache")


def write(root, count=4, names=("t1", "flair"), below=""):
    for k in range(count):
        for m, name in enumerate(names):
            save(root / f"P{k:02d}" / below / f"{name}.nii.gz", image(10 * k + m))


def load(root, **how):
    return data.load("folder", root, **{"px": 16, "slices": 3, "jobs": 1, **how})


def test_one_folder_a_patient(tmp_path):
    write(tmp_path / "own")
    save(tmp_path / "own" / "P01" / "seg.nii.gz", labels())
    cohort = load(tmp_path / "own")
    assert cohort.source == "folder" and cohort.modalities == ("t1", "flair") and len(cohort) == 12
    assert [info.id for info in cohort.subjects] == ["P00", "P01", "P02", "P03"]
    assert [info.labelled for info in cohort.subjects] == [False, True, False, False]
    assert cohort.report() == "" and cohort.split.name == "dual"


def test_visits_of_a_patient_stay_in_one_set(tmp_path):
    for below in ("2019", "2020/more"):
        write(tmp_path / "own", 5, below=below)
    cohort = load(tmp_path / "own", subjects="all")
    assert {info.id for info in cohort.subjects} == {f"P{k:02d}_{v}" for k in range(5) for v in ("2019", "2020_more")}
    for part in ("train", "val", "test"):
        patients = [info.patient for info in cohort.subset(part).subjects]
        assert all(patients.count(patient) == 2 for patient in patients)


def test_the_last_word_of_a_name_says_what_it_is(tmp_path):
    names = ("sub-01_T1w.nii.gz", "sub-01_ce-gad_T1post.nii", "AX.FLAIR.nii.gz", "sub-01_dwi.nii.gz")
    for k, name in enumerate(names):
        save(tmp_path / "sub-01" / "anat" / name, image(k))
    ref = FolderSource(tmp_path).subjects()[0]
    assert (ref.id, ref.patient) == ("sub-01_anat", "sub-01")
    assert {kind: path.name for kind, path in ref.paths.items()} == dict(
        zip(("t1", "t1ce", "flair"), names[:3], strict=True)
    )
    assert ref.notes == ("sub-01_dwi.nii.gz is no known modality and is ignored",)


def test_a_missing_modality_keeps_the_patient(tmp_path):
    write(tmp_path / "own")
    (tmp_path / "own" / "P02" / "flair.nii.gz").unlink()
    assert [info.present for info in load(tmp_path / "own").subjects][1:3] == [(True, True), (True, False)]


def test_files_in_another_order_of_axes_are_turned(tmp_path):
    write(tmp_path / "a", 1)
    source = FolderSource(tmp_path / "a")
    expected = source.read(source.subjects()[0])
    assert expected.axes == ("L", "P", "S") and np.array_equal(expected.images["t1"], image(0)[::-1, ::-1])
    turned = np.diag([8.0, 8.0, 8.0, 1.0])
    turned[:3, 3] = LPS[:3, 3] - [8 * 15, 8 * 19, 0]
    for m, name in enumerate(("t1", "flair")):
        save(tmp_path / "b" / "P00" / f"{name}.nii.gz", image(m)[::-1, ::-1], turned)
    other = FolderSource(tmp_path / "b")
    volume = other.read(other.subjects()[0])
    assert all(np.array_equal(volume.images[m], expected.images[m]) for m in ("t1", "flair"))
    assert np.allclose(volume.affine, expected.affine)


def test_a_brainmask_is_used(tmp_path):
    affine = np.diag([8.0, 8.0, 8.0, 1.0])
    inner = ball((16, 20, 12), 0.5)
    write(tmp_path, 1, ("t1", "flair", "ct"))
    for m, name in enumerate(("t1", "flair", "ct")):
        save(tmp_path / "P00" / f"{name}.nii.gz", image(m) + 1, affine)
    save(tmp_path / "P00" / "brainmask.nii.gz", inner, affine)
    source = FolderSource(tmp_path)
    volume = source.read(source.subjects()[0])
    assert np.array_equal(volume.images["t1"] != 0, inner) and np.array_equal(volume.images["flair"] != 0, inner)
    assert np.array_equal(volume.images["ct"], image(2) + 1)  # which shows bone and air, and may
    assert volume.problems == ()


def test_a_skull_is_said_and_air_removed(tmp_path):
    shape, rng = (40, 44, 40), np.random.default_rng(0)
    head = np.where(ball(shape, 0.9), 500, 0) + rng.integers(1, 20, shape)
    for name in ("t1", "t2"):
        save(tmp_path / "P00" / f"{name}.nii.gz", head, np.diag([6.0, 6.0, 6.0, 1.0]))
    source = FolderSource(tmp_path)
    volume = source.read(source.subjects()[0])
    assert any("skull" in note for note in volume.problems)
    assert all(((volume.images[m] != 0) == ball(shape, 0.9)).mean() > 0.95 for m in ("t1", "t2"))


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (("t1.nii.gz", "flair.nii.gz"), r"holds images itself \(e.g. flair.nii.gz\).*<patient>/t1.nii.gz"),
        (("P0/a_T1w.nii.gz", "P0/b_t1.nii.gz"), "b_t1.nii.gz: and a_T1w.nii.gz are both taken for t1.*end in t1ce"),
        (("P0/dwi.nii.gz",), "holds 1 NIfTI files .*none of them a known modality.*end in one of t1, t1ce"),
        (("P0/seg.nii.gz",), "none of them a known modality"),
        (("P0/V1/t1.nii.gz", "P0_V1/t1.nii.gz"), "would both be called P0_V1"),
        (("BraTS-GLI-00000-001/t1n.nii.gz",), r'subjects of BraTS 2023.*load\("brats"'),
    ],
)
def test_refusals(tmp_path, files, message):
    for k, name in enumerate(files):
        save(tmp_path / "own" / name, image(k))
    with pytest.raises(DataError, match=message):
        load(tmp_path / "own")


def test_other_grids_and_codes_are_refused(tmp_path):
    write(tmp_path / "own", 1)
    save(tmp_path / "own" / "P00" / "t2.nii.gz", image(0, (16, 20, 10)))
    with pytest.raises(DataError, match=r"subject P00, .*t2.nii.gz: has 16x20x10 .*onto one grid first"):
        load(tmp_path / "own")
    (tmp_path / "own" / "P00" / "t2.nii.gz").unlink()
    save(tmp_path / "own" / "P00" / "seg.nii.gz", labels(codes=(1, 2, 3)))
    with pytest.raises(DataError, match="has label 3; BraTS uses 0, 1, 2, 4"):
        load(tmp_path / "own")


# -- written and read again


@pytest.mark.parametrize(("layout", "kind"), [("brats", "glioma"), ("ixi", "ixi"), ("folder", "glioma")])
def test_each_layout_is_read_by_its_source(tmp_path, layout, kind):
    source = PhantomSource(kind, subjects=3, px=16, sites="many")
    folders = write_folder(source, tmp_path / "d", layout)
    assert len(folders) == (2 if layout == "ixi" else 3) and all(list(f.glob("*.nii.gz")) for f in folders)
    cohort = data.load(layout, tmp_path / "d", px=16, slices="all", jobs=1)
    direct = data.load("phantom", kind=kind, subjects=3, px=16, slices="all", sites="many", jobs=1)
    assert cohort.modalities == direct.modalities and np.array_equal(cohort.seg, direct.seg)
    assert np.array_equal(cohort.images, direct.images)
    assert f"data.load('{layout}'" in (tmp_path / "d" / "README").read_text()


def test_layouts_that_do_not_fit(tmp_path):
    source = PhantomSource(subjects=1, px=16)
    with pytest.raises(ValueError, match="layout='bids' does not exist; choose one of: brats, ixi, folder"):
        write_folder(source, tmp_path / "a", "bids")
    with pytest.raises(ValueError, match="IXI has no t1ce"):
        write_folder(source, tmp_path / "b", "ixi")
    write_folder(source, tmp_path / "c", "folder")
    with pytest.raises(DataError, match="holds other data"):
        write_folder(source, tmp_path / "c", "brats")


def test_commands_write_and_check_every_layout(tmp_path, capsys):
    for layout in LAYOUTS:
        folder = str(tmp_path / layout)
        kind = "ixi" if layout == "ixi" else "glioma"
        options = ["--layout", layout, "--kind", kind, "--subjects", "1", "--px", "16"]
        assert main(["data", "write", folder, *options]) == 0
        assert capsys.readouterr().out == f"1 subjects written to {folder}\n"
        assert main(["data", "check", layout, folder]) == 0
        assert "1 subjects: 1 can be prepared" in capsys.readouterr().out
