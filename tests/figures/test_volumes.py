"""A subject as a block: the cohort's voxels, where the affine says, in files that other programs read."""

from __future__ import annotations

import gzip
from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest

from medsyn_core.data.errors import DataError
from medsyn_core.data.write import write_image
from medsyn_core.figures import volumes
from medsyn_core.figures.d2_shown import grey
from tests.figures import volume_made as made


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    return made.cohort(tmp_path_factory.mktemp("cache"))


def read(content: bytes) -> nib.Nifti1Image:
    return nib.Nifti1Image.from_bytes(gzip.decompress(content))


@pytest.mark.parametrize("subject", [1, "head-1"])
def test_a_block_of_a_cohort_is_the_subject_as_its_source_reads_it(cohort, subject):
    volume = made.Heads().read(made.Heads().subjects()[1])
    there = np.flatnonzero(volume.images["flair"].any(axis=(0, 1)))  # planes with brain
    part = slice(there[0], there[-1] + 1)
    block = volumes.of_cohort(cohort, subject, "flair")
    assert (block.name, block.modality, block.title) == ("head-1", "flair", "FLAIR")
    np.testing.assert_array_equal(block.labels, volume.seg[:, :, part])
    np.testing.assert_allclose(block.image, grey(volume.images["flair"][:, :, part]), atol=3e-3)


def test_its_affine_has_the_heights_of_the_volume_and_the_middle_of_the_planes_at_zero(cohort):
    block = volumes.of_cohort(cohort, 0, "t1")
    tumour = np.argwhere(block.labels > 0)
    original = np.argwhere(made.labels() > 0)
    mm = lambda affine, voxels: (affine @ np.c_[voxels, np.ones(len(voxels))].T)[:3]
    # the made-up field of view is centred on 0 mm as well, so all three coordinates agree
    np.testing.assert_allclose(mm(block.affine, tumour), mm(made.AFFINE, original), atol=1e-4)
    assert nib.aff2axcodes(block.affine) == ("R", "A", "S")


def test_single_slices_absent_modalities_and_strangers_are_refused(cohort, tmp_path):
    with pytest.raises(ValueError, match='5 single slices a subject; load one with slices="all"'):
        volumes.of_cohort(made.cohort(tmp_path, 5), 0, "t1")
    with pytest.raises(ValueError, match="head-2 has no flair; it has: t1, t2"):
        volumes.of_cohort(cohort, 2, "flair")
    with pytest.raises(ValueError, match="no modality 'ct'"):
        volumes.of_cohort(cohort, 0, "ct")
    with pytest.raises(ValueError, match="no subject 'head-9'"):
        volumes.of_cohort(cohort, "head-9", "t1")


def test_files_hold_the_voxels_the_affine_and_say_what_are_labels():
    block = made.block().beside("other", 2 * (made.head() > 1.9))
    files = {name: read(content) for name, content in block.files().items()}
    assert list(files) == ["image", "reference", "other"]
    for name, array in {"image": 255 * block.image, "reference": block.labels, "other": block.others["other"]}.items():
        assert files[name].get_data_dtype() == np.uint8
        np.testing.assert_array_equal(np.asarray(files[name].dataobj), np.round(array))
        np.testing.assert_allclose(files[name].affine, made.AFFINE)
        assert files[name].header.get_intent()[0] == ("none" if name == "image" else "label")
    assert block.files() == block.files()


def test_a_nifti_file_is_turned_to_right_anterior_superior(tmp_path):
    image, seg = (tmp_path / f"{name}.nii.gz" for name in ("P07_flair", "seg"))
    write_image(image, made.head(), made.AFFINE, ("L", "P", "S"))
    write_image(seg, made.labels(), made.AFFINE, ("P", "L", "I"))
    block = volumes.of_files(image, seg)
    np.testing.assert_array_equal(block.labels, made.labels())
    np.testing.assert_allclose(block.image, grey(made.head()), atol=1e-5)
    np.testing.assert_allclose(block.affine, made.AFFINE)
    assert block.name == "P07_flair"
    assert not volumes.of_files(image).labels.any()
    assert volumes.of_files(image).said() == "FLAIR of P07_flair: no tumour is labelled"


def test_files_that_do_not_fit_are_refused_by_name(tmp_path):
    image, small, coded = (tmp_path / f"{name}.nii.gz" for name in ("image", "small", "coded"))
    write_image(image, made.head(), made.AFFINE)
    write_image(small, made.labels()[:-2], made.AFFINE)
    write_image(coded, made.labels() * 3, made.AFFINE)
    for seg, word in ((small, "small.nii.gz"), (coded, "coded.nii.gz: has label"), (tmp_path / "none.nii", "none.nii")):
        with pytest.raises(DataError, match=word):
            volumes.of_files(image, seg)
    moved = made.AFFINE.copy()  # by one voxel: the very thing that one opens a viewer for
    moved[0, 3] += 12
    write_image(small, made.labels(), moved)
    with pytest.raises(DataError, match=r"small\.nii\.gz: lies elsewhere than image\.nii\.gz"):
        volumes.of_files(image, small)
    with pytest.raises(ValueError, match="'t3' is no modality"):
        volumes.of_files(image, modality="t3")


def test_what_was_mended_in_a_file_is_said(tmp_path):
    array = made.head()
    array[0, 0, 0] = np.nan
    write_image(tmp_path / "image.nii.gz", array, made.AFFINE)
    with pytest.warns(UserWarning, match="image: image.nii.gz: 1 NaN"):
        volumes.of_files(tmp_path / "image.nii.gz")


def test_arrays_that_do_not_fit_are_refused():
    block = made.block()
    with pytest.raises(ValueError, match=r"\(the reference\); both must be \(X, Y, Z\)"):
        replace(block, labels=block.labels[1:])
    with pytest.raises(ValueError, match=r"mine holds the labels \[3\]"):
        block.beside("mine", 3 * (block.labels > 0))
    with pytest.raises(ValueError, match="runs from 0 to 2"):
        replace(block, image=2 * (block.image > 0))
    with pytest.raises(ValueError, match="affine has shape"):
        replace(block, affine=np.eye(3))


def test_its_words_come_from_its_voxels():
    block = made.block()
    assert block.said() == (
        "FLAIR of somebody with 67 ml of ED, 2 ml of NCR, 19 ml of ET; the middle of the tumour is on the patient's "
        "right"
    )
    turned = replace(block, labels=np.ascontiguousarray(block.labels[::-1]))
    assert turned.said().endswith("on the patient's left")
    corner = np.round(np.linalg.inv(made.AFFINE) @ [*block.middle(), 1])[:3].astype(int)
    assert block.labels[tuple(corner)] > 0
