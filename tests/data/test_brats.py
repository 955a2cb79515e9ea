"""Every layout the public releases come in is recognised by its names."""

import nibabel as nib
import numpy as np
import pytest

from medsyn_core.data.brats import BratsSource
from medsyn_core.data.errors import DataError

from .makers import SHAPE, WORDS_2023, image, labels, save, write_2020, write_subject


def read_all(root, **how):
    source = BratsSource(root, **how)
    return source, {ref.id: source.read(ref) for ref in source.subjects()}


def test_2020_reads_images_and_labels_in_ras(tmp_path):
    files = write_2020(tmp_path / "MICCAI_BraTS2020_TrainingData", 2)
    source, volumes = read_all(tmp_path)
    assert source.release.name == "brats2020"
    assert list(volumes) == ["BraTS20_Training_001", "BraTS20_Training_002"]
    volume = volumes["BraTS20_Training_001"]
    expected = nib.as_closest_canonical(nib.load(files[0]["t1ce"]))
    assert np.array_equal(volume.images["t1ce"], expected.get_fdata(dtype=np.float32))
    assert np.allclose(volume.affine, expected.affine)
    assert np.array_equal(volume.seg, nib.as_closest_canonical(nib.load(files[0]["seg"])).get_fdata())
    assert volume.images["t1ce"].dtype == np.float32 and volume.seg.dtype == np.uint8
    assert volume.problems == ()


def test_2018_takes_grade_from_folder_and_patient_from_name(tmp_path):
    write_subject(tmp_path, "Brats18_2013_2_1", folder="HGG/Brats18_2013_2_1")
    write_subject(tmp_path, "Brats18_TCIA01_147_1", folder="LGG/Brats18_TCIA01_147_1")
    refs = BratsSource(tmp_path).subjects()
    assert [(r.grade, r.patient) for r in refs] == [("HGG", "Brats18_2013_2"), ("LGG", "Brats18_TCIA01_147")]


def test_2021_and_flat_folder(tmp_path):
    for k in range(3):
        write_subject(tmp_path, f"BraTS2021_0000{k}", folder=".", seed=k)
    source = BratsSource(tmp_path)
    assert source.release.name == "brats2021" and len(source.subjects()) == 3


def test_2023_names_codes_and_time_points(tmp_path):
    for name in ("BraTS-GLI-00000-000", "BraTS-GLI-00000-001", "BraTS-GLI-00002-000"):
        write_subject(tmp_path, name, WORDS_2023, codes=(1, 2, 3))
    source, volumes = read_all(tmp_path)
    assert [ref.patient for ref in source.subjects()] == ["BraTS-GLI-00000", "BraTS-GLI-00000", "BraTS-GLI-00002"]
    assert set(np.unique(volumes["BraTS-GLI-00000-000"].seg)) == {0, 1, 2, 4}
    assert set(volumes["BraTS-GLI-00000-000"].images) == {"t1", "t1ce", "t2", "flair"}


def test_2024_cavity_is_no_enhancing_tumour(tmp_path):
    write_subject(tmp_path, "BraTS-GLI-02062-100", WORDS_2023, codes=(1, 3, 4))
    source, volumes = read_all(tmp_path)
    seg = volumes["BraTS-GLI-02062-100"].seg
    assert source.release.name == "brats2024"
    assert (seg == 4).sum() == (labels(codes=(1, 3, 4)) == 3).sum()


def test_decathlon_channels_and_codes(tmp_path):
    four = np.stack([image(k) for k in range(4)], -1)
    save(tmp_path / "Task01" / "imagesTr" / "BRATS_001.nii.gz", four)
    save(tmp_path / "Task01" / "labelsTr" / "BRATS_001.nii.gz", labels(codes=(1, 2, 3)))
    save(tmp_path / "Task01" / "imagesTs" / "BRATS_485.nii.gz", four)
    source, volumes = read_all(tmp_path)
    first = volumes["BRATS_001"]
    flipped = labels(codes=(2, 1, 4))[::-1, ::-1]
    assert source.release.name == "msd" and np.array_equal(first.seg, flipped)
    assert np.array_equal(first.images["flair"], image(0)[::-1, ::-1])
    assert np.array_equal(first.images["t1ce"], image(2)[::-1, ::-1])
    assert volumes["BRATS_485"].seg is None


def test_validation_folder_is_unlabelled(tmp_path):
    files = write_2020(tmp_path, 1)[0]
    files["seg"].unlink()
    _, volumes = read_all(tmp_path)
    assert volumes["BraTS20_Training_001"].seg is None


def test_355_segmentation_under_another_name(tmp_path):
    files = write_subject(tmp_path, "BraTS20_Training_355", suffix=".nii")
    files["seg"].rename(files["seg"].with_name("W39_1998.09.19_Segm.nii"))
    _, volumes = read_all(tmp_path)
    volume = volumes["BraTS20_Training_355"]
    assert volume.seg is not None and "W39_1998.09.19_Segm.nii" in volume.problems[0]


def test_kaggle_folder_called_like_a_file(tmp_path):
    files = write_subject(tmp_path, "BraTS2021_00495", suffix=".nii")
    inside = files["flair"].with_suffix(".tmp")
    files["flair"].rename(inside)
    files["flair"].mkdir()
    inside.rename(files["flair"] / "00000057_brain_flair.nii")
    _, volumes = read_all(tmp_path)
    assert len(volumes["BraTS2021_00495"].images) == 4


def test_nii_beside_nii_gz_is_read_once_and_said(tmp_path):
    files = write_2020(tmp_path, 1)[0]
    save(files["t2"].with_name("BraTS20_Training_001_t2.nii"), image(2))
    _, volumes = read_all(tmp_path)
    assert "both" in volumes["BraTS20_Training_001"].problems[0]


def test_macos_leavings_are_not_subjects(tmp_path):
    write_2020(tmp_path, 1)
    for junk in ("._BraTS20_Training_001_t1.nii.gz", ".DS_Store"):
        (tmp_path / "BraTS20_Training_001" / junk).write_bytes(b"Mac OS X")
    write_subject(tmp_path / "__MACOSX", "BraTS20_Training_001")
    _, volumes = read_all(tmp_path)
    assert list(volumes) == ["BraTS20_Training_001"]


def test_names_match_by_last_word_in_any_case(tmp_path):
    words = {"t1": "_T1", "t1ce": "_T1CE", "t2": "_T2", "flair": "_FLAIR", "seg": "_SEG"}
    write_subject(tmp_path, "BraTS20_Training_009", words, suffix=".NII.GZ".lower())
    _, volumes = read_all(tmp_path)
    volume = volumes["BraTS20_Training_009"]
    assert set(volume.images) == {"t1", "t1ce", "t2", "flair"}
    assert np.array_equal(volume.images["t1"], image(0)[::-1, ::-1])


def test_files_named_by_the_modality_alone(tmp_path):
    words = {"t1": "t1", "t1ce": "t1ce", "t2": "t2", "flair": "flair", "seg": "seg"}
    write_subject(tmp_path, "", words, folder="patient-7")
    assert [ref.id for ref in BratsSource(tmp_path).subjects()] == ["patient-7"]


def test_scale_and_intercept_of_the_header_are_applied(tmp_path):
    files = write_2020(tmp_path, 1)[0]
    picture = nib.Nifti1Image(image(0) / 7, np.diag([-8.0, -8.0, 8.0, 1.0]))
    picture.set_data_dtype(np.int16)  # fractions in int16: nibabel has to write a slope
    nib.save(picture, files["t1"])
    assert nib.load(files["t1"]).dataobj.slope != 1
    _, volumes = read_all(tmp_path)
    assert volumes["BraTS20_Training_001"].images["t1"].max() == pytest.approx(image(0).max() / 7, abs=0.01)


def test_axes_in_another_order_are_turned(tmp_path):
    files = write_2020(tmp_path, 1)[0]
    before = BratsSource(tmp_path).read(BratsSource(tmp_path).subjects()[0])
    nib.save(nib.as_closest_canonical(nib.load(files["t2"])), files["t2"])
    after = BratsSource(tmp_path).read(BratsSource(tmp_path).subjects()[0])
    assert np.array_equal(before.images["t2"], after.images["t2"]) and after.problems == ()


def test_slip_of_one_affine_is_overruled_and_said(tmp_path):
    files = write_2020(tmp_path, 1)[0]
    shifted = np.diag([-8.0, -8.0, 8.0, 1.0])
    save(files["flair"], image(3), shifted)
    _, volumes = read_all(tmp_path)
    volume = volumes["BraTS20_Training_001"]
    assert np.array_equal(volume.images["flair"], image(3)[::-1, ::-1])
    assert "BraTS20_Training_001_flair.nii.gz lies elsewhere" in volume.problems[0]


def test_trailing_axis_of_one_is_dropped(tmp_path):
    files = write_2020(tmp_path, 1)[0]
    save(files["t1"], image(0)[..., None])
    _, volumes = read_all(tmp_path)
    assert volumes["BraTS20_Training_001"].images["t1"].shape == SHAPE


def test_no_orientation_in_the_header_is_said(tmp_path):
    files = write_2020(tmp_path, 1)[0]
    for kind in files:
        data = labels() if kind == "seg" else image(1)
        picture = nib.Nifti1Image(data.astype(np.int16), None)
        nib.save(picture, files[kind])
    _, volumes = read_all(tmp_path)
    assert "no sform" in volumes["BraTS20_Training_001"].problems[0]


def test_grades_of_name_mapping(tmp_path):
    write_2020(tmp_path, 2)
    text = "Grade,BraTS_2020_subject_ID\nHGG,BraTS20_Training_001\nLGG,BraTS20_Training_002\n"
    (tmp_path / "name_mapping.csv").write_text(text)
    assert [ref.grade for ref in BratsSource(tmp_path).subjects()] == ["HGG", "LGG"]


def test_release_can_be_named_by_the_caller(tmp_path):
    write_subject(tmp_path, "mine-1", codes=(1, 2, 3))
    _, volumes = read_all(tmp_path, release="brats2023")
    assert set(np.unique(volumes["mine-1"].seg)) == {0, 1, 2, 4}
    with pytest.raises(ValueError, match="brats2020"):
        BratsSource(tmp_path, release="brats2077")


def test_subject_in_two_places_is_read_once_and_said(tmp_path):
    write_subject(tmp_path / "a", "BraTS20_Training_001")
    write_subject(tmp_path / "b", "BraTS20_Training_001")
    refs = BratsSource(tmp_path).subjects()
    assert len(refs) == 1 and "twice" in refs[0].notes[0]


def test_mixed_releases_are_refused(tmp_path):
    write_2020(tmp_path, 1)
    write_subject(tmp_path, "BraTS2021_00000")
    with pytest.raises(DataError, match=r"BraTS 2021: 1, e.g. BraTS2021_00000; BraTS 2020: 1.*split could leak"):
        BratsSource(tmp_path).subjects()
