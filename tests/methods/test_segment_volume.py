"""A subject on its own grid: prepared as in training, segmented, brought back and written."""

from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest
import torch

from medsyn_core import data, methods
from medsyn_core.data.cut import Settings, cut
from medsyn_core.data.errors import DataError
from medsyn_core.data.volume import MODALITIES, regions
from medsyn_core.evaluation import dice
from medsyn_core.methods import d2net
from tests.methods import small
from tests.methods.small_clinic import CHOSEN, SIZES, Echo, clinic, noise, patient, untrained
from tests.methods.test_saved import rewritten


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    return clinic(tmp_path_factory.mktemp("clinic"))


@pytest.fixture(scope="module")
def trained(cohort):
    """A run of two steps."""
    recipe = d2net.recipe("smoke").configure(**SIZES, steps=2)
    return small.fit(recipe, cohort)


@pytest.fixture(scope="module")
def saved(trained, tmp_path_factory):
    return trained.save(tmp_path_factory.mktemp("models") / "d2net.safetensors")


def test_three_lines_from_a_file_to_a_file_from_each_of_the_15_choices(saved, tmp_path):
    volume, answers = patient(), set()
    for keep in data.all_subsets(MODALITIES):
        model = methods.load(saved)
        labels = model.segment_volume(volume, keep=keep)
        path = data.write_labels(tmp_path / f"{'+'.join(keep)}.nii.gz", labels, volume)
        written = nib.load(path)
        assert np.allclose(nib.as_closest_canonical(written).affine, volume.affine)
        assert np.array_equal(nib.as_closest_canonical(written).dataobj, labels)
        assert labels.shape == volume.seg.shape and set(np.unique(labels)) <= {0, 1, 2, 4}
        answers.add(labels.tobytes())
    assert len(answers) > 10 and len(list(tmp_path.iterdir())) == 15


def test_a_volume_is_prepared_as_the_cohort_was(saved, cohort):
    """Every modality shows the same brain here, so that dropping one changes nothing in the others."""
    model = methods.load(saved)
    for number, keep in ((0, MODALITIES), (3, ("t1", "flair")), (8, ("t2",))):
        block = model.segment(cohort.volume(number)["images"], keep).numpy()
        expected = data.bring_back(block, patient(number), CHOSEN)
        assert np.array_equal(model.segment_volume(patient(number), keep), expected)
        assert expected.any()


@pytest.mark.parametrize("slices", ["all", "cubic"])
def test_a_perfect_answer_comes_back_to_its_place(slices):
    """Unequal voxels, a turned head, a lopsided tumour, another grid."""
    volume = patient()
    turn = nib.eulerangles.euler2mat(0.2, -0.1, 0.15) @ np.diag([9.0, 12.0, 20.0])
    volume = replace(volume, affine=nib.affines.from_matvec(turn, (40, -30, 12)))
    chosen = Settings(40, slices, "zscore", 200.0)
    model = Echo()
    model.segment = lambda images, keep: torch.from_numpy(cut(volume, chosen).seg.copy())
    model.prepared = {"px": 40, "slices": slices, "scaling": "zscore", "fov_mm": 200.0}
    labels = model.segment_volume(volume)
    for name, truth in regions(volume.seg).items():
        assert dice(regions(labels)[name], truth) > 0.9, name
    assert dice(np.roll(labels, 1, axis=0) > 0, volume.seg > 0) < 0.9


def test_of_a_modality_that_is_not_kept_nothing_is_read_not_even_its_brain(saved):
    model, volume = methods.load(saved), patient()
    expected = model.segment_volume(volume, "t1")
    for fill in (np.nan, 7.0, 0.0):
        images = volume.images | {"t2": np.full_like(volume.images["t2"], fill), "pet": noise(3)}
        assert np.array_equal(model.segment_volume(replace(volume, images=images, seg=None), "t1"), expected)
    assert np.array_equal(model.segment_volume(replace(volume, images={"t1": volume.images["t1"]})), expected)


def test_by_default_all_is_kept_that_the_subject_has(saved):
    model = methods.load(saved)
    without = model.segment_volume(patient(8))
    assert np.array_equal(without, model.segment_volume(patient(8), ("t1", "t2", "flair")))
    with pytest.raises(ValueError, match=r"p-8 has no t1ce, only t1, t2, flair; leave it out of keep="):
        model.segment_volume(patient(8), ("t1", "t1ce"))
    with pytest.raises(ValueError, match="no modality is kept"):
        model.segment_volume(replace(patient(), images={"ct": patient().images["t1"]}))


def test_a_saved_model_knows_its_cohorts_settings_and_a_fresh_one_is_told(trained, saved, cohort):
    model = methods.load(saved)
    assert model.prepared == cohort.settings
    expected = model.segment_volume(patient())
    told = trained.model.segment_volume(patient(), settings=cohort.settings)
    assert np.array_equal(told, expected)
    assert np.array_equal(model.segment_volume(patient(), settings=cohort.settings), expected)
    with pytest.raises(ValueError, match=r"does not know how its cohort was prepared; give settings=cohort\.settings"):
        trained.model.segment_volume(patient())


def test_a_file_that_does_not_tell_of_its_cohort_leaves_the_question_open(saved, cohort, tmp_path):
    older = rewritten(saved, tmp_path / "older.safetensors", lambda weights, about: about.pop("cohort"))
    with pytest.raises(ValueError, match=r"give settings=cohort\.settings"):
        methods.load(older).segment_volume(patient())
    expected = methods.load(saved).segment_volume(patient())
    assert np.array_equal(methods.load(older).segment_volume(patient(), settings=cohort.settings), expected)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"px": 32}, r"settings= have px=32, but the model has learnt from 16; leave settings= out"),
        ({"scaling": "median"}, "have scaling='median', but the model has learnt from 'zscore'"),
        ({"dims": 3}, r"must name fov_mm, px, scaling, slices; give those of a cohort: cohort\.settings"),
    ],
    ids=str,
)
def test_settings_of_another_cohort_are_refused(saved, cohort, change, message):
    with pytest.raises(ValueError, match=message):
        methods.load(saved).segment_volume(patient(), settings=cohort.settings | change)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"slices": 12}, 'blocks need neighbouring slices; load the cohort with slices="all" or "cubic"'),
        ({"scaling": "minmax"}, 'a missing modality is 0, like the background; load the cohort with scaling="zscore"'),
        ({"px": 4}, "px=4 must be a whole number of at least 8"),
    ],
    ids=str,
)
def test_settings_that_no_segmenter_can_have_learnt_from_are_refused(cohort, change, message):
    with pytest.raises(ValueError, match=message):
        untrained().segment_volume(patient(), settings=cohort.settings | change)


def test_a_subject_that_cannot_be_prepared_is_named(saved):
    blank = {name: np.zeros((16, 16, 6), np.float32) for name in MODALITIES}
    with pytest.raises(DataError, match="subject p-0: every voxel is background"):
        methods.load(saved).segment_volume(replace(patient(), images=blank))
