"""A segmenter in use: what it reads and what not, whole volumes from blocks, its scores; and what one step computes
once."""

from collections import Counter
from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from medsyn_core import data
from medsyn_core.data import prepare
from medsyn_core.data.volume import MODALITIES, REGIONS, regions
from medsyn_core.evaluation import dice
from medsyn_core.evaluation.segmentation import surface_distances
from medsyn_core.methods import d2net
from medsyn_core.methods.segmenter import as_classes, as_codes, region_scores, score_subsets, spacing
from tests.methods import small
from tests.methods.small_clinic import CHOSEN, SIZES, Echo, clinic, noise, untrained


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    return clinic(tmp_path_factory.mktemp("clinic"))


@pytest.fixture(scope="module")
def model():
    return untrained()


# -- labels


def test_classes_and_codes_are_each_others_way_back():
    codes = torch.tensor([0, 1, 2, 4])
    assert as_classes(codes).tolist() == [0, 1, 2, 3]
    assert torch.equal(as_codes(as_classes(codes)), codes)


@pytest.mark.parametrize("keep", data.all_subsets(MODALITIES), ids="+".join)
def test_each_of_the_15_choices_gives_nested_regions(model, keep):
    found = model.segment(noise(4, 9, 10, 11), keep)
    assert found.dtype == torch.uint8 and found.shape == (9, 10, 11)
    assert len(found.unique()) > 2 and set(found.unique().tolist()) <= {0, 1, 2, 4}
    wt, tc, et = (regions(found)[name] for name in REGIONS)
    assert (wt | ~tc).all() and (tc | ~et).all() and wt.any()


def test_the_15_choices_are_looked_at_each_in_its_own_way(model):
    images = noise(4, 8, 8, 8)
    answers = {model.segment(images, keep).numpy().tobytes() for keep in data.all_subsets(MODALITIES)}
    assert len(data.all_subsets(MODALITIES)) == len(answers) == 15


# -- what is read


@pytest.mark.parametrize("keep", data.all_subsets(MODALITIES)[:-1], ids="+".join)
def test_nothing_is_read_of_what_is_not_kept(model, keep):
    images = noise(4, 8, 10, 9)
    expected = model.segment(images, keep)
    for fill in (1e4, np.nan, noise(8, 10, 9, seed=1)):
        other = images.copy()
        for m, name in enumerate(MODALITIES):
            if name not in keep:
                other[m] = fill
        before = other.copy()
        assert torch.equal(model.segment(other, keep), expected)
        assert np.array_equal(other, before, equal_nan=True)  # the caller's images are left alone
    assert not torch.equal(model.segment(images), expected)


def test_nothing_is_read_where_only_other_modalities_show_brain():
    images = np.zeros((4, 20, 20, 20), np.float32)
    images[0, 5:9, 5:9, 5:9], images[3] = 1, 1
    echo = Echo()
    assert torch.equal(echo.segment(images, "t1") > 0, torch.from_numpy(images[0] > 0))
    assert len(echo.shown) == 1 and echo.shown[0][0].shape == (1, 4, 8, 8, 8)  # a single block holds that brain


def test_a_name_alone_is_a_choice_of_one(model):
    images = noise(4, 8, 8, 8)
    assert torch.equal(model.segment(images, "t2"), model.segment(images, ["t2"]))
    assert torch.equal(model.segment(images, ("flair", "t1")), model.segment(images, ["t1", "flair"]))
    assert torch.equal(model.segment(images), model.segment(images, MODALITIES))
    assert torch.equal(model.segment(torch.from_numpy(images), "t2"), model.segment(images, "t2"))


def test_the_network_is_told_what_is_there():
    echo = Echo()
    echo.segment(noise(4, 12, 12, 12), ("t1ce", "flair"))
    for images, present in echo.shown:
        assert present.tolist() == [[0, 1, 0, 1]] * len(images)
        assert not images[:, [0, 2]].any() and images[:, [1, 3]].all(dim=1).any()


def test_a_modality_of_zeros_is_missing():
    echo, images = Echo(), noise(4, 9, 9, 9)
    images[3] = 0
    echo.segment(images)
    echo.segment(images, ("t1", "flair"))
    assert [present[0].tolist() for _, present in echo.shown] == [[1, 1, 1, 0], [1, 0, 0, 0]]


def test_blocks_overlap_by_a_quarter():
    """A block's edge sees the least; a voxel there is seen again further inside of the next block."""
    echo = Echo()
    echo.segment(noise(4, 20, 8, 8))
    assert sum(len(images) for images, _ in echo.shown) == 3  # of 8 slices each: at 0, 6 and 12


def test_a_blank_volume_has_no_tumour(model):
    echo = Echo()
    assert not echo.segment(np.zeros((4, 9, 9, 9), np.float32)).any() and not echo.shown
    images = noise(4, 9, 9, 9)
    images[1] = 0
    assert not model.segment(images, "t1ce").any() and model.segment(images, "t1").any()


@pytest.mark.parametrize(
    ("keep", "message"),
    [
        ("T1", "keep='T1' was not learnt; there are: t1, t1ce, t2, flair"),
        (("t1", "ct"), "keep='ct' was not learnt"),
        ((), "no modality is kept; at least one must stay of: t1, t1ce, t2, flair"),
    ],
)
def test_names_it_does_not_know_are_refused(model, keep, message):
    with pytest.raises(ValueError, match=message):
        model.segment(noise(4, 8, 8, 8), keep)


@pytest.mark.parametrize("shape", [(4, 8, 8), (3, 8, 8, 8), (1, 4, 8, 8, 8)])
def test_images_of_another_shape_are_refused(model, shape):
    with pytest.raises(ValueError, match=r"images must be \(4, D, H, W\), not"):
        model.segment(noise(*shape))


# -- whole volumes from blocks


@settings(max_examples=12, deadline=None)
@given(st.tuples(*[st.integers(1, 21)] * 3), st.tuples(*[st.integers(0, 4)] * 3), st.integers(0, 99))
def test_blocks_cover_a_volume_of_any_size_once_and_in_place(shape, offset, seed):
    """Smaller than a block or larger, and with empty voxels round it."""
    truth = np.random.default_rng(seed).integers(0, 4, shape)
    room = [n + 2 * o for n, o in zip(shape, offset, strict=True)]
    images = np.zeros((4, *room), np.float32)
    inside = tuple(slice(o, o + n) for o, n in zip(offset, shape, strict=True))
    images[0][inside] = truth
    found = Echo().segment(images)
    assert torch.equal(as_classes(found.long()), torch.from_numpy(images[0]).long())


@pytest.mark.parametrize(("patch", "many"), [(8, 512), (32, 8), (64, 1), (128, 1)])
def test_as_many_blocks_at_a_time_as_a_machine_can_bear(patch, many, monkeypatch):
    asked = []

    def window(images, size, at_once, predictor, **options):
        asked.append((size, at_once))
        return predictor(images)

    monkeypatch.setattr("monai.inferers.sliding_window_inference", window)
    Echo(patch=patch).segment(noise(4, 8, 8, 8))
    assert asked == [((patch,) * 3, many)]


# -- scores


def test_scores_of_every_choice_for_those_who_have_it_and_are_labelled(model, cohort):
    rows = score_subsets(model, cohort.subset("test"))
    found = Counter((row["subject"], row["direction"]) for row in rows)
    directions = ["+".join(keep) for keep in data.all_subsets(MODALITIES)]
    wanted = [(7, d) for d in directions] + [(8, d) for d in directions if "t1ce" not in d.split("+")]
    assert found == Counter(wanted) and len(wanted) == 15 + 7  # p-9 has no labels
    for row in rows:
        scores = {f"{what}_{name.lower()}" for what in ("dice", "hd95", "assd") for name in REGIONS}
        assert set(row) == {"direction", "subject"} | scores
        assert all(isinstance(row[name], float) and np.isfinite(row[name]) for name in scores)
        assert all(0 <= row[name] <= 1 for name in scores if name.startswith("dice"))


def test_a_choice_is_scored_with_what_the_model_says_of_it_alone(cohort, monkeypatch):
    """Enhancement is seen where T1ce is kept, else it is taken for core."""
    asked, model = [], Echo()

    def segment(images, keep):
        asked.append(keep)
        truth = cohort.volume(7)["seg"].copy()
        return torch.from_numpy(truth if "t1ce" in keep else np.where(truth == 4, 1, truth))

    monkeypatch.setattr(model, "segment", segment)
    rows = score_subsets(model, cohort.select([7]))
    assert asked == list(data.all_subsets(MODALITIES))
    diagonal = np.linalg.norm(np.multiply(cohort.volume(7)["seg"].shape, 12.0))
    for row, keep in zip(rows, asked, strict=True):
        assert row["dice_wt"] == row["dice_tc"] == 1 and row["hd95_wt"] == row["assd_tc"] == 0
        assert row["dice_et"] == ("t1ce" in keep)
        assert row["hd95_et"] == row["assd_et"] == (0 if "t1ce" in keep else pytest.approx(diagonal, abs=1e-3))


def test_region_scores_are_those_of_the_regions_masks():
    rng, voxel_mm = np.random.default_rng(0), (3.0, 1.0, 2.0)
    predicted, truth = rng.choice([0, 1, 2, 4], (2, 6, 7, 8), p=[0.7, 0.1, 0.1, 0.1])
    found = region_scores(predicted, truth, voxel_mm)
    masks = {"wt": (1, 2, 4), "tc": (1, 4), "et": (4,)}
    for name, codes in masks.items():
        a, b = np.isin(predicted, codes), np.isin(truth, codes)
        assert found[f"dice_{name}"] == pytest.approx(dice(a, b), abs=1e-4)
        measured = (found[f"hd95_{name}"], found[f"assd_{name}"])
        assert measured == pytest.approx(surface_distances(a, b, voxel_mm), abs=1e-4)


def test_millimetres_between_a_cohorts_voxels(tmp_path):
    tilted = nib.affines.from_matvec(nib.eulerangles.euler2mat(0, 0.3, 0) @ np.diag([6.0, 6.0, 3.0]), (0, 0, 0))

    class Thin(small.Patients):
        name, affine = "thin", np.diag([6.0, 6.0, 3.0, 1.0])

        def subjects(self):
            return super().subjects()[:1]

        def read(self, ref):
            return replace(super().read(ref), affine=self.affine)

    class Tilted(Thin):
        name, affine = "tilted", tilted

    for source, slices, depth in ((Thin(), "all", 3.0), (Thin(), "cubic", 12.0), (Tilted(), "cubic", 12.0)):
        cohort = prepare(source, replace(CHOSEN, slices=slices), cache=tmp_path, jobs=1)
        assert spacing(cohort, cohort.volume(0)["z_mm"]) == pytest.approx((depth, 12.0, 12.0)), (source.name, slices)


# -- what one step computes


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_each_layer_of_teacher_and_student_is_computed_once_a_step(layers):
    """Distillation compares every layer with every layer, but no network runs again for it."""
    recipe = d2net.recipe("smoke").configure(**SIZES | {"layers": layers})
    draw = torch.Generator().manual_seed(0)
    batch = {
        "images": torch.randn(2, 4, 8, 8, 8, generator=draw),
        "present": torch.ones(2, 4),
        "seg": torch.zeros(2, 8, 8, 8, dtype=torch.int64),
        "subject": torch.arange(2),
    }
    networks, trace = small.trace_of(recipe, tuple(recipe.players[0].networks), batch)
    calls = Counter()
    for name, network in networks.items():
        for part, module in network.named_modules(prefix=name):
            module.register_forward_hook(lambda *_, part=part: calls.update([part]))
    recipe.losses.total(recipe.losses.parts(trace, "segmenter")).backward()
    assert {name: calls[name] for name in networks} == dict.fromkeys(networks, 1)
    # The one encoder of codes looks at modality after modality; all other parts have one thing to look at.
    several = {part: count for part, count in calls.items() if count > 1 and not part.startswith("modality_encoder.")}
    assert several == {}
