"""Images back on a subject's own grid: values and places after preparing, the brain's edge, and files."""

from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest

from medsyn_core import data
from medsyn_core.data.cut import brain_mask, cut
from medsyn_core.data.phantom import PhantomSource
from medsyn_core.data.scaling import scale_and_shift
from medsyn_core.data.volume import Volume

from .test_segmentation_files import BLOCK, OBLIQUE, block_affine, stored, subject, turned  # noqa: F401 (a fixture)


@pytest.mark.parametrize("slices", ["all", "cubic"])
def test_where_nothing_is_resampled_every_value_comes_back(slices):
    rng = np.random.default_rng(0)
    image = rng.integers(1, 900, (30, 36, 12)).astype(np.float32)
    image[:4], image[:, :, 0] = 0, 0
    volume = Volume("s", "p", {"t1": image}, None, None, turned((5, 5, 5), (1.5, 1.5, 1.5)))
    chosen = replace(BLOCK, slices=slices, scaling="percentile")
    gain, shift = scale_and_shift(image, image != 0, "percentile", "t1")
    back = data.bring_back_image(cut(volume, chosen).images[:, 0], volume, chosen)
    assert back.dtype == np.float32 and np.allclose(back, gain * image + shift, atol=2e-3)  # float16 lies between
    assert np.array_equal(back != 0, image != 0)


@pytest.mark.parametrize("slices", ["all", "cubic"])
@pytest.mark.parametrize("px", [24, 40, 67])
def test_a_linear_image_keeps_its_place_in_millimetres(px, slices):
    """Cells filled with x + 2 y - 3 z of their middles: any shift, mirror or exchange of axes would show."""
    volume, chosen = subject(), replace(BLOCK, px=px, slices=slices)
    ramp = lambda affine, shape: nib.affines.apply_affine(affine, np.stack(np.indices(shape), axis=-1)) @ [1.0, 2, -3]
    depth = len(cut(volume, chosen).z_mm)
    cells = ramp(block_affine(volume, chosen), (px, px, depth))
    back = data.bring_back_image(cells.transpose(2, 1, 0)[:, ::-1, ::-1], volume, chosen)
    brain, truth = brain_mask(volume), ramp(volume.affine, volume.images["t1"].shape)
    cell_mm = max(chosen.fov_mm / px, 1.7)
    off = abs(back - truth)[brain]
    assert np.quantile(off, 0.6) < 1e-3  # to rounding; at the brain's edge the outer cells hold on
    assert off.max() < 2 * 6 * cell_mm
    assert not back[~brain].any()


def test_the_brains_edge_is_not_darkened():
    volume, chosen = subject(), replace(BLOCK, px=24)
    ones = cut(volume, chosen).brain.astype(np.float32)
    back, brain = data.bring_back_image(ones, volume, chosen), brain_mask(volume)
    assert np.array_equal(back == 1, brain) and np.array_equal(back == 0, ~brain)


def test_beyond_the_field_of_view_there_is_nothing():
    volume, narrow = subject(), replace(BLOCK, px=20, fov_mm=30.0)
    ones = np.ones_like(cut(volume, narrow).seg, np.float32)
    back, labels = data.bring_back_image(ones, volume, narrow), data.bring_back(ones, volume, narrow)
    assert np.array_equal(back, labels * brain_mask(volume))


def test_a_phantom_that_is_made_coarser_comes_back_nearly():
    source = PhantomSource(subjects=1, px=64)
    volume = source.read(source.subjects()[0])
    chosen = replace(BLOCK, px=32, slices="all", scaling="percentile", fov_mm=192.0)
    back = data.bring_back_image(cut(volume, chosen).images[:, 2], volume, chosen)
    brain = brain_mask(volume)
    assert np.corrcoef(back[brain], volume.images["t2"][brain])[0, 1] > 0.85


def test_images_of_another_block_are_refused():
    volume = subject()
    with pytest.raises(ValueError, match=r"images are \(3, 40, 40\), but s is"):
        data.bring_back_image(np.zeros((3, 40, 40)), volume, BLOCK)
    with pytest.raises(ValueError, match=r"slices=12 leaves planes out, so that images cannot"):
        data.bring_back_image(np.zeros((12, 40, 40)), volume, replace(BLOCK, slices=12))
    thin = np.zeros((9, 9, 4), np.float32)
    thin[4, 4] = [0, 1, 2, 3]
    tiny = Volume("s", "p", {"t1": thin}, None, None, np.diag([1.0, 1, 1, 1]))
    coarse = replace(BLOCK, px=8, fov_mm=60.0, slices="all")
    with pytest.raises(ValueError, match="no pixel of s lies in the brain"):
        data.bring_back_image(np.zeros((3, 8, 8)), tiny, coarse)


# -- files


@pytest.mark.parametrize("affine", [np.diag([8.0, 8, 8, 1]), OBLIQUE], ids=["RAS", "oblique"])
def test_written_images_lie_on_the_subjects_files_voxel_by_voxel(stored, affine, tmp_path):  # noqa: F811
    volume, files = stored(affine)
    path = data.write_volume(tmp_path / "out" / "made.nii.gz", volume.images["t1"] / 8, volume)
    written, truth = nib.load(path), nib.load(files["t1"])
    assert written.get_data_dtype() == np.float32
    assert np.array_equal(written.get_fdata() * 8, truth.get_fdata())
    assert np.allclose(written.affine, truth.affine, atol=1e-4)


def test_what_cannot_be_written(stored, tmp_path):  # noqa: F811
    volume, _ = stored()
    image = volume.images["t1"]
    for bad, message in (
        (image[1:], r"values are \(15, 20, 12\), but the grid of .*bring_back_image"),
        (np.where(image > 500, np.nan, image), r"\d+ values are not finite"),
    ):
        with pytest.raises(ValueError, match=message):
            data.write_volume(tmp_path / "out" / "a.nii.gz", bad, volume)
    with pytest.raises(ValueError, match="must end in"):
        data.write_volume(tmp_path / "out" / "a.mha", image, volume)
    assert not (tmp_path / "out").exists()
