"""UTAD-Net's recipes: guides, a student and its frozen teacher, edits, resuming, processes, a folder of real files."""

import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.utils import parameters_to_vector

from medsyn_core import data
from medsyn_core.data.volume import region
from medsyn_core.data.write import write_folder
from medsyn_core.methods import utad
from medsyn_core.networks.two_branch import STRUCTURES, TwoBranch
from medsyn_core.training import Watch
from tests.methods import small
from tests.methods.small import fit, weights

SEG = small.batch_of()["seg"]
SEEDS = torch.tensor([3, 1, 4, 1])


@pytest.fixture(scope="session")
def learnt(taught, patients):
    """The student of the trained teacher, trained."""
    return fit(utad.student(taught), patients)


# -- settings and guides


@pytest.mark.parametrize("name", ["WT", "TC", "ET"])
def test_a_tumour_guide_is_the_region(name):
    mask = small.teacher(region=name).method.mask(SEG, SEEDS)
    assert mask.shape == (4, 1, 16, 16) and mask.dtype == torch.float32
    assert torch.equal(mask[:, 0] > 0, region(SEG, name))


def test_a_zeros_guide_is_nothing_and_a_random_one_knows_nothing_of_the_tumour():
    assert not small.teacher(guide="zeros").method.mask(SEG, SEEDS).any()
    mask = small.teacher(guide="random").method.mask
    assert torch.equal(mask(SEG, SEEDS), mask(0 * SEG, SEEDS))


@given(st.lists(st.integers(0, 2**31 - 1), min_size=1, max_size=4, unique=True))
def test_a_random_guide_depends_on_each_samples_seed_alone(seeds):
    """Neither on its place in the batch nor on anybody's random numbers, which it leaves alone."""
    mask = small.teacher(guide="random").method.mask
    seg, state = torch.zeros(len(seeds), 16, 16), torch.get_rng_state()
    maps = mask(seg, torch.tensor(seeds))
    assert torch.equal(state, torch.get_rng_state())
    torch.rand(1)
    for place, seed in enumerate(seeds):
        assert torch.equal(maps[place], mask(seg[:1], torch.tensor([seed]))[0])
    assert set(maps.unique().tolist()) == {0.0, 1.0} and 0.35 < maps.mean() < 0.65
    assert len(maps.unique(dim=0)) == len(seeds)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: utad.teacher("smoke", region="wt"), r"region='wt' is unknown; choose one of: WT, TC, ET"),
        (lambda: utad.teacher("smoke", guide="ones"), r"guide='ones' is unknown; choose one of: tumour, zeros, random"),
        (lambda: utad.student(utad.teacher("smoke"), "half"), r"structure='half' is unknown; choose one of: full, "),
        (lambda: utad.teacher("tiny"), "tiny"),
    ],
)
def test_what_does_not_exist_is_refused_with_what_does(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_profiles_change_sizes_and_nothing_else():
    configs = [utad.teacher(name).config() for name in ("smoke", "laptop", "gpu")]
    for config in configs:
        for size in ("width", "levels", "critic_width", "critic_levels", "local_critic_levels"):
            config["method"].pop(size)
        config["training"] = {k: v for k, v in config["training"].items() if k not in ("steps", "batch_size")}
    assert configs[0] == configs[1] == configs[2]


# -- the student and its teacher


def test_a_student_of_a_recipe_is_described_like_that_of_its_run(taught, learnt):
    described = utad.student(small.teacher())
    assert described.config_hash == utad.student(taught).config_hash == learnt.recipe.config_hash
    assert described.method.teacher == taught.recipe.config_hash
    others = [utad.student(small.teacher(region="ET")), utad.student(small.teacher(), "global"), small.teacher()]
    others.append(utad.student(small.teacher().player("generator", learning_rate=1e-2)))
    assert len({described.config_hash, *(r.config_hash for r in others)}) == 5


def test_a_student_without_a_trained_teacher_is_not_trained(patients):
    with pytest.raises(ValueError, match=r"no trained teacher; make it with utad.student\(teacher.fit\(cohort\)\)"):
        fit(utad.student(small.teacher()), patients)


def test_a_student_inherits_region_sizes_and_edits_and_adds_distillation():
    recipe = small.teacher(region="TC").edit(local_consistency=0).add("mine", lambda t: t.translated.mean())
    pupil = utad.student(recipe)
    assert pupil.method.region == "TC" and pupil.players == recipe.players
    assert list(pupil.losses) == [*recipe.losses, "distillation"]
    assert pupil.losses["local_consistency"].weight == 0
    more = utad.student(recipe, tumours=True).losses
    assert [(name, more[name].weight) for name in more][-2:] == [("distillation", 50), ("tumour_distillation", 10)]
    for name in (
        "width",
        "levels",
        "critic_width",
        "critic_levels",
        "local_critic_levels",
        "modalities",
        "pairing",
        "guide",
    ):
        assert getattr(pupil.method, name) == getattr(recipe.method, name)


@pytest.mark.parametrize("structure", STRUCTURES)
def test_a_student_starts_from_its_teachers_weights_but_for_the_local_encoder(taught, structure):
    networks = utad.student(taught, structure).method.networks(small.batch_of())
    teacher, own = networks["teacher"].state_dict(), networks["generator"].state_dict()
    assert all(torch.equal(value, taught.model.generator.state_dict()[k]) for k, value in teacher.items())
    mean = networks["average"].module.state_dict()
    assert all(torch.equal(mean[k], value) for k, value in own.items())  # not that of other fresh weights
    encoder = {k for k in own if k.startswith("local_encoder.")}
    assert bool(encoder) == STRUCTURES[structure][0] and set(own) <= set(teacher)
    same = {k for k in own if torch.equal(own[k], teacher[k])}
    assert set(own) - encoder <= same
    assert not any(k in same for k in encoder if k.endswith("weight"))


def test_the_teacher_stays_as_it_was_in_every_step_of_its_student(taught, patients):
    before = {k: v.clone() for k, v in taught.model.generator.state_dict().items()}
    seen = []

    def look(trace):
        teacher = trace._networks["teacher"]
        assert not any(module.training for module in teacher.modules())
        assert not any(p.requires_grad or p.grad is not None for p in teacher.parameters())
        assert not trace.taught.image.requires_grad and not trace.taught.features.requires_grad
        assert all(torch.equal(v, before[k]) for k, v in teacher.state_dict().items())
        seen.append(trace.translated.requires_grad)
        return trace.translated.mean() * 0

    recipe = utad.student(taught).add("look", look).add("look_too", look, player="critic")
    run = fit(recipe, patients)
    assert {False, True} == set(seen) and len(seen) == len(run.history.steps) * sum(p.updates for p in recipe.players)
    for network in (run.networks["teacher"], taught.model.generator):  # weights, and buffers had it any
        assert all(torch.equal(v, before[k]) for k, v in network.state_dict().items())
    moved = run.networks["generator"].state_dict()
    assert not all(torch.equal(moved[k], before[k]) for k in before)


def test_critics_see_constants_in_their_turn_and_the_generator_does_not(patients):
    seen = []

    def look(trace):
        networks = trace._networks
        reaches = {n for n, net in networks.items() if any(p.requires_grad for p in net.parameters())}
        seen.append((reaches, trace.translated.requires_grad, trace.tumour_translated.requires_grad))
        return trace.translated.mean() * 0 + trace.global_fake[0].mean() * 0

    fit(small.teacher().configure(steps=1).add("look", look), patients)
    fit(small.teacher().configure(steps=1).player("critic", updates=1).add("look", look, player="critic"), patients)
    assert seen == [({"generator", "average"}, True, True), ({"global_critic", "local_critic"}, False, False)]


def test_neither_training_nor_use_shows_the_student_a_mask(taught, patients, monkeypatch):
    calls, forward = [], TwoBranch.forward

    def spy(self, whole, local, code):
        calls.append((self, whole is local, bool((local[whole != 0] == 0).any())))
        return forward(self, whole, local, code)

    monkeypatch.setattr(TwoBranch, "forward", spy)
    run = fit(utad.student(taught), patients)
    teacher = run.networks["teacher"]
    assert {(same, cut) for net, same, cut in calls if net is not teacher} == {(True, False)}
    assert {(same, cut) for net, same, cut in calls if net is teacher} == {(False, True)}
    calls.clear()
    assert len(run.metrics) == 30
    assert {(net is teacher, same, cut) for net, same, cut in calls} == {(False, True, False)}
    assert run.recipe.method.guides(small.batch_of()) == ()


def test_what_translates_and_what_teaches_is_the_average_of_the_weights(taught, patients):
    images, masks = small.batch_of()["image"], taught.recipe.method.mask(SEG, SEEDS)
    moving = taught.recipe.method.translator(taught.networks["generator"])
    assert not torch.equal(*(model.translate(images, "t2", masks) for model in (moving, taught.model)))
    seen, vector = [], lambda network: parameters_to_vector(network.parameters()).detach()
    look = lambda step, run: seen.append([vector(run.networks[name]) for name in ("generator", "average")])
    fit(small.teacher().configure(steps=2), patients, watch=Watch(range(3), look))
    (start, first), (one, after_one), (two, after_two) = seen
    assert torch.equal(start, first) and torch.equal(one, after_one)
    torch.testing.assert_close(after_two, one + (two - one) * 4 / 5)  # of two steps the second counts 4 / (2 + 3)


# -- training


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_teacher_and_student_train_and_are_scored(patients, precision):
    run = fit(small.teacher().configure(steps=2), patients, precision=precision)
    pupil = fit(utad.student(run), patients, precision=precision)
    for each in (run, pupil):
        assert torch.isfinite(weights(each)).all() and set(each.history.series) == set(each.recipe.losses)
        assert len(each.metrics) == 30 and all(row["psnr"] > 0 for row in each.metrics)


@pytest.mark.parametrize("structure", STRUCTURES)
def test_every_structure_learns_from_the_teacher(taught, patients, structure):
    run = fit(utad.student(taught, structure).configure(steps=1), patients)
    assert run.history.series["distillation"][0] > 0
    assert run.model.translate(small.batch_of()["image"], "t2").shape == (4, 1, 16, 16)


def test_edits_and_a_term_of_ones_own_in_a_line_each(patients):
    def edges(trace):
        steep = lambda x: x.diff(dim=-1).abs()
        return (steep(trace.translated) - steep(trace.image)).abs().mean()

    recipe = small.teacher().edit(local_consistency=0).add("edges", edges, weight=5.0, player="generator")
    run = fit(recipe, patients)
    assert run.history.series["edges"][0] > 0 and "local_consistency" not in run.history.series
    assert small.teacher().losses["local_consistency"].weight > 0


@pytest.mark.parametrize(
    ("dropped", "idle"),
    [
        (("local_consistency", "reconstruction"), {"back"}),
        (("local_adversarial", "local_classification"), {"local_fake", "shows"}),
        (("global_penalty",), {"global_gradient"}),
        (("local_penalty", "local_critic", "local_classification_real"), {"local_gradient", "local_real"}),
    ],
)
def test_a_term_of_weight_0_is_not_computed(dropped, idle):
    """Nor is anything that only it would read."""
    losses = small.teacher().losses
    player = losses[dropped[0]].player
    for table, computed in ((losses, True), (losses.edit(**dict.fromkeys(dropped, 0)), False)):
        _, trace = small.trace_of(small.teacher(), ("generator", "global_critic", "local_critic"))
        table.parts(trace, player)
        assert {name for name in idle if name in vars(trace)} == (idle if computed else set())


@pytest.mark.parametrize("kind", ["teacher", "student"])
def test_resume_is_bit_for_bit(taught, learnt, patients, tmp_path, kind):
    recipe, whole = {"teacher": (taught.recipe, taught), "student": (utad.student(taught), learnt)}[kind]

    class Stop(Exception):
        pass

    def stop(step, run):
        raise Stop

    last = recipe.training.steps - 1
    with pytest.raises(Stop):
        fit(recipe, patients, folder=tmp_path, checkpoint_every=1, watch=Watch({last}, stop))
    seen = []
    again = fit(recipe, patients, folder=tmp_path, watch=Watch(range(9), lambda step, run: seen.append(step)))
    assert seen == [last, last + 1]
    assert torch.equal(weights(again), weights(whole)) and again.history.series == whole.history.series


def test_two_processes_train_as_one(patients, patients_cache, tmp_path):
    """With random maps, so that draws are seen to belong to samples and not to processes."""
    paths = os.pathsep.join(p for p in sys.path if p)
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": paths}
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "-m"]
    command += ["tests.methods.worker", "teacher", tmp_path / "out", patients_cache]
    result = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr[-3000:]
    two, start = torch.load(tmp_path / "out.0"), []
    keep = Watch({0}, lambda step, run: start.append(weights(run)))
    one = fit(small.teacher(guide="random").configure(steps=3), patients, watch=keep)
    for name, values in one.history.series.items():
        assert two["history"][name] == pytest.approx(values, abs=1e-5, rel=1e-4), name
    # Adam makes whole steps of gradients that are all rounding, so single weights may differ: measured against the way.
    assert (two["weights"] - weights(one)).norm() < 0.02 * (weights(one) - start[0]).norm()


def test_a_brats_folder_on_disk(tmp_path):
    write_folder(small.Patients(), tmp_path / "BraTS")
    sizes = {"subjects": "all", "px": 16, "slices": 2, "jobs": 1}
    cohort = data.load("brats", tmp_path / "BraTS", cache=tmp_path / "cache", split=(6, 1, 3), **sizes)
    run = fit(small.teacher().configure(steps=2), cohort)
    assert [len(run.history.steps), len({row["direction"] for row in run.metrics})] == [2, 12]
    without = [k for k, info in enumerate(cohort.subjects) if int(info.id[-1]) in small.WITHOUT_TUMOUR]
    for row in run.metrics:
        assert (row["psnr_box"] is None) == (row["subject"] in without)
    images = torch.from_numpy(cohort.images[:3, 0].astype(np.float32))[:, None]
    masks = run.recipe.method.mask(torch.from_numpy(cohort.seg[:3].astype(np.int64)), SEEDS[:3])
    assert run.model.translate(images, "flair", masks).shape == (3, 1, 16, 16)
