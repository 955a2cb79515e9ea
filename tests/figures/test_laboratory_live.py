"""A training that can be stopped and keeps its best networks, and the widget in front of it."""

from __future__ import annotations

import dataclasses
import re
import threading

import pytest
import torch
from IPython.core.formatters import DisplayFormatter

from medsyn_core.experiments.metrics import METRICS
from medsyn_core.figures import laboratory_live as live
from medsyn_core.figures.laboratory_edits import Bench
from medsyn_core.figures.laboratory_trial import Trial
from medsyn_core.training import LossError, Watch
from tests.experiments import small, small_d2


@pytest.fixture(autouse=True, scope="module")
def quiet(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MEDSYN_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("MEDSYN_PROFILE", "smoke")
        yield


@pytest.fixture
def cohort():
    return small.cohort(None)


@pytest.fixture
def recipe():
    return small.PLAN.row("dual-attention").recipe("smoke").configure(steps=8)


def scored(recipe, monkeypatch, scores):
    """The recipe, whose validation score is the next of `scores` at each look."""
    given = iter(scores)
    rows = lambda self, networks, subset: [{"psnr": next(given)}]
    monkeypatch.setattr(type(recipe.method), "evaluate", rows)
    return recipe


def parts(run):
    return torch.cat([p.detach().reshape(-1) for n in sorted(run.networks) for p in run.networks[n].parameters()])


def after(recipe, cohort, step):
    """The weights that a plain training has before that step."""
    seen = []
    recipe.fit(cohort, 0, progress=False, watch=Watch({step}, lambda _, run: seen.append(parts(run).clone())))
    return seen[0]


def test_it_trains_as_the_recipe_does_and_looks_as_often_as_asked(recipe, cohort):
    trial = Trial(recipe, cohort, looks=3)
    trial.train()
    assert [step for step, _ in trial.scores] == [0, 4, 8]
    plain = recipe.fit(cohort, 0, progress=False)
    assert trial.run.history.series == plain.history.series
    assert trial.metric is METRICS["psnr"]


def test_it_scores_the_first_validation_subjects(recipe, cohort):
    trial = Trial(recipe, cohort, looks=2, subjects=1)
    assert trial.held.numbers == cohort.subset("val").numbers[:1]
    trial.train()
    held = cohort.select(cohort.subset("val").numbers[:1])
    run = recipe.fit(cohort, 0, progress=False)
    (row,) = recipe.method.evaluate(run.networks, held)
    assert trial.scores[-1] == (8, pytest.approx(row["psnr"]))


def test_the_best_networks_are_kept(recipe, cohort, monkeypatch):
    trial = Trial(scored(recipe, monkeypatch, [1.0, 9.0, 5.0]), cohort, looks=3)
    run = trial.train()
    assert trial.best == (4, 9.0) and trial.step == 8
    assert torch.equal(parts(run), after(recipe, cohort, 4))


def test_of_equal_scores_the_first_is_kept(recipe, cohort, monkeypatch):
    trial = Trial(scored(recipe, monkeypatch, [1.0, 5.0, 5.0]), cohort, looks=3)
    run = trial.train()
    assert trial.best == (4, 5.0) and torch.equal(parts(run), after(recipe, cohort, 4))


def stops(calls):
    """A loss term that asks its trial for the end when it is computed for the `calls`-th time, and that trial."""
    count, trials = iter(range(1, 100)), []

    def term(trace):
        if next(count) == calls:
            trials[0].stop()
        return trace.translated.square().mean()

    return term, trials


@pytest.mark.parametrize(("last", "kept"), [(3.0, 3), (0.5, 0)])
def test_a_stop_is_heard_after_the_step_and_scored_once_more(recipe, cohort, monkeypatch, last, kept):
    term, trials = stops(calls=3)
    trial = Trial(scored(recipe, monkeypatch, [1.0, last]).add("asks", term), cohort, looks=2)
    trials.append(trial)
    run = trial.train()
    assert trial.stopped and len(run.history.steps) == 3
    assert trial.scores == [(0, 1.0), (3, last)] and trial.best[0] == kept


def test_a_stop_before_the_training_leaves_fresh_networks(recipe, cohort):
    trial = Trial(recipe, cohort)
    trial.stop()
    run = trial.train()
    assert trial.step == 0 and torch.equal(parts(run), after(recipe, cohort, 0))


def test_what_fails_leaves_the_best_so_far(recipe, cohort, monkeypatch):
    bad = scored(recipe, monkeypatch, [1.0, 2.0, 3.0])
    calls = iter(range(100))
    broken = lambda trace: (trace.translated * (float("nan") if next(calls) >= 5 else 1)).mean()
    trial = Trial(bad.add("broken", broken), cohort, looks=3)
    with pytest.raises(LossError, match="'broken' is nan at step 5"):
        trial.train()
    assert trial.best == (4, 2.0)
    assert torch.isfinite(parts(trial.run)).all()


def test_a_segmenter_is_scored_by_its_mean_dice(monkeypatch):
    rows = [{"dice_wt": 0.5, "dice_tc": 0.4, "dice_et": 0.3}, {"dice_wt": 0.7, "dice_tc": 0.6, "dice_et": 0.5}]
    method = small_d2.PLAN.row("base").recipe("smoke")
    monkeypatch.setattr(type(method.method), "evaluate", lambda self, networks, subset: rows)
    trial = Trial(method, small_d2.balls().divide((5, 2, 2)), looks=2)
    trial.train()
    assert trial.metric is METRICS["dice"] and trial.scores[0] == (0, pytest.approx(50))


def test_a_cohort_without_validation_set_is_refused(recipe):
    with pytest.raises(ValueError, match="has no val set"):
        Trial(recipe, small_d2.balls())


# -- the widget


def trainer(monkeypatch, *benches):
    """The trainer over some benches."""
    known = {bench.plan.paper: bench for bench in benches}
    monkeypatch.setattr(live, "names", lambda: tuple(known))
    monkeypatch.setattr(live, "bench", lambda name, profile="laptop": known[name])
    return live.live()


@pytest.fixture
def lab(monkeypatch):
    """The trainer over two tiny plans."""
    dual = Bench("dual discriminators", small.PLAN, "dual-attention", "smoke")
    return trainer(monkeypatch, dual, Bench("UTAD-Net", small.UTAD, "student-wt", "smoke"))


def trained(lab):
    lab.train.click()
    lab.thread.join()
    return lab.said.value


def line(lab, term):
    return next(box.children for box in lab.terms.children if box.children[0].description == term)


def test_it_begins_with_the_whole_method_s_table(lab):
    whole = small.PLAN.row("dual-attention").recipe("smoke")
    assert [box.children[0].description for box in lab.terms.children] == list(whole.losses)
    assert lab.recipe.config() == whole.config()
    assert lab.stop.disabled and not lab.train.disabled


def test_ticks_and_weights_edit_the_recipe(lab):
    line(lab, "difficult_region")[0].value = False
    line(lab, "synthesis")[0].value = True
    line(lab, "global_adversarial")[1].value = 0.5
    lab.steps.value = 2
    expected = {"difficult_region": 0.0, "synthesis": 1.0, "global_adversarial": 0.5}
    assert lab.recipe.losses == lab.whole.losses.edit(**expected) and lab.recipe.training.steps == 2
    assert line(lab, "difficult_region")[1].disabled and not line(lab, "synthesis")[1].disabled
    trained(lab)
    assert "difficult_region 0, global_adversarial 0.5" in lab.past.value


def test_a_student_is_not_offered_but_its_teacher(lab):
    lab.method.label = "UTAD-Net"
    assert "distillation" not in lab.recipe.losses and "teacher, WT mask" in lab.said.value
    assert trained(lab).startswith('<span role="status">Trained 4 steps. Kept: step')


def test_a_training_shows_its_curves_and_what_it_kept(lab):
    said = trained(lab)
    step, score = lab.trial.best
    assert f"Trained 4 steps. Kept: step {step}, PSNR {score:.2f} dB. Validation subjects: 2; one seed." in said
    shown = re.findall(r'data-term="([^"]*)"', lab.curves.value)
    assert shown[0] == "PSNR on validation subjects"
    assert set(shown[1:]) == {t.name for p in ("generator", "critic") for t in lab.recipe.losses.active(p)}
    assert (lab.bar.value, lab.bar.max) == (4, 4)
    assert lab.past.value == f"<div>dual discriminators, no edit: step {step}, PSNR {score:.2f} dB</div>"
    assert lab.stop.disabled and not lab.train.disabled and not lab.method.disabled


def test_the_stop_button_ends_it_and_keeps_the_best(lab, monkeypatch):
    begun, go_on = threading.Event(), threading.Event()
    tell = lab._tell

    def waiting(recipe, trial):
        tell(recipe, trial)
        if trial.step == 2:
            begun.set()
            go_on.wait(60)

    monkeypatch.setattr(lab, "_tell", waiting)
    lab.steps.value = 500
    lab.train.click()
    assert begun.wait(60)
    assert lab.train.disabled and lab.method.disabled and not lab.stop.disabled
    lab.stop.click()
    go_on.set()
    lab.thread.join()
    assert "Stopped after 2 of 500 steps. Kept: step 0, PSNR" in lab.said.value
    assert torch.equal(parts(lab.trial.run), after(lab.recipe.configure(steps=1), small.cohort(None), 0))


def test_a_stop_before_the_cohort_is_there_is_heard(monkeypatch):
    pressed = threading.Event()

    def slow(size):
        assert pressed.wait(60)
        return small.cohort(size)

    plan = dataclasses.replace(small.PLAN, cohort=slow)
    lab = trainer(monkeypatch, Bench("slow", plan, "dual-attention", "smoke"))
    lab.train.click()
    lab.stop.click()
    pressed.set()
    lab.thread.join()
    assert "Stopped after 0 of 4 steps" in lab.said.value


def test_what_goes_wrong_is_told_where_the_reader_looks(lab):
    line(lab, "gradient_penalty")[1].value = float("nan")
    assert "LossError: the weight of &#x27;gradient_penalty&#x27; must be a finite number" in trained(lab)
    assert not lab.train.disabled and lab.stop.disabled and lab.past.value == ""


def test_a_notebook_shows_it_as_a_widget(lab, monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", shown.append)
    assert DisplayFormatter().format(lab) == ({}, {})  # it has shown itself
    assert shown == [lab.box]
