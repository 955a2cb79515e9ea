"""The loop: it learns, it is deterministic, it resumes to the bit, and it stops at the first bad number."""

import pytest
import torch

from medsyn_core.training import LossError, Watch
from medsyn_core.training.checkpoint import CheckpointError
from tests.training.toy import Images, recipe, weights


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
    whole = fit(recipe(steps=6))

    class Stop(Exception):
        pass

    def stop(step, run):
        raise Stop

    with pytest.raises(Stop):
        fit(recipe(steps=6), folder=tmp_path, checkpoint_every=2, watch=Watch({5}, stop))
    seen = []
    resumed = fit(recipe(steps=6), folder=tmp_path, watch=Watch(range(7), lambda step, run: seen.append(step)))
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


def test_a_damaged_checkpoint_is_named(tmp_path):
    (tmp_path / "checkpoint.pt").write_bytes(b"no archive")
    with pytest.raises(CheckpointError, match=r"checkpoint\.pt cannot be read"):
        fit(recipe(), folder=tmp_path)


def test_nan_stops_the_run_and_keeps_the_last_good_state(tmp_path):
    calls = []

    def turns_bad(trace):
        calls.append(1)
        return trace.translated.mean() * (float("nan") if len(calls) > 3 else 0.0)

    with pytest.raises(LossError, match=r"'bad' is nan at step 3"):
        fit(recipe().add("bad", turns_bad), folder=tmp_path)
    state = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    assert state["step"] == 3
    assert all(torch.isfinite(v).all() for network in state["networks"].values() for v in network.values())


def test_a_term_moves_only_its_players_networks():
    run = {}

    def keep(step, r):
        run[step] = {n: [p.detach().clone() for p in net.parameters()] for n, net in r.networks.items()}

    fit(recipe(steps=1).edit(critic=0, decay=0), watch=Watch({0, 1}, keep))
    same = lambda n: all(torch.equal(a, b) for a, b in zip(run[0][n], run[1][n], strict=True))
    assert same("critic") and not same("generator")


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


def test_clip_bounds_what_a_step_can_do():
    loose = fit(recipe(steps=1).player("generator", clip=1e9))
    free = fit(recipe(steps=1))
    assert torch.equal(weights(loose), weights(free))
    tiny = fit(recipe(steps=1).player("generator", clip=1e-12).player("critic", clip=1e-12))
    start = fit(recipe(steps=1).player("generator", learning_rate=0).player("critic", learning_rate=0))
    assert (weights(tiny) - weights(start)).abs().max() < (weights(free) - weights(start)).abs().max() / 10
