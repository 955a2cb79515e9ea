"""D²-Net with a critic of the reconstructions, the paper's table V."""

import pytest
import torch

from medsyn_core.experiments.d2_adversarial import Adversarial, critic, penalty, realism
from tests.experiments import small_d2


def trace_of(present=((1, 1, 1, 1), (1, 0, 1, 0)), blank=False):
    """A step on two blocks; the second lacks two modalities, and the lower half of the first shows nothing."""
    torch.manual_seed(0)
    method = small_d2.PLAN.row("gan").recipe("laptop").method
    there = torch.tensor(present, dtype=torch.float32)
    batch = {
        "images": torch.randn(2, 4, 16, 16, 16) * there[:, :, None, None, None] * (not blank),
        "present": there,
        "seg": torch.zeros(2, 16, 16, 16, dtype=torch.int64),
        "subject": torch.arange(2),
    }
    batch["images"][0, :, :8] = 0
    networks = method.networks({})
    draws = method.draws(2, torch.Generator().manual_seed(0)) | {"stay": torch.ones(2, 4)}  # nothing is dropped
    return networks, method.trace(networks, batch | draws)


def by_loops(trace, score):
    """The mean of score(sample, modality, slice) over the slices that show something."""
    found = [
        score(b, m, g)
        for b in range(2)
        for m in range(4)
        for g in range(16)
        if trace.present[b, m] and trace.images[b, :, g].any()
    ]
    assert len(found) == 4 * 8 + 2 * 16
    return sum(found) / len(found)


def scorer(networks, volumes):
    score = lambda b, m, g: networks["critic"](volumes[b, m, g][None, None], torch.tensor([m]))[0].item()
    return lambda b, m, g: score(b, m, g)


def test_terms_are_means_over_slices_that_show_something_each_scored_as_its_modality():
    networks, trace = trace_of()
    real = by_loops(trace, scorer(networks, trace.images))
    made = by_loops(trace, scorer(networks, trace.reconstructed.detach()))
    assert critic(trace).item() == pytest.approx(made - real, rel=1e-4)
    assert realism(trace).item() == pytest.approx(-made, rel=1e-4)


def test_the_penalty_is_taken_between_real_and_made():
    networks, trace = trace_of()

    def off(b, m, g):
        share = trace.mix[b, m, g]
        between = share * trace.images[b, m, g] + (1 - share) * trace.reconstructed[b, m, g].detach()
        between.requires_grad_()
        score = networks["critic"](between[None, None], torch.tensor([m]))[0].sum()
        return (torch.autograd.grad(score, between)[0].norm().item() - 1) ** 2

    assert penalty(trace).item() == pytest.approx(by_loops(trace, off), rel=1e-3)


def test_realism_teaches_who_reconstructs():
    networks, trace = trace_of()
    realism(trace).backward()
    learns = {name for name, net in networks.items() if any(p.grad is not None for p in net.parameters())}
    assert learns == {"tumour_encoder", "modality_encoder", "reconstruction", "critic"}  # the engine freezes the last


def test_background_alone_makes_neither_nan_nor_avalanche():
    networks, trace = trace_of(blank=True)
    total = critic(trace) + penalty(trace) + realism(trace)
    total.backward()
    assert total.item() == 0
    assert all(p.grad.isfinite().all() for n in networks.values() for p in n.parameters() if p.grad is not None)


def test_it_trains_and_is_used_without_its_critic():
    recipe = small_d2.PLAN.row("gan").recipe("laptop")
    assert isinstance(recipe.method, Adversarial)
    run = recipe.fit(small_d2.balls(), device="cpu", progress=False)
    assert {"critic", "gradient_penalty", "realism"} <= set(run.losses.values)
    assert "critic" not in run.model.networks and {row["direction"] for row in run.metrics} >= {
        "t1",
        "t1+t1ce+t2+flair",
    }
