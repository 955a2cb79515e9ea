"""Each check passes what is right and says what is wrong."""

from __future__ import annotations

import pytest
import torch

from medsyn_core.course import checks
from medsyn_core.course.parts import Wrong
from medsyn_core.course.remote import Prop, Student

FUNCTIONS = """
import torch
def squares(x): return x.square().mean()
def picture(x): return x.square()
def constant(x): return torch.tensor(2.0)
def item(x): return x.square().mean().item()
def infinite(x): return (x * 0).log().mean()
def cut(x): return (x * x.detach()).mean()
def blind(x): return (x.detach() * torch.ones(1, requires_grad=True)).sum()
def product(a, b): return (a * b).sum()
def nothing(x): pass
def tiny(x): return (x.square().sum() + 1e-45).log()
def root(x): return x.square().sum().sqrt()
def in_place(x): return x.mul_(2).sum()
def first(x): return x[0]
def difference(a, b): return (a - b).abs().mean()
def negative(a, b): return -(a - b).abs().mean()
def by_name(images, share): return (images * share).sum()
def score(trace, critic, translator): return critic(translator(trace.images)).mean()
def score_cut(trace, critic, translator): return critic(translator(trace.images).detach()).mean()
"""
X = torch.tensor([1.0, -2.0, 3.0])
PROPS = (Prop("trace", images=torch.rand(2, 1, 4, 4)), Prop("critic"), Prop("translator"))


@pytest.fixture(scope="module")
def student():
    with Student(FUNCTIONS) as student:
        yield student


def double(arguments):
    return tuple(2 * a for a in arguments)


def flip(arguments):
    return tuple(a.flip(0) for a in arguments)


@pytest.mark.parametrize(
    "check",
    [
        checks.value("squares", [((X,), 14 / 3), ((2 * X,), 56 / 3)]),
        checks.value("picture", [((X,), [1.0, 4.0, 9.0])]),
        checks.value("by_name", [({"images": X, "share": 0.5}, 1.0)]),
        checks.value("item", [((X,), 14 / 3)]),
        checks.scalar("squares", (X,)),
        checks.gradient("squares", (X,)),
        checks.gradient("picture", (X,)),
        checks.gradient("by_name", {"images": X, "share": 0.5}, to=("images",)),
        checks.gradient("score", PROPS, to=("0.images",)),
        checks.gradient("score_cut", PROPS, to=(), not_to=("0.images",)),
        checks.reaches("score", PROPS, moved=("critic", "translator")),
        checks.reaches("score_cut", PROPS, moved=("critic",), still=("translator",)),
        checks.zero_at("difference", (X, X)),
        checks.positive("difference", [(X, 2 * X), (X, -X)]),
        checks.scales("squares", (X,), double, 4, "all is doubled"),
        checks.same_under("squares", (X,), flip, "the order is turned round"),
        checks.finite_in("squares", (X,)),
        checks.unchanged("squares", (X,)),
        checks.every(checks.scalar("squares", (X,)), checks.unchanged("squares", (X,))),
    ],
)
def test_what_is_right_passes(student, check):
    check(student)


@pytest.mark.parametrize(
    ("check", "word"),
    [
        (
            checks.value("squares", [((X,), 14 / 3), ((X,), 5)]),
            r"example 2 of 2, squares\(\[.*\]\), 5 was expected, 4.66667 came back",
        ),
        (checks.value("picture", [((X,), 14 / 3)]), r"shape \(\) was expected, \(3,\) came back"),
        (checks.value("nothing", [((X,), 1.0)]), "is a return missing"),
        (checks.scalar("picture", (X,)), "is a mean missing"),
        (checks.scalar("item", (X,)), "no graph"),
        (checks.scalar("constant", (X,)), "no graph"),
        (checks.scalar("infinite", (X,)), "finite number was expected, -inf"),
        (checks.gradient("cut", (X,)), "argument 1 the value changes by .* backward says"),
        (checks.gradient("nothing", (X,)), "is a return missing"),
        (checks.gradient("blind", (X,)), "no gradient reaches argument 1"),
        (
            checks.gradient("product", (X, X), to=("0",), not_to=("1",)),
            "reaches argument 2, which should be a constant",
        ),
        (checks.gradient("score_cut", PROPS, to=("0.images",)), "no gradient reaches `images` of argument 1"),
        (checks.reaches("score_cut", PROPS, moved=("translator",)), "no gradient reaches the translator"),
        (checks.reaches("score", PROPS, still=("critic",)), "the critic receives a gradient"),
        (checks.zero_at("difference", (X, 2 * X)), "0 was expected"),
        (checks.positive("negative", [(X, 2 * X)]), "is a sign turned round"),
        (checks.scales("squares", (X,), double, 2, "all is doubled"), "when all is doubled.* 2 times as large"),
        (checks.same_under("first", (X,), flip, "turned"), "when turned, the value should stay; it goes from 1 to 3"),
        (checks.finite_in("tiny", (0 * X,)), "in bfloat16 the value is -inf"),
        (checks.finite_in("root", (0 * X,), "float32"), "gradient to argument 1 is not finite"),
        (checks.unchanged("in_place", (X,)), "argument 1 is changed in place"),
        (checks.every(checks.scalar("squares", (X,)), checks.scalar("item", (X,))), "no graph"),
    ],
)
def test_what_is_wrong_is_said(student, check, word):
    with pytest.raises(Wrong, match=word):
        check(student)


def test_a_tensor_within_arguments_is_replaced_and_nothing_else():
    inner = Prop("trace", called="one", images=X, parts=[X, {"a": X}])
    new = checks._with((inner, 3), "0.parts.1.a", 2 * X)
    assert torch.equal(checks._at(new, "0.parts.1.a"), 2 * X) and torch.equal(checks._at(new, "0.parts.0"), X)
    assert torch.equal(inner.settings["parts"][1]["a"], X) and new[0].called == "one" and new[1] == 3
