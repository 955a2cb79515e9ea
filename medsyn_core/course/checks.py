"""Checks that assignments share. Each returns a function of a Student that raises Wrong with a word for the student.

`arguments` is a tuple, or a dict where the function takes keywords. A path names a tensor among them as `Answer` does:
"0", "mask", "0.images" for a tensor within a prop, a list or a dict. The names of Python are for the author of a check;
a student reads "argument 1".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from medsyn_core.course.parts import NOTHING, Wrong
from medsyn_core.course.props import Prop
from medsyn_core.course.remote import Answer, Student

Arguments = tuple | Mapping[str, Any]
Check = Callable[[Student], None]
STEPS = ((1e-5, 1e-4), (1e-3, 5e-3))
"""Steps of differences and what they may be off; the second is for code that computes in float32, whatever it gets."""
DIRECTIONS = 4
SHORT = 8  # numbers of an argument that a word may repeat


def every(*checks: Check) -> Check:
    """All of these, in order; the first that fails says why."""

    def check(student: Student) -> None:
        for one in checks:
            one(student)

    return check


def ask(student: Student, function: str, arguments: Arguments, **how: Any) -> Answer:
    """Call a student's function with a tuple of arguments or a dict of keywords; how: as `Student.call` takes it."""
    if isinstance(arguments, Mapping):
        return student.call(function, **arguments, **how)
    return student.call(function, *arguments, **how)


def tensor(answer: Answer) -> Tensor:
    """The tensor that came back (a number counts as one). Raises Wrong for anything else."""
    if answer.value is None:
        raise Wrong(NOTHING)
    if isinstance(answer.value, bool) or not isinstance(answer.value, Tensor | int | float):
        raise Wrong(f"a tensor was expected, a {type(answer.value).__name__} came back")
    return torch.as_tensor(answer.value)


def number(answer: Answer) -> float:
    """The scalar that came back. Raises Wrong where it is no finite 0-dimensional tensor or number."""
    got = tensor(answer)
    if got.ndim:
        raise Wrong(f"a scalar was expected, a tensor of shape {tuple(got.shape)} came back: is a mean missing?")
    if not torch.isfinite(got):
        raise Wrong(f"a finite number was expected, {got.item()} came back")
    return float(got)


def value(function: str, cases: Sequence[tuple[Arguments, Any]], atol: float = 1e-6) -> Check:
    """Right values on tiny inputs. cases: (arguments, expected), expected a number, nested lists or a tensor; atol: how
    far a float32 result may be off, plus 1e-5 of the expected value."""

    def check(student: Student) -> None:
        for k, (arguments, expected) in enumerate(cases, start=1):
            wanted = torch.as_tensor(expected, dtype=torch.float64)
            got = tensor(ask(student, function, arguments)).double()
            where = f"on example {k} of {len(cases)},{_called(function, arguments)}"
            if got.shape != wanted.shape:
                raise Wrong(f"{where} the shape {tuple(wanted.shape)} was expected, {tuple(got.shape)} came back")
            if not torch.allclose(got, wanted, rtol=1e-5, atol=atol):
                raise Wrong(f"{where} {_shown(wanted)} was expected, {_shown(got)} came back")

    return check


def scalar(function: str, arguments: Arguments) -> Check:
    """One finite number, with a graph behind it."""

    def check(student: Student) -> None:
        answer = ask(student, function, arguments, gradient=True)
        number(answer)
        if not answer.differentiable:
            raise Wrong("the value has no graph behind it, so it trains nothing: .item(), no_grad, a detach too many?")

    return check


def gradient(function: str, arguments: Arguments, to: Sequence[str] = ("0",), not_to: Sequence[str] = ()) -> Check:
    """`backward` agrees with central differences of the student's own values, in float64, for the inputs at the paths
    `to`; those at `not_to` get no gradient."""

    def check(student: Student) -> None:
        answer = ask(student, function, arguments, gradient=True, dtype="float64")
        tensor(answer)  # where nothing came back, no slope is to blame
        for path in not_to:
            got = answer.gradients[path]
            if got is not None and got.abs().max() > 0:
                raise Wrong(f"a gradient reaches {_named(path)}, which should be a constant here: detach it")
        for path in to:
            got = answer.gradients[path]
            if got is None:
                raise Wrong(f"no gradient reaches {_named(path)}: something on the way is detached, or made a number")
            _compare(student, function, arguments, path, got)

    return check


def _compare(student: Student, function: str, arguments: Arguments, path: str, got: Tensor) -> None:
    """Derivatives along a few random directions: backward's against central differences."""
    at = _at(arguments, path).double()
    draws = torch.Generator().manual_seed(0)
    for _ in range(DIRECTIONS):
        way = torch.randn(at.shape, generator=draws, dtype=torch.float64)
        analytic, numeric = (got.double() * way).sum().item(), []
        for step, close in STEPS:
            ends = [_with(arguments, path, at + sign * step * way) for sign in (1, -1)]
            up, down = (tensor(ask(student, function, end, dtype="float64")).double().sum() for end in ends)
            numeric.append((up - down).item() / (2 * step))
            if abs(numeric[-1] - analytic) <= close * (0.01 + max(abs(numeric[-1]), abs(analytic))):
                break
        else:
            raise Wrong(
                f"along a direction of {_named(path)} the value changes by {numeric[0]:.5g}, "
                f"but backward says {analytic:.5g}: a part of the gradient is lost on the way, or added"
            )


def reaches(function: str, arguments: Arguments, moved: Sequence[str] = (), still: Sequence[str] = ()) -> Check:
    """Gradients reach the parameters of the networks `moved`, and none those of `still` (names of `Prop.called`)."""

    def check(student: Student) -> None:
        answer = ask(student, function, arguments, gradient=True)
        for name in moved:
            if not answer.moved[name]:
                raise Wrong(f"no gradient reaches the {name}, so this term cannot train it")
        for name in still:
            if answer.moved[name]:
                raise Wrong(f"the {name} receives a gradient; this term must leave it alone")

    return check


def zero_at(function: str, arguments: Arguments, atol: float = 1e-6) -> Check:
    """The value is zero here."""

    def check(student: Student) -> None:
        got = number(ask(student, function, arguments))
        if abs(got) > atol:
            raise Wrong(f"0 was expected where there is nothing to complain of, {got:.6g} came back")

    return check


def positive(function: str, cases: Sequence[Arguments]) -> Check:
    """The value is above zero in each of these."""

    def check(student: Student) -> None:
        for arguments in cases:
            if (got := number(ask(student, function, arguments))) <= 0:
                raise Wrong(f"a value above 0 was expected, {got:.6g} came back: is a sign turned round?")

    return check


def scales(
    function: str, arguments: Arguments, transform: Callable[[Any], Arguments], factor: float, title: str
) -> Check:
    """The value is multiplied by `factor` when the arguments go through `transform`; title: what that does, in words
    that can follow "when" ("all features are doubled")."""

    def check(student: Student) -> None:
        before, after = (tensor(ask(student, function, a)).double() for a in (arguments, transform(arguments)))
        if before.shape != after.shape or not torch.allclose(after, factor * before, rtol=1e-4, atol=1e-6):
            wanted = "the value should stay" if factor == 1 else f"the value should become {factor:g} times as large"
            raise Wrong(f"when {title}, {wanted}; it goes from {_shown(before)} to {_shown(after)}")

    return check


def same_under(function: str, arguments: Arguments, transform: Callable[[Any], Arguments], title: str) -> Check:
    """The value stays when the arguments go through `transform`; title: as for `scales`."""
    return scales(function, arguments, transform, 1, title)


def finite_in(function: str, arguments: Arguments, dtype: str = "bfloat16") -> Check:
    """The value and every gradient are finite in a shorter float."""

    def check(student: Student) -> None:
        answer = ask(student, function, arguments, gradient=True, dtype=dtype)
        if not tensor(answer).isfinite().all():
            raise Wrong(
                f"in {dtype} the value is {_shown(tensor(answer))}: a small number is divided by, or its log taken"
            )
        for path, got in answer.gradients.items():
            if got is not None and not got.isfinite().all():
                raise Wrong(f"in {dtype} the gradient to {_named(path)} is not finite")

    return check


def unchanged(function: str, arguments: Arguments) -> Check:
    """The function leaves its inputs as they were."""

    def check(student: Student) -> None:
        if changed := ask(student, function, arguments).inputs_changed:
            raise Wrong(f"{_named(changed[0])} is changed in place; others still need it: make a new tensor")

    return check


def _at(arguments: Any, path: str) -> Any:
    """The tensor at a path."""
    for step in path.split("."):
        inner = arguments.settings if isinstance(arguments, Prop) else arguments
        arguments = inner[step] if isinstance(inner, Mapping) else inner[int(step)]
    return arguments


def _with(arguments: Any, path: str, new: Tensor) -> Any:
    """The same arguments with another tensor at a path."""
    step, _, rest = path.partition(".")
    if isinstance(arguments, Prop):
        inner = _with(arguments.settings, path, new)
        return Prop(arguments.name, called=arguments.called, **inner)
    if isinstance(arguments, Mapping):
        return {**arguments, step: _with(arguments[step], rest, new) if rest else new}
    k = int(step)
    return type(arguments)([*arguments[:k], _with(arguments[k], rest, new) if rest else new, *arguments[k + 1 :]])


def _named(path: str) -> str:
    """A path as a student reads it."""
    first, *rest = path.split(".")
    head = f"argument {int(first) + 1}" if first.isdecimal() else f"`{first}`"
    return f"`{rest[-1]}` of {head}" if rest else head


def _called(function: str, arguments: Arguments) -> str:
    """A call as a student could type it, with a comma behind it; nothing where its arguments are too long to read."""
    values = list(arguments.values() if isinstance(arguments, Mapping) else arguments)
    if not values or not all(
        isinstance(x, Tensor | int | float) and torch.as_tensor(x).numel() <= SHORT for x in values
    ):
        return ""
    return f" {function}({', '.join(_typed(torch.as_tensor(x).tolist()) for x in values)}),"


def _typed(got: Any) -> str:
    """A number, or nested lists of them, each as short as it can be written."""
    return f"[{', '.join(map(_typed, got))}]" if isinstance(got, list) else f"{got:.6g}"


def _shown(got: Tensor) -> str:
    """A tensor in a few words."""
    if got.numel() == 1:
        return f"{got.item():.6g}"
    return str([round(x, 5) for x in got.flatten()[:6].tolist()]) + (" …" if got.numel() > 6 else "")
