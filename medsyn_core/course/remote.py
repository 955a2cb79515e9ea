"""A student's code in a process of its own, with limits of time and memory; see child.py for the other end."""

from __future__ import annotations

import io
import multiprocessing
import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock, Timer
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from medsyn_core.course import child
from medsyn_core.course.parts import Wrong
from medsyn_core.course.props import Prop  # noqa: F401  (checks take it from here)

# The server of forks has torch in memory and has computed nothing, so a student's process starts in milliseconds.
PROCESSES = multiprocessing.get_context("forkserver" if sys.platform == "linux" else "spawn")
if sys.platform == "linux":
    PROCESSES.set_forkserver_preload(["medsyn_core.course.child"])
ALONE = Lock()  # one start at a time
START = 120.0  # s until a process that has to import torch is there, on a busy machine
SLOW = 6.0  # a limit is processor time; by the clock it may take this many times as long, where many share a machine


@dataclass(frozen=True)
class Answer:
    """What a student's function did. value: returned, without its graph; gradients: path -> gradient or None, for every
    floating tensor that it was given ("0", "mask", "0.images"); moved: for every network, whether gradients reached its
    parameters; inputs_changed: paths of what it changed in place; differentiable: whether the value has a graph."""

    value: Any
    gradients: dict[str, Tensor | None] = field(default_factory=dict)
    moved: dict[str, bool] = field(default_factory=dict)
    inputs_changed: list[str] = field(default_factory=list)
    differentiable: bool = False


class Student:
    """Somebody's functions, given as source, to be called from here.

    seconds: processor time of a call; memory_gb: of the whole process (Linux; elsewhere nobody counts); own: dotted
    names of functions of the package that this code may not call. Whatever goes wrong in a call raises Wrong with words
    for the student; a process that has died or was stopped is started anew for the next call. Use it in a `with`.
    """

    def __init__(self, source: str, seconds: float = 10.0, memory_gb: float = 4.0, own: tuple[str, ...] = ()):
        self.source, self.seconds, self.memory_gb, self.own = source, seconds, memory_gb, own
        self._process: Any = None
        self._connection: Any = None
        self._folder: tempfile.TemporaryDirectory | None = None

    def __enter__(self) -> Student:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def call(
        self, function: str, *arguments: Any, gradient: bool = False, dtype: str | None = None, **keywords: Any
    ) -> Answer:
        """Call a function with tensors, numbers, words, None, Props, and lists and dicts of them.

        gradient: floating tensors require gradients, and what is returned is summed and differentiated; dtype: cast
        floating tensors and networks to it ("float64"). Raises Wrong.
        """
        request = {"function": function, "arguments": arguments, "keywords": keywords}
        answer = self._ask({"do": "call", **request, "gradient": gradient, "dtype": dtype}, self.seconds)
        return Answer(**answer)

    def train(self, assignment: str, seconds: float) -> dict[str, Any]:
        """What the probe of an assignment returns, trained with this student's functions. Raises Wrong."""
        return self._ask({"do": "train", "assignment": assignment}, seconds)["value"]

    def close(self) -> None:
        """End the process and remove its folder."""
        if self._process is None:
            return
        self._kill()
        self._process.join()
        self._connection.close()
        self._folder.cleanup()
        self._process = None

    def _kill(self) -> None:
        """End the process and all that it has started."""
        if hasattr(os, "killpg") and self._process.pid and self._process.exitcode is None:
            try:
                os.killpg(self._process.pid, signal.SIGKILL)
            except ProcessLookupError:  # it has not come to having a group of its own
                self._process.kill()
        else:
            self._process.kill()

    def _start(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="medsyn-", ignore_cleanup_errors=True)
        self._connection, theirs = PROCESSES.Pipe()
        settings = (theirs, self.source, self._folder.name, self.seconds, self.memory_gb, self.own)
        self._process = PROCESSES.Process(target=child.main, args=settings, daemon=True)
        with _without_main():
            self._process.start()
        theirs.close()
        if "problem" in (answer := self._receive(None, self.seconds, START)):
            self.close()
            raise Wrong(answer["problem"])

    def _ask(self, request: dict[str, Any], seconds: float) -> dict[str, Any]:
        if self._process is None:
            self._start()
        buffer = io.BytesIO()
        torch.save({**request, "seconds": seconds}, buffer)
        answer = self._receive(buffer.getvalue(), seconds, SLOW)
        if "problem" in answer:
            raise Wrong(answer["problem"])
        return answer

    def _receive(self, message: bytes | None, seconds: float, more: float) -> dict[str, Any]:
        """Send a message, if any, and wait for the answer: a dict, and nothing else."""
        late = []
        clock = Timer(SLOW * seconds + more, lambda: (late.append(True), self._kill()))
        clock.daemon = True
        clock.start()
        try:
            if message is not None:
                self._connection.send_bytes(message)
            said = self._connection.recv_bytes(child.LARGEST)
        except (EOFError, OSError):
            raise Wrong(self._last_words(seconds, late=bool(late))) from None
        finally:
            clock.cancel()
        return _read(said)

    def _last_words(self, seconds: float, late: bool) -> str:
        """Why there was no answer."""
        self._process.join(1)
        code = self._process.exitcode
        self.close()
        if late or code == -getattr(signal, "SIGXCPU", 0):
            self.seconds = min(self.seconds, max(seconds / 4, 1))  # more checks will meet the same loop
            return f"no answer within {seconds:g} s of computing: does a loop never end?"
        if code is None:
            return child.too_large()
        if code >= 0:
            return f"your code ended its process (exit status {code}); a function returns"
        return f"your code's process was ended by {signal.Signals(-code).name}: did it need too much memory?"


@contextmanager
def _without_main() -> Iterator[None]:
    """Start a process that does not import what the user has started: a script that checks itself would do so again in
    every student's process."""
    with ALONE:
        own = sys.modules["__main__"]
        sys.modules["__main__"] = ModuleType("__main__")
        try:
            yield
        finally:
            sys.modules["__main__"] = own


def _read(said: bytes) -> dict[str, Any]:
    """An answer, of tensors and plain values only. Whatever else it is, it is no reason to stop marking."""
    try:
        answer = torch.load(io.BytesIO(said), weights_only=True)
    except Exception as error:
        raise Wrong(f"your code's process gave no readable answer ({type(error).__name__})") from error
    if not isinstance(answer, dict):
        raise Wrong("your code's process gave no readable answer")
    return answer
