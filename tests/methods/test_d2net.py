"""D²-Net's settings, its recipe and its edits."""

from dataclasses import replace

import pytest
import torch

from medsyn_core.methods import d2net
from medsyn_core.methods.d2net import D2Net
from medsyn_core.training import LossError
from tests.methods import small_d2net as small
from tests.methods.small import fit

# -- settings


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"layers": 0}, "layers=0 must lie between 1 and 3, one more than levels"),
        ({"layers": 4}, "layers=4 must lie between 1 and 3, one more than levels"),
        ({"dropout": 1.0}, "dropout=1.0 must be at least 0 and below 1"),
        ({"dropout": -0.1}, "dropout=-0.1 must be at least 0 and below 1"),
        ({"centred": 1.5}, "centred=1.5 must lie between 0 and 1"),
        ({"frequency_level": 5}, "frequency_level=5 must be a whole number from 0 to 4"),
        ({"frequency_level": -1}, "frequency_level=-1 must be a whole number from 0 to 4"),
        ({"frequency_level": 1.5}, "frequency_level=1.5 must be a whole number"),
        ({"encoders": 2}, "encoders=2 must be 1 or 4, one a modality"),
        ({"modalities": ("t1", "t2"), "project": False}, "without E_TM each of 4 classes takes a modality's code"),
        ({"modalities": ("t1", "t2"), "encoders": 4}, "encoders=4 must be 1 or 2"),
        ({"temperature": 0.0}, "temperature=0.0 must be above 0"),
        ({"shrink": 0}, "shrink=0 must divide width=4"),
        ({"shrink": 3}, "shrink=3 must divide width=4"),
        ({"levels": 0}, "levels=0 must be at least 1"),
        ({"patch": 0}, "patch=0 must be at least 1"),
        ({"level": 2}, "unknown setting 'level'; there are: .*frequency_level"),
    ],
)
def test_settings_that_cannot_be_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        small.recipe(**wrong)


@pytest.mark.parametrize(
    "good", [{"layers": 3}, {"dropout": 0.0}, {"frequency_level": 0}, {"encoders": 4}, {"project": False}]
)
def test_settings_at_the_border_train(good):
    networks, trace = small.trace_of(small.recipe(**good))
    losses = small.recipe().losses
    losses.total(losses.parts(trace, "segmenter")).backward()
    assert all(p.grad.isfinite().all() for n in networks.values() for p in n.parameters() if p.grad is not None)
    assert len(networks["modality_encoder"].stacks) == good.get("encoders", 1)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"patch": 10}, "10 x 10 x 10 voxels cannot be halved 2 times; use multiples of 4"),
        ({"distance": 5}, "distance=5 is too far for 8 slices"),
        ({"reach": 8}, "reach=8 must lie between 1 and 7"),
        ({"positives": 4}, "positives=4 must lie between 1 and distance=3"),
    ],
)
def test_blocks_too_small_for_the_settings_are_refused_at_the_first_step(clinic, wrong, message):
    with pytest.raises(ValueError, match=message):
        fit(small.recipe(**wrong), clinic)


def test_profiles_change_sizes_and_nothing_else():
    configs = [d2net.recipe(name).config() for name in ("smoke", "laptop", "gpu")]
    for config in configs:
        for size in ("patch", "width", "levels", "layers", "distance", "reach"):
            config["method"].pop(size)
        config["training"].pop("steps")
    assert configs[0] == configs[1] == configs[2]


@pytest.mark.parametrize("profile", ["smoke", "laptop", "gpu"])
def test_every_profile_can_be(profile):
    """Blocks can be halved, and slices have partners."""
    method = d2net.recipe(profile).method
    assert method.patch % 2**method.levels == 0 and method.patch >> method.levels > 1
    positive, negative = method.slice_pairs(4, method.patch)
    assert positive.any(dim=1).all() and negative.any(dim=1).all()


def test_the_papers_own_sizes():
    recipe = d2net.recipe("gpu")
    method, player = recipe.method, recipe.players[0]
    assert (method.patch, method.distance, method.positives, method.reach, method.layers) == (128, 48, 1, 8, 4)
    assert (method.code, method.features, method.width, method.levels) == (8, 4, 8, 5)
    assert (recipe.training.batch_size, player.weight_decay) == (2, 5e-5)


def test_a_recipe_takes_no_random_number_from_its_caller():
    before = torch.random.get_rng_state()
    d2net.recipe("smoke")
    assert torch.equal(torch.random.get_rng_state(), before)


def test_one_player_moves_every_network():
    recipe = small.recipe()
    assert [p.name for p in recipe.players] == ["segmenter"]
    assert set(recipe.players[0].networks) == set(recipe.method.networks({}))


def test_the_method_survives_json():
    config = small.recipe(modalities=("t1", "flair"), encoders=2).config()["method"]
    settings = {k: tuple(v) if isinstance(v, list) else v for k, v in config.items() if k != "name"}
    assert D2Net(**settings) == small.recipe(modalities=("t1", "flair"), encoders=2).method


# -- edits


@pytest.mark.parametrize(
    "dropped",
    [
        {"spatial_contrast", "frequency_contrast", "feature_distillation", "logit_distillation"},
        {"frequency_contrast"},
        {"spatial_contrast", "frequency_contrast", "reconstruction"},
        set(small.WITHOUT_TEACHER),
        {"dice"},
    ],
    ids=["base", "frequency", "modal", "teacher", "dice"],
)
def test_rows_of_the_ablation_are_edits(clinic, dropped):
    recipe = small.recipe(steps=1).edit(**dict.fromkeys(dropped, 0))
    run = fit(recipe, clinic)
    assert set(run.history.series) == set(recipe.losses) - dropped
    assert run.recipe.losses.edit(**dict.fromkeys(dropped, 1.0)) == small.recipe().losses


def test_edits_that_do_not_exist_are_refused():
    with pytest.raises(LossError, match="unknown loss term 'frequency'; the terms are: spatial_contrast, frequency_c"):
        small.recipe().edit(frequency=0)
    with pytest.raises(LossError, match="belongs to 'generator'; the players are: segmenter"):
        small.recipe().add("mine", lambda trace: trace.student.output.mean())


def test_a_term_of_ones_own_reads_the_trace(clinic):
    calm = lambda trace: trace.student.layers[-1].square().mean()
    run = fit(small.recipe(steps=1).add("calm", calm, 0.1, "segmenter"), clinic)
    assert run.history.series["calm"][0] > 0


# -- cohorts


def test_cohorts_that_do_not_fit_are_refused(clinic):
    with pytest.raises(ValueError, match=r"segments t1, t2, but the cohort has t1, t1ce, t2, flair; configure\(modal"):
        fit(small.recipe(modalities=("t1", "t2")), clinic)
    slices = replace(clinic, settings=clinic.settings | {"slices": 3})
    with pytest.raises(ValueError, match='blocks need neighbouring slices; load the cohort with slices="all"'):
        fit(small.recipe(), slices)


def test_the_view_cuts_cubes_and_carries_no_more_than_it_must(clinic):
    view = small.recipe().method.view(clinic.subset("train"))
    batch = view.batch([0, 4000])
    assert batch["images"].shape == (2, 4, 8, 8, 8) and set(batch) == {"images", "present", "seg", "subject"}
    assert view.centred == small.recipe().method.centred == 0.5
    assert small.recipe(centred=0.0).method.view(clinic.subset("train")).centred == 0


@pytest.mark.parametrize("count", [1, 4])
def test_what_is_used_afterwards_is_the_way_to_the_students_answer(count):
    method = small.recipe(encoders=count, project=count == 1).method
    networks = method.networks({})
    model, fresh = method.model(networks), method.untrained_model()
    rest = {"reconstruction", "teacher", "teacher_sides", "student_sides"}
    assert set(model.networks) == set(networks) - rest
    assert {k: v.shape for k, v in model.state_dict().items()} == {k: v.shape for k, v in fresh.state_dict().items()}
    assert model.networks["student"] is networks["student"]
    with torch.no_grad():
        batch = small.batch_of()
        trace = small.trace_of(small.recipe(encoders=count, project=count == 1, dropout=0.0))[1]
        again = method.model(trace._networks)(trace.images, batch["present"])
    torch.testing.assert_close(again, trace.student.output)
