"""The dual-discriminator network: who learns from what, its baselines as edits, and a student's five lines."""

import pytest
import torch

from medsyn_core.losses import adversarial, synthesis
from medsyn_core.methods import dual_d
from medsyn_core.training import LossError


class Pairs:
    """Random pairs in the shape of a paired view."""

    identity = "pairs"

    def __init__(self, count=8, px=16):
        g = torch.Generator().manual_seed(0)
        self.images = torch.rand(count, 2, 1, px, px, generator=g)

    def __len__(self):
        return len(self.images)

    def subset(self, name):
        return self

    def batch(self, indices):
        source, target = self.images[list(indices)].unbind(1)
        seg = torch.zeros(len(source), *source.shape[-2:], dtype=torch.int64)
        seg[:, :4, :4] = 1
        subject = torch.arange(len(source)) % 2
        return {"source": source, "target": target, "brain": torch.ones_like(source), "seg": seg, "subject": subject}


@pytest.fixture
def pairs(monkeypatch):
    monkeypatch.setattr(dual_d.DualD, "view", lambda self, subset: subset)
    return Pairs()


@pytest.fixture
def small():
    return dual_d.recipe("smoke").configure(steps=2, batch_size=4)


def trace_of(recipe, pairs, trained):
    """One step's trace with only the networks in `trained` collecting gradients."""
    torch.manual_seed(0)
    batch = pairs.batch(range(4)) | recipe.method.draws(4, torch.Generator().manual_seed(1))
    networks = recipe.method.networks(batch)
    for name, network in networks.items():
        network.requires_grad_(name in trained)
    return networks, recipe.method.trace(networks, batch)


def test_dual_7(pairs, small):
    """The generator's total of the table is L_AttG + lambda_1 L_ADV1 + lambda_2 L_ADV2, in value and in gradient."""
    networks, trace = trace_of(small, pairs, {"generator"})
    total = small.losses.total(small.losses.parts(trace, "generator"))

    error = (trace.target - networks["generator"](trace.source)).abs()
    fake = networks["generator"](trace.source)
    confidence = 1 / (1 + torch.exp(-networks["local_discriminator"](fake)))
    attended = ((1 - confidence.detach()) ** 2 * error).mean()
    by_hand = attended - 0.005 * networks["global_critic"](fake).mean() - 0.005 * torch.log(confidence).mean()

    torch.testing.assert_close(total, by_hand, atol=1e-5, rtol=1e-5)
    weights = list(networks["generator"].parameters())
    ours, theirs = torch.autograd.grad(total, weights), torch.autograd.grad(by_hand, weights)
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-3)


def test_the_critics_total_is_dual_2_plus_dual_4(pairs, small):
    networks, trace = trace_of(small, pairs, {"global_critic", "local_discriminator"})
    total = small.losses.total(small.losses.parts(trace, "critic"))
    expected = adversarial.wasserstein_critic_gp(
        trace.global_score_fake, trace.global_score_real, trace.global_gradient
    ) + adversarial.dense_discriminator(trace.local_logits_real, trace.local_logits_fake)
    torch.testing.assert_close(total, expected)
    total.backward()
    assert all(p.grad is None for p in networks["generator"].parameters()), (
        "the critics' turn must not move the generator"
    )
    assert all(p.grad is not None for p in networks["global_critic"].features.parameters())


def test_the_attention_map_carries_no_gradient(pairs, small):
    _, trace = trace_of(small, pairs, {"generator"})
    assert not trace.confidence.requires_grad and trace.local_logits_fake.requires_grad
    assert trace.confidence.shape == trace.target.shape
    assert ((trace.confidence >= 0) & (trace.confidence <= 1)).all()


@pytest.mark.parametrize("name", [t.name for t in dual_d.LOSSES.terms])
def test_every_term_moves_its_player_and_nobody_else(pairs, small, name):
    term = small.losses[name]
    moving = {"generator": {"generator"}, "critic": {"global_critic", "local_discriminator"}}[term.player]
    networks, trace = trace_of(small, pairs, moving)
    term(trace).backward()
    moved = {n for n, net in networks.items() if any(p.grad is not None and p.grad.any() for p in net.parameters())}
    assert moved and moved <= moving


def test_baselines_are_edits_and_build_nothing_they_do_not_read(pairs, small):
    plain = small.edit(**dual_d.WITHOUT_ATTENTION, **dual_d.WITHOUT_GLOBAL, **dual_d.WITHOUT_LOCAL)
    _, trace = trace_of(plain, pairs, {"generator"})
    parts = plain.losses.parts(trace, "generator")
    assert list(parts) == ["synthesis"]
    torch.testing.assert_close(parts["synthesis"], synthesis.synthesis(trace.translated, trace.target))
    assert "global_score_fake" not in vars(trace) and "local_logits_fake" not in vars(trace)
    assert not plain.losses.active("critic")
    assert plain.configure(generator="fcn").method.networks(pairs.batch([0]))["generator"].__class__.__name__ == "FCN"


def test_beta_and_p_are_settings(pairs, small):
    value = lambda r: r.losses["difficult_region"](trace_of(r, pairs, {"generator"})[1])
    _, trace = trace_of(small, pairs, {"generator"})
    expected = synthesis.difficult_region(trace.translated, trace.target, trace.confidence, beta=0.5, p=2)
    torch.testing.assert_close(value(small.configure(beta=0.5, p=2)), expected)


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_it_trains_in_both_precisions(pairs, small, precision):
    run = small.fit(pairs, progress=False, device="cpu", precision=precision)
    assert len(run.history.steps) == 2
    assert {row["subject"] for row in run.metrics} == {0, 1}
    assert run.translate(pairs.batch([0, 1, 2])["source"], batch_size=2).shape == (3, 1, 16, 16)


def test_a_students_edit_in_five_lines(pairs, small):
    def edges(trace):
        steep = lambda x: x.diff(dim=-1).abs()
        return (steep(trace.translated) - steep(trace.target)).abs().mean()

    mine = small.edit(local_adversarial=0).add("edges", edges, weight=5.0, player="generator")
    run = mine.fit(pairs, progress=False, device="cpu")
    assert run.history.series["edges"][0] > 0 and "local_adversarial" not in run.history.series
    assert small.losses["local_adversarial"].weight == 0.005


def test_a_students_mistakes_are_refused(pairs, small):
    with pytest.raises(LossError, match="the terms are: synthesis, difficult_region"):
        small.edit(local_adversarail=0)
    with pytest.raises(LossError, match=r"'broken' is nan at step 0"):
        small.add("broken", lambda t: t.translated.mean() * float("nan")).fit(pairs, progress=False, device="cpu")
    with pytest.raises(ValueError, match="choose one of: unet, fcn"):
        small.configure(generator="unte")
    with pytest.raises(ValueError, match="beta not negative"):
        small.configure(beta=-1)


def test_profiles_change_sizes_and_nothing_else():
    configs = [dual_d.recipe(name).config() for name in ("smoke", "laptop", "gpu")]
    for config in configs:
        for size in ("width", "critic_width", "levels"):
            config["method"].pop(size)
        config["training"] = {k: v for k, v in config["training"].items() if k not in ("steps", "batch_size")}
    assert configs[0] == configs[1] == configs[2]
