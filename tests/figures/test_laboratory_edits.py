"""What was recorded of a method, as edits of its loss table."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from medsyn_core.experiments import records
from medsyn_core.experiments.results import ExhibitError
from medsyn_core.figures import laboratory_edits as edits
from tests.experiments import small, small_d2
from tests.figures import laboratory_made as made


@pytest.fixture(autouse=True)
def nothing_recorded(tmp_path, monkeypatch):
    monkeypatch.setenv("MEDSYN_RECORDS", str(tmp_path))
    monkeypatch.setenv("MEDSYN_CACHE", str(tmp_path / "cache"))


def test_weights_and_settings_are_those_of_the_recipes():
    bench = made.bench()
    for edit in bench.edits:
        losses = bench.plan.row(edit.name).recipe("laptop").losses
        assert edit.weights == {name: losses[name].weight for name in losses}
    assert bench.edits[0].name == "dual-attention" and bench.edits[0].settings == ()
    assert bench.edit("fcn").settings == ("generator: unet -> fcn",)
    assert bench.edit("unet").settings == ()


def test_a_term_that_only_one_row_has_weighs_nothing_in_the_others():
    bench = edits.Bench("D²-Net", small_d2.MADE, "full")
    assert list(bench.table)[:9] == list(bench.plan.row("full").recipe("laptop").losses)
    assert bench.edit("full").weights["multi_kd"] == 0 and bench.edit("multi-kd").weights["multi_kd"] == 1


def test_a_player_more_is_said_in_three_words():
    bench = edits.Bench("D²-Net", small_d2.MADE, "full")
    assert bench.edit("gan").settings == ("a player more: critic",)


def test_a_student_says_nothing_of_the_hash_of_its_teacher():
    bench = edits.Bench("UTAD-Net", small.UTAD, "student-wt")
    assert bench.edit("student-tc").settings == ("region: WT -> TC",)
    assert bench.edit("teacher-wt").weights["distillation"] == 0


def test_curves_are_thinned_means_over_seeds():
    made.save(["dual-attention"])
    curves = made.bench().curves(made.bench().edits[0])
    curve = curves["difficult_region"]
    assert "synthesis" not in curves  # off: nothing was computed for it
    assert curve.seeds == 3 and len(curve.mean) == edits.POINTS
    # stretches of 120 falling values, each seed 0.1 above the one before
    assert curve.mean[-1] == pytest.approx(np.mean([made.series(seed)[-2:].mean() for seed in range(3)]), abs=1e-4)
    assert curve.spread == pytest.approx(0.1, rel=1e-3)


def test_effects_are_paired_with_the_whole_and_judged_by_the_rule():
    made.save(["dual-attention", "unet", "dual"], effects={"unet": -2.0})
    bench = made.bench()
    worse = bench.effects(bench.edit("unet"))["psnr"]
    assert worse.difference.mean == pytest.approx(-2, abs=0.1)
    assert (worse.better, worse.worse) == ("no", "yes")
    assert worse.whole.mean - worse.own.mean == pytest.approx(-worse.difference.mean)
    same = bench.effects(bench.edit("dual"))["mae"]
    assert (same.better, same.worse) == ("no", "no")
    assert bench.effects(bench.edits[0])["psnr"].difference is None


def test_what_is_not_recorded_has_no_curves_and_no_effects():
    bench = made.bench()
    assert [edit.seeds for edit in bench.edits] == [()] * len(bench.edits)
    assert bench.curves(bench.edits[0]) == {} and bench.effects(bench.edits[0]) == {}


def test_a_row_without_the_whole_is_shown_alone():
    made.save(["unet"])
    bench = made.bench()
    effect = bench.effects(bench.edit("unet"))["psnr"]
    assert effect.own.seeds == 3 and effect.difference is None


def test_only_seeds_that_both_have_are_compared():
    made.save(["dual-attention"], seeds=[0])
    made.save(["unet"])
    bench = made.bench()
    effect = bench.effects(bench.edit("unet"))["psnr"]
    assert bench.compared(bench.edit("unet")) == (0,) and bench.edit("unet").planned == 3
    assert effect.own.seeds == effect.whole.seeds == 1
    assert (effect.better, effect.worse) == ("not decided", "not decided")


def test_a_record_that_no_longer_fits_is_refused():
    made.save(["dual-attention", "unet"])
    job = next(job for job in made.PLAN.jobs("laptop", ["unet"]) if job.seed == 1)
    records.save(dataclasses.replace(job.load(), config_hash="other"))
    bench = made.bench()
    with pytest.raises(ExhibitError, match="made with config other"):
        bench.effects(bench.edit("unet"))


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match="no bench for 'dual-ct'; there are: dual, utad, hifi, d2"):
        edits.bench("dual-ct")
    with pytest.raises(ValueError, match=r"has no edit 'copy'; its edits are: dual-attention, fcn"):
        made.bench().edit("copy")


@pytest.mark.parametrize("name", edits.names())
def test_each_method_s_whole_is_a_row_of_its_plan(name):
    bench = edits.bench(name)
    assert bench.edits[0].name == bench.whole and len(bench.edits) > 1
