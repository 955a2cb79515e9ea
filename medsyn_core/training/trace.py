"""The trace: the named record of every tensor of one training step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch


class TraceError(AttributeError):
    """A loss term or a figure asked a trace for something that it does not hold."""


class entry:
    """A tensor of the trace that is computed when it is first read, then kept.

    A term whose weight is zero reads nothing, so nothing is computed for it.
    """

    def __init__(self, compute: Callable[[Any], torch.Tensor]):
        self.compute = compute
        self.__doc__ = compute.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, trace: Trace | None, owner: type) -> Any:
        if trace is None:
            return self
        try:
            value = self.compute(trace)
        except TraceError:
            raise
        except AttributeError as error:  # else Python would report it as a missing entry of this name
            raise RuntimeError(f"computing {self.name!r} of {owner.__name__} failed: {error}") from error
        trace.__dict__[self.name] = value
        return value


class Trace:
    """What one step knows: the batch as given, and derived tensors as `entry` methods of a subclass.

    settings: the method's frozen settings. Given tensors are attributes, as are derived ones:
    `trace.translated`. Asking for an unknown name raises TraceError with the names that exist.
    """

    def __init__(self, networks: Mapping[str, torch.nn.Module], settings: Any, given: Mapping[str, torch.Tensor]):
        self._networks = networks
        self.settings = settings
        self._given = tuple(given)
        for name, value in given.items():
            setattr(self, name, value)

    def names(self) -> list[str]:
        """The names of all tensors of this trace: the given ones, then the derived ones."""
        derived = [n for kind in reversed(type(self).__mro__) for n, v in vars(kind).items() if isinstance(v, entry)]
        return list(dict.fromkeys([*self._given, *derived]))

    def __getattr__(self, name: str) -> torch.Tensor:
        if name.startswith("_"):
            raise AttributeError(name)
        raise TraceError(f"this trace has no {name!r}; it has: {', '.join(self.names())}")

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__}:"]
        for name in self.names():
            value = self.__dict__.get(name)
            lines.append(f"  {name:24} {_shown(value)}")
        return "\n".join(lines)


def _shown(value: Any) -> str:
    """An entry's value in a few words: shape and type of a tensor, or of each tensor of a tuple."""
    if value is None:
        return "not read yet"
    if isinstance(value, tuple):
        return ", ".join("none" if part is None else _shown(part) for part in value)
    return f"{tuple(value.shape)} {value.dtype}".replace("torch.", "")
