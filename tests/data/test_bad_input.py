"""Bad files: each error names the subject and the file and says what to do, and the rest can still be prepared."""

import gzip

import nibabel as nib
import numpy as np
import pytest

from medsyn_core import data
from medsyn_core.data.errors import DataError

from .makers import LPS, SHAPE, WORDS_2023, image, labels, save, write_2020, write_ixi, write_subject

pytestmark = pytest.mark.usefixtures("own_cache")

BAD = "BraTS20_Training_002"


def truncated_gz(files):
    content = files["t2"].read_bytes()
    files["t2"].write_bytes(content[: len(content) // 2])


def truncated_nii(files):
    plain = files["t2"].with_name(f"{BAD}_t2.nii")
    content = gzip.decompress(files["t2"].read_bytes())
    files["t2"].unlink()
    plain.write_bytes(content[: len(content) // 2])


def header_only(files):
    files["t2"].write_bytes(gzip.compress(gzip.decompress(files["t2"].read_bytes())[:200]))


def wrong_checksum(files):
    content = bytearray(files["t2"].read_bytes())
    content[-6] ^= 0xFF
    files["t2"].write_bytes(bytes(content))


def empty_file(files):
    files["t2"].write_bytes(b"")


def web_page(files):
    files["t2"].write_bytes(b"<!DOCTYPE html><html><body>Please log in</body></html>")


def not_nifti(files):
    files["t2"].write_bytes(gzip.compress(b"these are not the voxels you are looking for" * 20))


def plain_called_gz(files):
    files["t2"].write_bytes(gzip.decompress(files["t2"].read_bytes()))


def gz_called_plain(files):
    files["t2"].rename(files["t2"].with_name(f"{BAD}_t2.nii"))


def nan_inside(files):
    broken = image(2)
    broken[8, 10, 6] = np.nan
    save(files["t2"], broken, dtype=np.float32)


def inf_inside(files):
    broken = image(2)
    broken[8, 10, 6] = np.inf
    save(files["t2"], broken, dtype=np.float32)


def other_shape(files):
    save(files["t2"], image(2, (16, 20, 13)))


def other_voxels(files):
    save(files["t2"], image(2), LPS @ np.diag([1, 1, 1.25, 1]))


def singular_affine(files):
    picture = nib.Nifti1Image(image(2).astype(np.int16), LPS)
    picture.header["sform_code"], picture.header["qform_code"] = 1, 0
    picture.header["srow_x"] = 0
    nib.save(picture, files["t2"])
    raw = bytearray(gzip.decompress(files["t2"].read_bytes()))
    raw[280:296] = bytes(16)  # srow_x, which nibabel would write from the affine
    files["t2"].write_bytes(gzip.compress(bytes(raw)))


def four_axes(files):
    save(files["t2"], np.stack([image(2), image(3)], -1))


def colours(files):
    voxels = np.zeros(SHAPE, [("R", "u1"), ("G", "u1"), ("B", "u1")])
    nib.save(nib.Nifti1Image(voxels, LPS), files["t2"])


def label_unknown(files):
    save(files["seg"], labels(codes=(1, 2, 7)))


def label_three(files):
    save(files["seg"], labels(codes=(1, 2, 3)))


def label_fractions(files):
    save(files["seg"], labels() * 0.5, dtype=np.float32)


def label_nan(files):
    broken = labels().astype(np.float32)
    broken[0, 0, 0] = np.nan
    save(files["seg"], broken, dtype=np.float32)


def label_shape(files):
    save(files["seg"], labels((16, 20, 13)))


def label_negative(files):
    save(files["seg"], -labels().astype(np.int16))


def folder_of_two(files):
    files["t2"].unlink()
    home = files["t2"].with_name(f"{BAD}_t2.nii")
    for k in range(2):
        save(home / f"part{k}.nii", image(k))


def all_constant(files):
    for kind in ("t1", "t1ce", "t2", "flair"):
        save(files[kind], np.zeros(SHAPE))


def only_seg(files):
    for kind in ("t1", "t1ce", "t2", "flair"):
        files[kind].unlink()


CASES = [
    (truncated_gz, "t2", "truncated", "again"),
    (truncated_nii, "t2", "truncated", "again"),
    (header_only, "t2", "not a NIfTI", "Convert"),
    (wrong_checksum, "t2", "checksum", "again"),
    (empty_file, "t2", "is empty", "again"),
    (web_page, "t2", "web page", "log in"),
    (not_nifti, "t2", "not a NIfTI", "dcm2niix"),
    (plain_called_gz, "t2", "not gzip-compressed", "rename"),
    (gz_called_plain, "t2", "is gzip-compressed", "rename"),
    (nan_inside, "t2", "1 voxels inside the brain that are NaN", "Repeat the step"),
    (inf_inside, "t2", "1 voxels inside the brain that are NaN", "Repeat the step"),
    (other_shape, "t2", "16x20x13 but 16x20x12 voxels", "Resample"),
    (other_voxels, "t2", "8x8x10 but 8x8x8 mm", "Resample"),
    (singular_affine, "t2", "affine that cannot be inverted", "sform"),
    (four_axes, "t2", "16 x 20 x 12 x 2", "Split"),
    (colours, "t2", "compound voxels", "one number a voxel"),
    (label_unknown, "seg", "label 7; BraTS 2020 uses 0, 1, 2, 4", "recode"),
    (label_three, "seg", "label 3; BraTS 2020 uses 0, 1, 2, 4", "recode"),
    (label_fractions, "seg", "not whole numbers", "nearest neighbour"),
    (label_nan, "seg", "not whole numbers", "nearest neighbour"),
    (label_shape, "seg", "16x20x13 but 16x20x12 voxels", "Resample"),
    (label_negative, "seg", "label -4", "recode"),
    (folder_of_two, "t2", "without exactly one NIfTI", "Keep one"),
    (all_constant, "t1", "no modality holds an image", "Leave the subject out"),
    (only_seg, None, "has no image", "Leave the subject out"),
]


def load(root, **how):
    return data.load("brats", root, px=16, slices=3, split=(1, 1, 1), jobs=1, **how)


@pytest.mark.parametrize(("spoil", "kind", "problem", "advice"), CASES, ids=[case[0].__name__ for case in CASES])
def test_one_bad_subject(tmp_path, spoil, kind, problem, advice):
    root = tmp_path / "data"
    files = write_2020(root, 4)
    spoil(files[1])
    with pytest.raises(DataError) as caught:
        load(root)
    error = caught.value
    assert error.subject == BAD and BAD in str(error)
    assert problem in str(error) and advice in str(error)
    assert (kind is None) == (error.path is None)
    if kind:
        assert f"{BAD}_{kind}" in error.path

    cohort = load(root, on_error="skip")
    assert [info.id[-3:] for info in cohort.subjects] == ["001", "003", "004"]
    assert [s["subject"] for s in cohort.skipped] == [BAD] and problem in cohort.skipped[0]["problem"]
    assert f"{BAD}: skipped" in cohort.report()
    with pytest.raises(DataError, match=BAD):
        load(root)  # that a cohort without it is in the cache does not hide the error


def test_2023_subject_with_label_four(tmp_path):
    for k in range(3):
        write_subject(tmp_path / "d", f"BraTS-GLI-0000{k}-000", WORDS_2023, codes=(1, 2, 4 if k == 1 else 3))
    with pytest.raises(DataError, match=r"BraTS-GLI-00001-000.*label 4; BraTS 2023 uses 0, 1, 2, 3"):
        load(tmp_path / "d")


def test_all_bad_is_an_error_even_when_skipping(tmp_path):
    root = tmp_path / "data"
    for files in write_2020(root, 2):
        web_page(files)
    with pytest.raises(DataError, match=r"none of the 2 subjects could be read.*web page"):
        load(root, on_error="skip")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda root: root.mkdir(), "holds no NIfTI file. Pass the folder"),
        (lambda root: (root.mkdir(), (root / "BraTS.zip").write_bytes(b"PK")), "unpack"),
        (lambda root: (root.mkdir(), (root / "0001.dcm").write_bytes(b"DICM")), "dcm2niix"),
        (lambda root: write_ixi(root), 'names of IXI. Read them with load\\("ixi"'),
        (lambda root: save(root / "brain.nii.gz", image()), "must end in a modality"),
        (lambda root: None, "does not exist. Pass the folder"),
        (lambda root: root.write_text("x"), "is a file"),
    ],
    ids=["empty", "archives", "dicom", "ixi", "unnamed", "absent", "file"],
)
def test_bad_folder(tmp_path, make, message):
    root = tmp_path / "data"
    make(root)
    with pytest.raises(DataError, match=message) as caught:
        load(root)
    assert str(root) in str(caught.value)


def test_errors_survive_a_process_boundary():
    import pickle

    error = pickle.loads(pickle.dumps(DataError("s", "p", "is bad.", "Mend it.")))
    assert (error.subject, error.path, str(error)) == ("s", "p", "subject s, p: is bad. Mend it.")
