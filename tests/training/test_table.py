"""Loss tables and recipes: edits make new values, mistakes are refused with the names that exist."""

import math
from functools import partial

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from medsyn_core.training import LossError, LossTable, LossTerm, Recipe, TraceError
from tests.training.toy import TERMS, Images, Toy, recipe


def test_edit_leaves_the_old_recipe_unchanged():
    old = recipe()
    new = old.edit(l1=0.5)
    assert (old.losses["l1"].weight, new.losses["l1"].weight) == (1.0, 0.5)
    assert old.config_hash != new.config_hash == recipe().edit(l1=0.5).config_hash


def test_a_students_term_in_one_line():
    r = recipe(steps=2).add("squared", lambda t: (t.translated - t.target).square().mean(), weight=5.0)
    run = r.fit(Images(), progress=False, device="cpu")
    assert run.losses.rows()[-1]["last value"] > 0
    assert "squared" in repr(run.losses) and "<td>squared</td>" in run.losses._repr_html_()


@pytest.mark.parametrize("weight", ["1", None, True, math.nan, math.inf, 1j, [1]])
def test_a_weight_that_is_no_number_is_refused(weight):
    with pytest.raises(LossError, match=r"weight of 'l1' must be a finite number"):
        recipe().edit(l1=weight)


def test_unknown_terms_settings_and_players_are_refused_with_the_names_that_exist():
    with pytest.raises(LossError, match=r"unknown loss term 'l3'; the terms are: l1, adversarial"):
        recipe().edit(l3=1)
    with pytest.raises(ValueError, match=r"unknown setting 'widht'; .*width"):
        recipe().configure(widht=3)
    with pytest.raises(ValueError, match=r"unknown player 'judge'; the players are: critic, generator"):
        recipe().player("judge", updates=2)
    with pytest.raises(ValueError, match=r"unknown player setting 'lr'; .*learning_rate"):
        recipe().player("critic", lr=2)
    with pytest.raises(LossError, match=r"belongs to 'judge'; the players are"):
        recipe().add("mine", lambda t: t.target.mean(), player="judge")
    with pytest.raises(LossError, match=r"use edit\(l1=…\)"):
        recipe().add("l1", lambda t: t.target.mean())


@pytest.mark.parametrize(
    ("fn", "message"),
    [
        (lambda t: t.translated, r"must return a scalar tensor, but returned a tensor of shape \(4, 1, 8, 8\)"),
        (lambda t: 3.0, r"must return a scalar tensor, but returned 3\.0"),
        (lambda t: None, r"must return a scalar tensor, but returned None"),
        (lambda t: t.translated.mean() / 0, r"'mine' is (nan|inf|-inf) at step 0"),
    ],
)
def test_a_term_that_returns_no_finite_scalar_is_refused(fn, message):
    with pytest.raises(LossError, match=message):
        recipe().add("mine", fn).fit(Images(), progress=False, device="cpu")


def test_an_unknown_entry_names_those_that_exist_and_the_term_that_asked():
    with pytest.raises(TraceError, match=r"no 'translatd'; it has: source, target, noise, translated") as caught:
        recipe().add("mine", lambda t: t.translatd.mean()).fit(Images(), progress=False, device="cpu")
    assert "'mine'" in caught.value.__notes__[0]


def test_a_term_of_weight_zero_computes_nothing():
    def explode(trace):
        raise AssertionError("computed")

    recipe(steps=1).add("idle", explode, weight=0).fit(Images(), progress=False, device="cpu")


def test_a_trace_computes_each_entry_once_and_prints_itself():
    images = Images()
    trace = Toy().trace(Toy().networks(images.batch([0])), {**images.batch([0, 1]), "noise": torch.zeros(2, 1, 1, 1)})
    assert "not read yet" in repr(trace)
    assert trace.translated is trace.translated
    assert "(2, 1, 8, 8) float32" in repr(trace)


def test_an_attribute_error_inside_an_entry_is_not_taken_for_a_missing_entry():
    images = Images()
    trace = Toy().trace({}, images.batch([0]))
    trace._networks = None
    with pytest.raises(TypeError):
        _ = trace.translated
    trace._networks = {"generator": lambda x: x.no_such_method()}
    with pytest.raises(RuntimeError, match="computing 'translated'"):
        _ = trace.translated


@given(st.lists(st.floats(-10, 10), min_size=1, max_size=6), st.floats(-3, 3))
def test_the_total_is_linear_in_the_weights(values, factor):
    terms = tuple(LossTerm(f"t{i}", lambda t: t, 1.0) for i in range(len(values)))
    parts = {f"t{i}": torch.tensor(v, dtype=torch.float64) for i, v in enumerate(values)}
    table = LossTable(terms)
    scaled = table.edit(**{name: factor for name in table})
    assert float(scaled.total(parts)) == pytest.approx(factor * sum(values), abs=1e-6)


def times(factor):
    return lambda t: factor * t.target.mean()


def scaled(t, factor):
    return factor * t.target.mean()


@pytest.mark.parametrize(
    ("one", "two"),
    [
        (lambda t: t.target.mean(), lambda t: t.target.sum()),
        (lambda t: 1.0 * t.target.mean(), lambda t: 2.0 * t.target.mean()),
        (times(0.0), times(9.0)),
        (partial(scaled, factor=0.0), partial(scaled, factor=9.0)),
        (lambda t, a=1: a * t.target.mean(), lambda t, a=2: a * t.target.mean()),
        (partial(TERMS[0].fn), TERMS[0].fn),
    ],
    ids=["code", "constants", "closure", "partial", "defaults", "wrapped"],
)
def test_functions_from_outside_are_told_apart(one, two):
    hash_of = lambda fn: recipe().add("mine", fn).config_hash
    assert hash_of(one) == hash_of(one) != hash_of(two)


def test_what_cannot_train_is_refused():
    off = dict.fromkeys(recipe().losses, 0)
    fit = lambda r: r.fit(Images(), progress=False, device="cpu")
    with pytest.raises(LossError, match="nothing to train"):
        fit(recipe().edit(**off))
    with pytest.raises(LossError, match=r"terms of the generator \(mine\) depend on none of its networks"):
        fit(recipe().edit(**off).add("mine", lambda t: t.target.mean()))
    for name in ("steps", "batch_size"):
        for value in (0, -3, 1.5, True):
            with pytest.raises(ValueError, match=f"{name} must be a whole number"):
                recipe().configure(**{name: value})
    with pytest.raises(ValueError, match="decay_from is a fraction"):
        recipe().configure(decay_from=2)
    with pytest.raises(ValueError, match="terms for critic, but no such player moves"):
        Recipe(Toy(), recipe().losses, recipe().players[1:], recipe().training)
