"""The whole head on MR and CT: air, bone and soft tissue where they belong."""

import numpy as np
import pytest

from medsyn_core.data.phantom import PhantomSource


@pytest.fixture(scope="module")
def source():
    return PhantomSource(kind="ct", subjects=2, px=40)


@pytest.fixture(scope="module")
def head(source):
    return source.read(source.subjects()[1])


def test_it_has_an_mr_and_a_ct_image_of_whole_numbers_and_no_tumour(head, source):
    assert tuple(head.images) == source.modalities == ("t1", "ct")
    assert head.seg is None and head.grade is None
    for image in head.images.values():
        assert image.dtype == np.float32
        np.testing.assert_array_equal(image, np.round(image))


def test_air_is_zero_on_mr_and_minus_a_thousand_on_ct(head):
    outside = head.images["t1"] == 0
    assert outside[0, 0].all()
    assert (head.images["ct"][outside] == -1000).all()
    assert not outside[head.tissue > 0].any()


def test_the_brain_is_soft_tissue_inside_a_closed_ring_of_bone_that_mr_hardly_shows(head):
    t1, ct = head.images["t1"], head.images["ct"]
    for code, low, high in ((1, 0, 35), (2, 25, 50), (3, 20, 40)):
        middle = np.median(ct[head.tissue == code][ct[head.tissue == code] < 100])
        assert low < middle < high
    plane = head.tissue.sum((0, 1)).argmax()
    inside = np.argwhere(head.tissue[:, :, plane] > 0).mean(0).round().astype(int)
    for line in (ct[inside[0] :, inside[1], plane], ct[inside[0] :: -1, inside[1], plane]):
        assert line.max() > 300  # from the middle of the brain to the air one crosses the skull
    bone = ct > 700  # voxels of 6 mm: the rest is mixed with marrow and fat
    assert np.median(t1[bone]) < 0.7 * np.median(t1[head.tissue == 3])


def test_a_slice_is_that_plane_of_the_volume(head, source):
    plane = source._subject(1).render(source.grid.plane(16))
    for modality, image in plane.images.items():
        np.testing.assert_array_equal(image[..., 0], head.images[modality][..., 16])
