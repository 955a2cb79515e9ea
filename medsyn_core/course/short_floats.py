"""A check of what halved digits do to a value."""

from __future__ import annotations

from typing import Any

from medsyn_core.course.checks import Check, ask, number
from medsyn_core.course.parts import Wrong
from medsyn_core.course.remote import Student


def alike_in(dtype: str, function: str, arguments: tuple[Any, ...], within: float) -> Check:
    """The value in a shorter float is the value in float32, up to the part `within`.

    arguments: tensors whose numbers `dtype` holds exactly, so that whatever differs is the function's own rounding.
    """

    def check(student: Student) -> None:
        full, short = (number(ask(student, function, arguments, dtype=d)) for d in ("float32", dtype))
        if abs(short - full) > within * abs(full):
            raise Wrong(
                f"{full:.5g} in float32 becomes {short:.5g} in {dtype}, though the inputs are the same: "
                "what is subtracted last has too few digits left"
            )

    return check
