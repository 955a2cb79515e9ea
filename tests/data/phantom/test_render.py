"""The phantom's images are reproducible, honest planes of one volume, and in the order physics gives."""

import numpy as np
import pytest

from medsyn_core.data.phantom import Grid, PhantomSource, PhantomSubject

COARSE = Grid.standard(32)


@pytest.fixture(scope="module")
def glioma():
    return PhantomSubject(3).render(COARSE)


def test_the_same_seeds_give_the_same_bits(glioma):
    again = PhantomSubject(3).render(COARSE)
    for modality, image in glioma.images.items():
        np.testing.assert_array_equal(image, again.images[modality])
    np.testing.assert_array_equal(glioma.seg, again.seg)


def test_a_subject_does_not_depend_on_how_many_are_asked_for(glioma):
    few, many = PhantomSource(subjects=4, px=32), PhantomSource(subjects=40, px=32)
    assert few.key == many.key
    assert many.subjects()[:4] == few.subjects()
    np.testing.assert_array_equal(few.read(many.subjects()[3]).images["t2"], glioma.images["t2"])


@pytest.mark.parametrize("k", [9, 15])
def test_a_slice_is_that_plane_of_the_volume(glioma, k):
    plane = PhantomSubject(3).render(COARSE.plane(k))
    for modality, image in plane.images.items():
        np.testing.assert_array_equal(image[..., 0], glioma.images[modality][..., k])
    np.testing.assert_array_equal(plane.seg[..., 0], glioma.seg[..., k])
    np.testing.assert_array_equal(plane.tissue[..., 0], glioma.tissue[..., k])


def test_images_are_whole_numbers_and_exactly_zero_outside_the_brain(glioma):
    brain = glioma.tissue > 0
    assert not glioma.seg[~brain].any()
    for image in glioma.images.values():
        assert image.dtype == np.float32
        np.testing.assert_array_equal(image, np.round(image))
        assert image.max() < 32767
        np.testing.assert_array_equal(image != 0, brain)
