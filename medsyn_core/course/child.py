"""The student's process: it runs what a student has written and answers the marker, which compares.

Nothing that is decided here gives points. Whoever patches a check in this process has patched nothing that marks.
"""

from __future__ import annotations

import functools
import importlib
import io
import linecache
import math
import os
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from medsyn_core.course import assignments
from medsyn_core.course.parts import NOT_YET, Wrong
from medsyn_core.course.props import PROPS, Prop

FILE = "<your code>"
SOLUTIONS = Path(__file__).resolve().parents[2] / "teaching"  # beside the package where a teacher marks
REFUSED = {"os.fork": "start processes", "os.forkpty": "start processes", "os.kill": "end processes"}
LONGEST = 600  # characters of a student's own error message that are passed on
LARGEST_FILE = 64 * 2**20  # bytes
LARGEST = 256 * 2**20  # bytes of an answer


def main(connection: Connection, source: str, folder: str, seconds: float, memory_gb: float, own: tuple[str, ...]):
    """Run `source` once, then answer requests until the marker hangs up.

    An answer is a dict that `torch.load(weights_only=True)` reads: with "problem", words for the student, or with
    what the request asks for.
    """
    _confine(folder, memory_gb)
    space: dict[str, Any] = {"__name__": "submission", "__file__": FILE, "__builtins__": __builtins__}
    _send(connection, _guarded(lambda: _execute(source, space, own), seconds))
    while True:
        try:
            request = torch.load(io.BytesIO(connection.recv_bytes()), weights_only=False)  # the marker is trusted
        except EOFError:
            return
        do = {"call": _call, "train": _train}[request.pop("do")]
        limit = request.pop("seconds")
        _send(connection, _guarded(functools.partial(do, space, **request), limit))


def _confine(folder: str, memory_gb: float) -> None:
    """An empty folder to work in, nothing to read from or to print to, one thread, no more memory than this."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(nowhere, stream)
    sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w")  # noqa: SIM115
    os.chdir(folder)
    sys.path[:] = [path for path in sys.path if path and not _is_solution(path)]
    torch.set_num_threads(1)
    if hasattr(os, "setsid"):
        os.setsid()  # so that what it starts ends with it
        _limit("RLIMIT_CORE", 0)
        _limit("RLIMIT_FSIZE", LARGEST_FILE)
        if sys.platform == "linux":  # elsewhere this limit does not count what is mapped
            _limit("RLIMIT_DATA", int(memory_gb * 2**30))
    sys.addaudithook(_refuse)


def _limit(kind: str, most: int) -> None:
    """Lower a limit of the system; where there is a lower one, that stays."""
    import resource

    number = getattr(resource, kind)
    hard = resource.getrlimit(number)[1]
    resource.setrlimit(number, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


def _is_solution(path: object) -> bool:
    return isinstance(path, str | bytes) and Path(os.path.abspath(os.fsdecode(path))).is_relative_to(SOLUTIONS)


def _refuse(event: str, arguments: tuple) -> None:
    if event == "open" and _is_solution(arguments[0]):
        raise PermissionError("a submission may not read the solutions")
    if event in REFUSED:
        raise PermissionError(f"a submission may not {REFUSED[event]}")


def _allow(seconds: float) -> None:
    """Processor time from here on, after which the system ends this process."""
    if hasattr(os, "setsid"):
        _limit("RLIMIT_CPU", math.ceil(time.process_time() + seconds))


def _guarded(do: Callable[[], dict], seconds: float) -> dict:
    """The answer of `do`, or the problem that the student's code has, in words."""
    _allow(seconds)
    try:
        return do()
    except Wrong as wrong:
        problem = str(wrong)
    except NotImplementedError:
        problem = NOT_YET
    except SystemExit:
        problem = "your code leaves Python (sys.exit); a function returns"
    except SyntaxError as error:
        problem = f"line {error.lineno}: {error.msg}: {(error.text or '').strip()}"
    except MemoryError:
        problem = f"it needs too much memory{_where(sys.exc_info()[1])}"
    except BaseException as error:
        if "can't allocate memory" in str(error):
            problem = f"it needs too much memory{_where(error)}"
        else:
            problem = f"it stops with {type(error).__name__}: {_short(str(error))}{_where(error)}"
    return {"problem": problem}


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} …"


def _where(error: BaseException) -> str:
    """The last line of the student's own code that an error came through."""
    lines = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == FILE]
    return f", at: {lines[-1].line}" if lines else ""


def _execute(source: str, space: dict[str, Any], own: tuple[str, ...]) -> dict:
    linecache.cache[FILE] = (len(source), None, source.splitlines(keepends=True), FILE)
    for name in own:
        _reserve(name, space)
    exec(compile(source, FILE, "exec", dont_inherit=True), space)
    return {}


def _reserve(name: str, space: dict[str, Any]) -> None:
    """Make the package's function at a dotted path refuse calls from the student's code; all others may call it."""
    module, _, attribute = name.rpartition(".")
    holder = importlib.import_module(module)
    original = getattr(holder, attribute)

    @functools.wraps(original)
    def reserved(*arguments: Any, **keywords: Any) -> Any:
        if sys._getframe(1).f_globals is space:
            raise Wrong(f"your code calls the package's own {attribute}; write it yourself")
        return original(*arguments, **keywords)

    reserved.is_reserved = True
    setattr(holder, attribute, reserved)


def _function(space: Mapping[str, Any], name: str) -> Callable:
    if not callable(space.get(name)):
        raise Wrong(f"there is no function {name}")
    if getattr(space[name], "is_reserved", False):
        raise Wrong(f"{name} is the package's own function; write it yourself")
    return space[name]


def _train(space: dict[str, Any], assignment: str) -> dict:
    chosen = assignments.load(assignment)
    torch.manual_seed(0)
    result = chosen.probe.train({name: _function(space, name) for name in chosen.functions})
    return {"value": _plain(result)}


def _call(
    space: dict[str, Any], function: str, arguments: tuple, keywords: dict, gradient: bool, dtype: str | None
) -> dict:
    stage = _Stage(gradient, getattr(torch, dtype) if dtype else None)
    chosen = _function(space, function)
    arguments = [stage.build(value, str(k)) for k, value in enumerate(arguments)]
    keywords = {name: stage.build(value, name) for name, value in keywords.items()}
    torch.manual_seed(0)  # the same draws at every call: differences of two calls are no noise
    value = chosen(*arguments, **keywords)
    if sum(tensor.nbytes for tensor in _tensors(value)) > LARGEST:  # said before it is copied, which takes long
        raise Wrong(too_large())
    outputs = [tensor for tensor in _tensors(value) if tensor.requires_grad]
    if gradient and outputs:
        sum(tensor.sum() for tensor in outputs).backward()
    grads = {path: leaf.grad for path, leaf in stage.given.items() if leaf.is_floating_point()}
    return {
        "value": _plain(value),
        "gradients": _plain(grads) if gradient else {},
        "moved": {name: _was_reached(network) for name, network in stage.networks.items()},
        "inputs_changed": [p for p, leaf in stage.given.items() if not _same(leaf.detach(), stage.before[p])],
        "differentiable": bool(outputs),
    }


class _Stage:
    """Builds arguments: tensors become leaves, props become things. Remembers what was handed over."""

    def __init__(self, gradient: bool, dtype: torch.dtype | None):
        self.gradient, self.dtype = gradient, dtype
        self.given: dict[str, Tensor] = {}
        self.before: dict[str, Tensor] = {}
        self.networks: dict[str, nn.Module] = {}

    def build(self, value: Any, path: str) -> Any:
        if isinstance(value, Tensor):
            return self._leaf(value, path)
        if isinstance(value, Prop):
            settings = {name: self.build(inner, f"{path}.{name}") for name, inner in value.settings.items()}
            made = PROPS[value.name](**settings)
            if isinstance(made, nn.Module):
                self.networks[value.called] = made.to(self.dtype) if self.dtype else made
            return made
        if isinstance(value, dict):
            return {key: self.build(inner, f"{path}.{key}") for key, inner in value.items()}
        if isinstance(value, list | tuple):
            return type(value)(self.build(inner, f"{path}.{k}") for k, inner in enumerate(value))
        return value

    def _leaf(self, value: Tensor, path: str) -> Tensor:
        leaf = value.detach().clone()
        if leaf.is_floating_point():
            leaf = leaf.to(self.dtype or leaf.dtype).requires_grad_(self.gradient)
        self.given[path], self.before[path] = leaf, leaf.detach().clone()
        return leaf


def too_large() -> str:
    """What is said of an answer that is."""
    return f"the answer is larger than {LARGEST >> 20} MiB"


def _was_reached(network: nn.Module) -> bool:
    return any(p.grad is not None and bool(p.grad.abs().sum() > 0) for p in network.parameters())


def _same(a: Tensor, b: Tensor) -> bool:
    return a.shape == b.shape and torch.allclose(a, b, rtol=0, atol=0, equal_nan=True)


def _tensors(value: Any) -> list[Tensor]:
    """All tensors of a nested value."""
    if isinstance(value, Tensor):
        return [value]
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    return [tensor for part in inner for tensor in _tensors(part)]


def _plain(value: Any) -> Any:
    """The value as it can be sent: tensors without their graph, numbers, words, and lists and dicts of them."""
    if isinstance(value, Tensor):
        return value.detach().clone().as_subclass(Tensor)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    raise Wrong(f"it returns {type(value).__name__}, not a tensor")


def _send(connection: Connection, answer: dict) -> None:
    buffer = io.BytesIO()
    torch.save(answer, buffer)
    connection.send_bytes(buffer.getvalue())
