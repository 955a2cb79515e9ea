"""IXI: unregistered T1 and T2 with the skull on, three hospitals, some scans missing."""

import nibabel as nib
import numpy as np
import pytest
from scipy import ndimage

from medsyn_core import data
from medsyn_core.data.errors import DataError
from medsyn_core.data.ixi import IxiSource
from medsyn_core.data.masks import tissue_classes

from .makers import ball, image, save, write_ixi

pytestmark = pytest.mark.usefixtures("own_cache")


def load(root, **how):
    return data.load("ixi", root, px=16, slices=3, jobs=1, **how)


def test_reads_t1_and_t2_on_one_grid(tmp_path):
    write_ixi(tmp_path / "ixi", 4)
    cohort = load(tmp_path / "ixi")
    assert cohort.modalities == ("t1", "t2")
    assert [info.site for info in cohort.subjects] == ["Guys", "HH", "IOP", "Guys"]
    assert all(info.present == (True, True) and not info.labelled for info in cohort.subjects)
    assert cohort.split.name == "ixi" and cohort.split.val == ()
    assert "t2 is resampled onto t1" in cohort.report()


def test_resampling_follows_the_headers(tmp_path):
    """A bright blob at one place in mm lands on the same voxels whatever grid it was stored on."""
    t1_affine, t2_affine = np.diag([4.0, 4.0, 4.0, 1.0]), np.diag([-5.0, 5.0, 3.0, 1.0])
    t1_affine[:3, 3], t2_affine[:3, 3] = (-40, -40, -40), (45, -45, -42)
    for word, affine, shape in (("T1", t1_affine, (20, 20, 20)), ("T2", t2_affine, (19, 19, 29))):
        index = np.indices(shape).reshape(3, -1)
        mm = affine[:3, :3] @ index + affine[:3, 3:]
        blob = 1000 * np.exp(-((mm - [[10], [-6], [4]]) ** 2).sum(0) / (2 * 12**2)) + 1
        save(tmp_path / f"IXI001-HH-0001-{word}.nii.gz", blob.reshape(shape), affine)
    source = IxiSource(tmp_path)
    volume = source.read(source.subjects()[0])
    peaks = [ndimage.center_of_mass(np.where(v > 500, v, 0)) for v in volume.images.values()]
    assert np.allclose(peaks[0], peaks[1], atol=0.3)


def test_missing_t2_keeps_the_subject(tmp_path):
    files = write_ixi(tmp_path / "ixi", 4)
    files[2]["t2"].unlink()
    cohort = load(tmp_path / "ixi")
    assert cohort.subjects[2].present == (True, False)
    assert "no t2" in cohort.notes["IXI004"]
    assert len(data.Paired(cohort.select(range(4)), "t1", "t2")) == 9


def test_skull_is_said_and_air_removed(tmp_path):
    rng = np.random.default_rng(0)
    shape = (40, 44, 40)
    head = np.where(ball(shape, 0.9), 500, 0) + rng.integers(1, 20, shape)
    save(tmp_path / "IXI002-Guys-0828-T1.nii.gz", head, np.diag([6.0, 6.0, 6.0, 1.0]))
    source = IxiSource(tmp_path)
    volume = source.read(source.subjects()[0])
    assert any("skull" in note for note in volume.problems) and volume.tissue is None
    assert volume.images["t1"][0, 0, 0] == 0
    assert ((volume.images["t1"] != 0) == ball(shape, 0.9)).mean() > 0.95


def test_mask_and_tissue_of_the_user_are_used(tmp_path):
    affine = np.diag([6.0, 6.0, 6.0, 1.0])
    shape = (40, 44, 40)
    inner = ball(shape, 0.5)
    save(tmp_path / "IXI002-Guys-0828-T1.nii.gz", np.full(shape, 300) + inner, affine)
    save(tmp_path / "IXI002-Guys-0828-mask.nii.gz", inner, affine)
    save(tmp_path / "IXI002-Guys-0828-tissue.nii.gz", 2 * inner, affine)
    source = IxiSource(tmp_path)
    volume = source.read(source.subjects()[0])
    assert np.array_equal(volume.images["t1"] != 0, inner)
    assert np.array_equal(volume.tissue, 2 * inner)
    assert volume.problems == ("no t2",)


def test_tissue_classes_of_a_three_level_image():
    rng = np.random.default_rng(0)
    truth = np.digitize(np.indices((12, 12, 12))[0], [3, 8]) + 1
    t1 = np.choose(truth - 1, [100, 300, 500]) + rng.normal(0, 20, truth.shape)
    brain = np.ones(truth.shape, bool)
    brain[0] = False
    found = tissue_classes(t1, brain)
    assert (found[brain] == truth[brain]).mean() > 0.99 and not found[~brain].any()


def test_truncated_t2_is_named_and_can_be_skipped(tmp_path):
    files = write_ixi(tmp_path / "ixi", 4)
    files[1]["t2"].write_bytes(files[1]["t2"].read_bytes()[:300])
    with pytest.raises(DataError, match=r"subject IXI003, .*IXI003-HH-0801-T2.nii.gz: is truncated"):
        load(tmp_path / "ixi")
    assert [s["subject"] for s in load(tmp_path / "ixi", on_error="skip").skipped] == ["IXI003"]


def test_pd_is_passed_over_and_second_scans_are_said(tmp_path):
    write_ixi(tmp_path, 1)
    save(tmp_path / "IXI-PD" / "IXI002-Guys-0800-PD.nii.gz", image())
    save(tmp_path / "more" / "IXI002-Guys-0900-T1.nii.gz", image())
    ref = IxiSource(tmp_path).subjects()[0]
    assert set(ref.paths) == {"t1", "t2"} and "is ignored" in ref.notes[0]


def test_folder_without_ixi_names(tmp_path):
    save(tmp_path / "IXI002_t1.nii.gz", image())
    with pytest.raises(DataError, match="no IXI subject"):
        IxiSource(tmp_path).subjects()


def test_already_registered_t2_is_left_alone(tmp_path):
    for word, seed in (("T1", 0), ("T2", 1)):
        save(tmp_path / f"IXI001-HH-0001-{word}.nii.gz", image(seed), np.diag([8.0, 8.0, 8.0, 1.0]))
    source = IxiSource(tmp_path)
    volume = source.read(source.subjects()[0])
    assert np.array_equal(volume.images["t2"], image(1))
    assert nib.aff2axcodes(volume.affine) == ("R", "A", "S")
