"""The world of one pixel does what the theory says."""

import pytest
import torch

from medsyn_core.experiments import one_pixel
from medsyn_core.experiments.one_pixel import GAMES


def test_a_sure_probability_pushes_nobody_and_a_penalised_score_does():
    pushes = {name: one_pixel.push(one_pixel.judge(game, 100), game) for name, game in GAMES.items()}
    assert abs(pushes["log, as printed"]) < 0.02
    assert pushes["score, free"] > 20
    assert pushes["score, with penalty"] == pytest.approx(1 + 4 / 20, abs=0.1)  # 1 + W / (2 lambda)


def test_a_judge_depends_on_its_seed_alone():
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first, second = (one_pixel.judge(GAMES["score, with penalty"], 3) for _ in range(2))
    assert torch.equal(first[0].weight, second[0].weight)
    assert torch.equal(torch.get_rng_state(), before)


def test_the_distance_of_shifted_samples_is_the_shift():
    x = torch.tensor([3.0, 1.0, 2.0])
    assert float(one_pixel.distance(x, x.flip(0) + 0.5)) == pytest.approx(0.5)


def test_a_cycle_takes_a_mirror_image_for_the_truth():
    generator = torch.Generator().manual_seed(0)
    x, y = torch.rand(2, 300, generator=generator)
    good, bad = (one_pixel.two_lines(a, x, 1 - y, lambda x: 1 - x) for a in (-0.3, 0.3))
    assert good["slope"] == pytest.approx(-1, abs=0.1) and good["error"] < 0.1
    assert bad["slope"] == pytest.approx(1, abs=0.1) and bad["error"] > 0.4
    assert bad["cycle"] < 0.05 and abs(bad["distances"] - good["distances"]) < 0.05
