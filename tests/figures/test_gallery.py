"""Subjects side by side, from a prepared cohort."""

import numpy as np
import pytest

from medsyn_core import data
from medsyn_core.figures import gallery


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    return data.load("phantom", subjects=2, px=16, slices=3, cache=tmp_path_factory.mktemp("cache"), jobs=1)


def test_the_slice_with_most_tumour_is_found(cohort):
    size = (np.asarray(cohort.seg) > 0).sum((1, 2))
    for number, row in enumerate(gallery.widest_slices(cohort, [0, 1])):
        assert cohort.subject[row] == number
        assert size[row] == size[cohort.subject == number].max()


def test_every_modality_and_the_labels_are_shown(cohort):
    figure = gallery.subjects(cohort, [0, 4], ["one", "two"])
    titles = [ax.get_title() for ax in figure.axes[:5]]
    assert titles == ["T1", "T1ce", "T2", "FLAIR", "labels"]
    with pytest.raises(ValueError, match="give one each"):
        gallery.subjects(cohort, [0, 4], ["one"])


def test_the_alt_text_counts_the_tumour_that_is_seen(cohort):
    picture = gallery.patients(cohort, [1], "One patient.")
    (row,) = gallery.widest_slices(cohort, [1])
    assert f"0001 {cohort.subjects[1].grade} with {(cohort.seg[row] > 0).sum()} pixels of tumour" in picture.alt
