"""The loop: it learns, it is deterministic, it resumes to the bit, and it stops at the first bad number."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from medsyn_core.training import LossError, Watch, devices
from medsyn_core.training.checkpoint import CheckpointError
from tests.training.toy import Images, Toy, recipe, weights


def fit(r, **options):
    return r.fit(Images(), progress=False, device="cpu", **options)


def test_it_learns():
    run = fit(recipe(steps=150).edit(adversarial=0, noise=0, critic=0, decay=0))
    assert run.history.series["l1"][-1] < 0.3 * run.history.series["l1"][0]
    assert run.metrics[0]["mae"] == pytest.approx(run.history.series["l1"][-1], rel=0.3)


def test_same_seed_same_weights_and_other_seed_others():
    a, b, c = fit(recipe(), seed=1), fit(recipe(), seed=1), fit(recipe(), seed=2)
    assert torch.equal(weights(a), weights(b))
    assert not torch.equal(weights(a), weights(c))


def test_the_callers_random_numbers_are_left_alone():
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    fit(recipe())
    assert torch.equal(torch.rand(3), expected)


def test_resume_is_bit_for_bit(tmp_path):
    falling = recipe(steps=6).configure(decay_from=0.25)
    whole = fit(falling)

    class Stop(Exception):
        pass

    def stop(step, run):
        raise Stop

    with pytest.raises(Stop):
        fit(falling, folder=tmp_path, checkpoint_every=2, watch=Watch({5}, stop))
    seen = []
    resumed = fit(falling, folder=tmp_path, watch=Watch(range(7), lambda step, run: seen.append(step)))
    assert seen == [4, 5, 6]
    assert torch.equal(weights(whole), weights(resumed))
    assert resumed.history.series == whole.history.series


def test_a_finished_run_is_loaded_not_trained_again(tmp_path):
    first = fit(recipe(), folder=tmp_path)
    again = fit(recipe(), folder=tmp_path, watch=Watch(range(6), lambda step, run: pytest.fail("trained again")))
    assert torch.equal(weights(first), weights(again))


def test_a_folder_of_another_recipe_is_refused(tmp_path):
    fit(recipe(), folder=tmp_path)
    with pytest.raises(CheckpointError, match="config_hash"):
        fit(recipe().edit(l1=2.0), folder=tmp_path)
    with pytest.raises(CheckpointError, match="seed"):
        fit(recipe(), folder=tmp_path, seed=3)
    with pytest.raises(CheckpointError, match="precision"):
        fit(recipe(), folder=tmp_path, precision="bf16-mixed")
    other = Images()
    other.identity = "other split"
    with pytest.raises(CheckpointError, match="data_hash"):
        recipe().fit(other, folder=tmp_path, progress=False, device="cpu")


def taught(level):
    """The toy with a third network that no player moves; its weight is part of no configuration."""

    class Taught(Toy):
        def networks(self, example):
            teacher = nn.Conv2d(1, 1, 1)
            nn.init.constant_(teacher.weight, level)
            return super().networks(example) | {"teacher": teacher}

    return replace(recipe(), method=Taught())


def test_a_folder_of_a_run_with_another_frozen_network_is_refused(tmp_path):
    assert taught(1.0).config_hash == taught(2.0).config_hash
    first = fit(taught(1.0), folder=tmp_path)
    with pytest.raises(CheckpointError, match="another frozen network 'teacher'; give this run its own folder"):
        fit(taught(2.0), folder=tmp_path)
    assert torch.equal(weights(fit(taught(1.0), folder=tmp_path)), weights(first))


def test_a_damaged_checkpoint_is_named(tmp_path):
    (tmp_path / "checkpoint.pt").write_bytes(b"no archive")
    with pytest.raises(CheckpointError, match=r"checkpoint\.pt cannot be read"):
        fit(recipe(), folder=tmp_path)


def snapshots():
    """A dict that fills with every network's weights by step, and the watch that fills it."""
    kept = {}

    def keep(step, run):
        kept[step] = {n: [p.detach().clone() for p in net.parameters()] for n, net in run.networks.items()}

    return kept, Watch(range(100), keep)


def bad_after(steps):
    """A term that is 0 in its first turns and then goes bad in the way given by `kind`."""
    calls = []

    def value(trace):
        calls.append(1)
        return trace.translated.mean() * (float("nan") if len(calls) > steps else 0.0)

    def gradient(trace):
        calls.append(1)
        return (trace.translated * 0).square().sum().sqrt() if len(calls) > steps else trace.translated.mean() * 0

    return {"value": value, "gradient": gradient}


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("value", r"'bad' is nan at step 3; the last checkpoint is in"),
        ("gradient", r"gradient of the generator's total is not finite at step 3, though its terms are \(l1, .*bad\)"),
    ],
)
def test_a_bad_number_stops_the_run_and_the_last_checkpoint_stays_good(tmp_path, kind, message):
    kept, watch = snapshots()
    with pytest.raises(LossError, match=message):
        fit(recipe().add("bad", bad_after(3)[kind]), folder=tmp_path, checkpoint_every=2, watch=watch)
    state = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    assert state["step"] == 2
    for name, network in state["networks"].items():
        for saved, seen in zip(network.values(), kept[2][name], strict=True):
            assert torch.equal(saved, seen) and torch.isfinite(saved).all()


def test_a_bad_first_step_leaves_the_start(tmp_path):
    with pytest.raises(LossError, match="at step 0"):
        fit(recipe().add("bad", bad_after(0)["value"]), folder=tmp_path)
    assert torch.load(tmp_path / "checkpoint.pt", weights_only=True)["step"] == 0


@pytest.mark.parametrize(
    ("idle", "moved"), [({"critic": 0, "decay": 0}, "generator"), ({"l1": 0, "adversarial": 0, "noise": 0}, "critic")]
)
def test_a_turn_moves_only_its_players_networks(idle, moved):
    kept, watch = snapshots()
    fit(recipe(steps=1).edit(**idle), watch=watch)
    same = lambda n: all(torch.equal(a, b) for a, b in zip(kept[0][n], kept[1][n], strict=True))
    assert {n for n in ("generator", "critic") if not same(n)} == {moved}


def test_networks_that_do_not_move_collect_no_gradients():
    """With both players at work, the critic's gradients come from its own terms alone."""
    seen = []

    def look(trace):
        networks = trace._networks
        seen.append({n: any(p.requires_grad for p in net.parameters()) for n, net in networks.items()})
        return trace.translated.mean() * 0 + trace.score_fake.mean() * 0

    fit(recipe(steps=1).add("look", look))
    fit(recipe(steps=1).add("look", look, player="critic"))
    assert seen == [{"generator": True, "critic": False}, {"generator": False, "critic": True}]


def test_dropping_a_term_changes_no_other_samples():
    """Idle players keep their place in the stream, so an ablation compares runs on the same samples."""
    a = fit(recipe(steps=3).edit(adversarial=0, noise=0))
    b = fit(recipe(steps=3).edit(adversarial=0, noise=0, critic=0, decay=0))
    assert a.history.series["l1"] == b.history.series["l1"]


def test_updates_is_the_number_of_turns():
    r = recipe(steps=2).player("critic", updates=3)
    calls = []
    fit(r.add("count", lambda t: (calls.append(1), t.score_real.mean() * 0)[1], player="critic"))
    assert len(calls) == 6


def test_the_learning_rate_falls_linearly():
    training = recipe(steps=100).configure(decay_from=0.5, decay_to=0.01).training
    assert training.rate(0) == training.rate(50) == 1.0
    assert training.rate(75) == pytest.approx(0.505)
    assert training.rate(99) == pytest.approx(0.01, abs=0.02)


def test_the_optimiser_uses_the_falling_rate(monkeypatch):
    rates = []
    step = torch.optim.Adam.step

    def spy(self, *args, **kwargs):
        rates.append(self.param_groups[0]["lr"])
        return step(self, *args, **kwargs)

    monkeypatch.setattr(torch.optim.Adam, "step", spy)
    r = recipe(steps=4).edit(critic=0, decay=0).configure(decay_from=0.5, decay_to=0.0)
    fit(r)
    assert rates == pytest.approx([1e-2, 1e-2, 1e-2, 0.5e-2])


def test_two_runs_may_not_share_a_folder(tmp_path):
    inner = lambda step, run: fit(recipe(), folder=tmp_path)
    with pytest.raises(CheckpointError, match="another run is writing"):
        fit(recipe(), folder=tmp_path, watch=Watch({0}, inner))


@pytest.mark.parametrize(
    ("options", "message"), [({"device": "tpu"}, "choose auto, cpu"), ({"precision": "8"}, "choose one of")]
)
def test_unknown_devices_and_precisions_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        recipe().fit(Images(), progress=False, **options)


def test_bf16_trains_to_finite_weights():
    run = fit(recipe(steps=3), precision="bf16-mixed")
    assert run.precision == "bf16-mixed" and torch.isfinite(weights(run)).all()


@pytest.mark.parametrize(("known", "chosen"), [(True, "bf16-mixed"), (False, "32-true")])
def test_bf16_is_chosen_where_the_processor_computes_in_it(monkeypatch, known, chosen):
    monkeypatch.setattr(devices, "knows_bf16", lambda device: known and device == "cpu")
    assert fit(recipe(steps=1), precision="auto").precision == chosen


@pytest.mark.parametrize(("capability", "known"), [((7, 5), False), ((8, 0), True), ((9, 0), True)])
def test_cards_before_ampere_only_emulate_bf16(monkeypatch, capability, known):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: capability)
    assert devices.knows_bf16("cuda") is known


def test_clip_bounds_what_a_step_can_do():
    loose = fit(recipe(steps=1).player("generator", clip=1e9))
    free = fit(recipe(steps=1))
    assert torch.equal(weights(loose), weights(free))
    tiny = fit(recipe(steps=1).player("generator", clip=1e-12).player("critic", clip=1e-12))
    start = fit(recipe(steps=1).player("generator", learning_rate=0).player("critic", learning_rate=0))
    assert (weights(tiny) - weights(start)).abs().max() < (weights(free) - weights(start)).abs().max() / 10
