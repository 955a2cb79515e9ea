"""Labels back on a subject's own grid, and in files that lie on its images: turned, oblique, of unequal voxels."""

import gzip
import os
from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nibabel.processing import resample_from_to
from scipy import ndimage

from medsyn_core import data
from medsyn_core.data.brats import BratsSource
from medsyn_core.data.cut import Settings, cut
from medsyn_core.data.errors import DataError
from medsyn_core.data.phantom import PhantomSource
from medsyn_core.data.volume import Volume, regions
from medsyn_core.data.write import write_folder
from medsyn_core.evaluation import dice

from .makers import LPS, save, write_subject

BLOCK = Settings(px=40, slices="cubic", scaling="zscore", fov_mm=60.0)


def turned(degrees, voxel_mm, origin=(-31.0, 12.5, 47.0)):
    """(4, 4) of voxels of these sizes in a space that is turned about all three axes; still nearest to RAS."""
    affine = np.eye(4)
    for axis, angle in enumerate(np.deg2rad(degrees)):
        a, b = [k for k in range(3) if k != axis]
        turn = np.eye(4)
        turn[a, a] = turn[b, b] = np.cos(angle)
        turn[a, b], turn[b, a] = -np.sin(angle), np.sin(angle)
        affine = turn @ affine
    affine = affine @ np.diag([*voxel_mm, 1.0])
    affine[:3, 3] = origin
    return affine


def subject(shape=(36, 47, 29), voxel_mm=(1.3, 0.9, 1.7), degrees=(8, -11, 14), seed=0):
    """No symmetry anywhere: a lopsided head, lumps of every code, and a field that is not centred."""
    rng = np.random.default_rng(seed)
    x, y, z = np.meshgrid(*(np.arange(n) for n in shape), indexing="ij")
    head = (x > 4) & (y > 3) & (y < shape[1] - 8) & (z > 2) & (z < shape[2] - 4) & (x + y // 3 < shape[0] + 3)
    seg = np.zeros(shape, np.uint8)
    lumps = ((2, (20, 24, 15), 10), (1, (18, 25, 14), 7), (4, (21, 20, 17), 5), (2, (10, 12, 8), 3))
    for code, (i, j, k), radius in lumps:
        near = (x - i) ** 2 * voxel_mm[0] ** 2 + (y - j) ** 2 * voxel_mm[1] ** 2 + (z - k) ** 2 * voxel_mm[2] ** 2
        seg[near < radius**2] = code
    images = {m: np.where(head, rng.integers(100, 900, shape), 0).astype(np.float32) for m in ("t1", "flair")}
    return Volume("s", "p", images, seg * head, None, turned(degrees, voxel_mm))


def block_affine(volume, chosen):
    """(4, 4) of the prepared block in RAS, from what `Settings` promises: cells along the volume's axes, the block's
    middle on that of the brain's box."""
    brain = volume.images["t1"] != 0
    extents = [np.flatnonzero(brain.any(axis=tuple(k for k in range(3) if k != axis)))[[0, -1]] for axis in range(3)]
    side = chosen.fov_mm / chosen.px
    voxel_mm = np.linalg.norm(volume.affine[:3, :3], axis=0)
    sides = np.array([side, side, side if chosen.slices == "cubic" else voxel_mm[2]])
    layers = np.ceil((np.ptp(extents[2]) + 1) * voxel_mm[2] / sides[2] - 1e-6)
    counts = np.array([chosen.px, chosen.px, layers])
    affine = np.eye(4)
    affine[:3, :3] = volume.affine[:3, :3] / voxel_mm * sides
    middle = volume.affine @ [*(np.mean(extent) for extent in extents), 1]
    affine[:3, 3] = middle[:3] - affine[:3, :3] @ ((counts - 1) / 2)
    return affine


def by_affines(labels, volume, chosen):
    """The same as `bring_back`, by nibabel and in millimetres."""
    cells = np.pad(labels[:, ::-1, ::-1].transpose(2, 1, 0), 1)  # its interpolation stops at the outer cells' middles
    affine = block_affine(volume, chosen)
    affine[:3, 3] -= affine[:3, :3].sum(axis=1)
    there = (volume.seg.shape, volume.affine)
    return np.asarray(resample_from_to(nib.Nifti1Image(cells, affine), there, order=0).dataobj)


@pytest.mark.parametrize("slices", ["all", "cubic"])
@pytest.mark.parametrize("px", [24, 40, 67])
def test_a_block_comes_back_to_where_its_affine_says(slices, px):
    """Any labels, not only likely ones: noise in every cell, so that a shift by one voxel would be seen everywhere."""
    volume, chosen = subject(), replace(BLOCK, slices=slices, px=px)
    noise = np.random.default_rng(1).integers(1, 250, cut(volume, chosen).seg.shape).astype(np.uint8)
    back, expected = data.bring_back(noise, volume, chosen), by_affines(noise, volume, chosen)
    assert back.shape == volume.seg.shape and back.dtype == np.uint8
    # A voxel whose middle lies on the border of two cells may go to either.
    voxels = np.stack(np.meshgrid(*map(np.arange, back.shape), indexing="ij"), axis=-1)
    places = nib.affines.apply_affine(np.linalg.inv(block_affine(volume, chosen)) @ volume.affine, voxels)
    inside = (abs(places % 1 - 0.5) > 1e-6).all(axis=-1)
    assert inside.mean() > 0.6 and np.count_nonzero(expected[inside]) > 10_000
    assert np.array_equal(back[inside], expected[inside])


@pytest.mark.parametrize("voxel_mm", [(1.3, 0.9, 1.7), (0.7, 2.0, 1.0), (1.5, 1.5, 1.5)])
def test_labels_that_are_prepared_and_brought_back_lie_where_they_lay(voxel_mm):
    volume = subject(voxel_mm=voxel_mm)
    back = data.bring_back(cut(volume, BLOCK).seg, volume, BLOCK)
    for name, truth in regions(volume.seg).items():
        mine = regions(back)[name]
        assert dice(mine, truth) > 0.85, name
        assert ndimage.label(mine)[1] == ndimage.label(truth)[1], name
        off = np.argwhere(mine).mean(axis=0) - np.argwhere(truth).mean(axis=0)
        assert (abs(off) < 0.4).all(), name


@settings(max_examples=15, deadline=None)
@given(st.integers(20, 36), st.integers(20, 36), st.integers(5, 25), st.sampled_from(["all", "cubic"]))
def test_where_nothing_is_resampled_every_label_comes_back(x, y, z, slices):
    rng = np.random.default_rng([x, y, z])
    seg = rng.choice([0, 1, 2, 4], (x, y, z)).astype(np.uint8)
    image = rng.integers(1, 900, seg.shape).astype(np.float32)
    volume = Volume("s", "p", {"t1": image}, seg, None, turned((5, 5, 5), (1.5, 1.5, 1.5)))
    chosen = replace(BLOCK, slices=slices)
    assert np.array_equal(data.bring_back(cut(volume, chosen).seg, volume, chosen), seg)


def test_beyond_the_field_of_view_there_is_no_label():
    volume, narrow = subject(), replace(BLOCK, px=20, fov_mm=30.0)
    ones = np.ones_like(cut(volume, narrow).seg)
    back = data.bring_back(ones, volume, narrow)
    width = [np.ptp(axis) + 1 for axis in np.nonzero(back)]
    assert width[0] * 1.3 == pytest.approx(30, abs=1.3) and width[1] * 0.9 == pytest.approx(30, abs=0.9)


@pytest.mark.parametrize("slices", ["all", "cubic"])
def test_a_brain_of_one_slice_comes_back_whole(slices):
    seg = np.full((20, 20, 5), 2, np.uint8)
    image = np.zeros(seg.shape, np.float32)
    image[:, :, 1:4] = np.random.default_rng(0).integers(1, 9, (20, 20, 3))
    volume = Volume("s", "p", {"t1": image}, seg, None, np.diag([3.0, 3.0, 1.0, 1.0]))
    chosen = Settings(20, slices, "zscore", 60.0)
    back = data.bring_back(cut(volume, chosen).seg, volume, chosen)
    assert (back[:, :, 1:4] == 2).all() and not back[:, :, [0, 4]].any()


@pytest.fixture(scope="module")
def phantom():
    """One in voxels of 2 mm."""
    source = PhantomSource(subjects=1, px=96)
    return source.read(source.subjects()[0])


@pytest.mark.parametrize(("px", "least"), [(128, 0.99), (48, 0.9)])
def test_a_perfect_prediction_stays_nearly_perfect(phantom, px, least):
    """At 1.5 mm, as with BraTS' voxels at the paper's size, and at 4 mm, where the grid itself loses something."""
    chosen = Settings(px, "cubic", "zscore", 192.0)
    back = data.bring_back(cut(phantom, chosen).seg, phantom, chosen)
    assert dice(back > 0, phantom.seg > 0) > least


def test_labels_of_another_block_are_refused():
    volume = subject()
    with pytest.raises(ValueError, match=r"labels are \(3, 40, 40\), but s is \(\d+, 40, 40\) under Settings\(px=40"):
        data.bring_back(np.zeros((3, 40, 40), np.uint8), volume, BLOCK)
    with pytest.raises(ValueError, match=r'slices=12 leaves planes out.*use "all" or "cubic"'):
        data.bring_back(np.zeros((12, 40, 40), np.uint8), volume, replace(BLOCK, slices=12))
    with pytest.raises(DataError, match="every voxel is background"):
        blank = replace(volume, images={"t1": np.zeros((4, 4, 4), np.float32)})
        data.bring_back(np.zeros((3, 40, 40), np.uint8), blank, BLOCK)


# -- files


@pytest.fixture
def stored(tmp_path):
    """(volume, its files) of a subject whose files are stored along each of several axes."""

    def make(affine=LPS):
        root = tmp_path / "data"
        files = write_subject(root, "BraTS20_Training_001")
        for path in files.values():
            picture = nib.load(path)
            save(path, np.asarray(picture.dataobj), affine)
        source = BratsSource(root)
        return source.read(source.subjects()[0]), files

    return make


SAGITTAL = np.array([[0, 0, 8.0, -70], [-7.0, 0, 0, 80], [0, -9.0, 0, 60], [0, 0, 0, 1]])
OBLIQUE = turned((20, 5, -15), (7.0, 8.0, 9.0)) @ np.diag([-1.0, 1, -1, 1])


@pytest.mark.parametrize(
    "affine", [LPS, np.diag([8.0, 8, 8, 1]), SAGITTAL, OBLIQUE], ids=["LPS", "RAS", "PIR", "oblique"]
)
def test_written_labels_lie_on_the_subjects_files_voxel_by_voxel(stored, affine, tmp_path):
    volume, files = stored(affine)
    path = data.write_labels(tmp_path / "out" / "predicted.nii.gz", volume.seg, volume)
    written, truth = nib.load(path), nib.load(files["seg"])
    assert written.get_data_dtype() == np.uint8 and written.header.get_xyzt_units()[0] == "mm"
    assert np.array_equal(np.asarray(written.dataobj), np.asarray(truth.dataobj))
    assert np.allclose(written.affine, truth.affine, atol=1e-4)
    assert nib.aff2axcodes(written.affine) == nib.aff2axcodes(nib.load(files["t1"]).affine) == volume.axes


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "A.NII"])
def test_both_endings_are_written_and_nothing_else_is_left(stored, tmp_path, name):
    volume, _ = stored()
    for _ in range(2):
        data.write_labels(tmp_path / "out" / name, volume.seg, volume)
    assert os.listdir(tmp_path / "out") == [name]
    content = (tmp_path / "out" / name).read_bytes()
    assert (content[:2] == b"\x1f\x8b") == name.endswith("gz")
    plain = gzip.decompress(content) if name.endswith("gz") else content
    assert np.array_equal(nib.Nifti1Image.from_bytes(plain).dataobj, volume.seg[::-1, ::-1])


def test_a_phantom_is_written_as_its_folder_would_be(tmp_path):
    source = PhantomSource(subjects=1, px=16)
    ref = source.subjects()[0]
    (folder,) = write_folder(source, tmp_path / "data")
    path = data.write_labels(tmp_path / "mine.nii.gz", source.read(ref).seg, source.read(ref))
    assert path.read_bytes() == (folder / f"{ref.id}_seg.nii.gz").read_bytes()


def test_labels_of_releases_from_2023_on_are_written_as_4(tmp_path):
    words = {"t1": "-t1n", "t1ce": "-t1c", "t2": "-t2w", "flair": "-t2f", "seg": "-seg"}
    write_subject(tmp_path / "data", "BraTS-GLI-00001-000", words=words, codes=(1, 2, 3))
    source = BratsSource(tmp_path / "data")
    volume = source.read(source.subjects()[0])
    path = data.write_labels(tmp_path / "mine.nii.gz", volume.seg, volume)
    assert set(np.unique(nib.load(path).dataobj)) == {0, 1, 2, 4}


def test_a_failed_write_leaves_the_old_file(stored, tmp_path, monkeypatch):
    volume, _ = stored()
    path = data.write_labels(tmp_path / "out" / "a.nii.gz", volume.seg, volume)
    before = path.read_bytes()

    def full(*arguments):
        raise OSError("disk full")

    monkeypatch.setattr("medsyn_core.files.os.replace", full)
    with pytest.raises(OSError, match="disk full"):
        data.write_labels(path, 0 * volume.seg, volume)
    assert path.read_bytes() == before and os.listdir(path.parent) == ["a.nii.gz"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda seg: seg * 0 + 3, r"labels hold 3; BraTS uses 0, 1, 2, 4, where 4 is the enhancing tumour"),
        (lambda seg: seg * -1.0, r"labels hold -\d\.0; BraTS uses"),
        (lambda seg: seg / 4, r"labels hold 0\.25; BraTS uses"),
        (lambda seg: np.where(seg == 4, np.nan, seg), "labels hold nan; BraTS uses"),
        (lambda seg: seg[1:], r"labels are \(15, 20, 12\), but the grid of BraTS20_Training_001 is \(16, 20, 12\)"),
        (lambda seg: seg.T, r"labels are \(12, 20, 16\).*data\.bring_back"),
    ],
    ids=["class 3", "negative", "fraction", "nan", "shape", "turned"],
)
def test_other_codes_and_shapes_are_refused_before_anything_is_written(stored, tmp_path, change, message):
    volume, _ = stored()
    with pytest.raises(ValueError, match=message):
        data.write_labels(tmp_path / "out" / "a.nii.gz", change(volume.seg), volume)
    assert not (tmp_path / "out").exists()


def test_other_endings_are_refused(stored, tmp_path):
    volume, _ = stored()
    for name in ("a", "a.gz", "a.mha", "nii"):
        with pytest.raises(ValueError, match=r"must end in \.nii\.gz or \.nii"):
            data.write_labels(tmp_path / name, volume.seg, volume)
