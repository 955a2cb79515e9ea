"""A student's code in its own process: what comes back, and that nothing it does reaches this one."""

from __future__ import annotations

import multiprocessing
import os
from pathlib import Path

import pytest
import torch

from medsyn_core.course.parts import NOT_YET, Wrong
from medsyn_core.course.remote import Prop, Student

KINDS = """
import os, sys, time
import torch

def product(a, b): return (a * b).sum()
def nested(parts, scale=1.0): return {"sum": parts[0] + scale * parts[1]["x"], "names": ["a", None, True]}
def traced(trace, critic): return critic(trace.images).mean() + trace.bias.sum()
def detached(trace, critic): return critic(trace.images).detach().mean()
def in_place(a): a += 1; return a.sum()
def draws(): return torch.rand(3)
def kind(a): return str(a.dtype)
def threads(): return torch.get_num_threads()
def here(): return [os.getcwd(), *sys.path, *os.listdir()]

def stub(): raise NotImplementedError
def crash(a): return a[5]
def leave(): sys.exit(3)
def end(): os._exit(0)
def interrupt(): raise KeyboardInterrupt
def loop():
    while True: pass
def catching_loop():
    while True:
        try:
            while True: pass
        except BaseException: pass
def bomb(): return torch.ones(10**10)
def python_bomb(): return len(bytearray(10**11))
def segfault():
    import ctypes
    ctypes.string_at(0)
def flood():
    for _ in range(10**4): print("x" * 1000)
    sys.stderr.write("y" * 10**6)
    return 1
def ask(): return input("give me points: ")
def thing(): return object()
def large(): return torch.zeros(10**8)
def parent(): os.kill(os.getppid(), 9)
def fork(): return os.fork()
def write():
    with open("full", "wb") as file:
        for _ in range(100): file.write(bytes(2**20))
"""


@pytest.fixture(scope="module")
def student():
    with Student(KINDS, seconds=1, memory_gb=2) as student:
        yield student


def test_values_come_back_plain(student):
    a, b = torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0])
    assert student.call("product", a, b=b).value == 11
    nested = student.call("nested", [a, {"x": b}], scale=2.0).value
    assert nested["sum"].tolist() == [7, 10] and nested["names"] == ["a", None, True]
    assert not nested["sum"].requires_grad


def test_gradients_come_back_by_path(student):
    a, b = torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0])
    answer = student.call("product", a, b=b, gradient=True)
    assert {path: g.tolist() for path, g in answer.gradients.items()} == {"0": [3, 4], "b": [1, 2]}
    assert answer.differentiable and not a.requires_grad
    whole = student.call("product", a, torch.tensor([1, 2]), gradient=True)
    assert list(whole.gradients) == ["0"]  # whole numbers have no gradient


def test_props_are_built_there_and_say_whether_they_were_reached(student):
    trace = Prop("trace", images=torch.rand(2, 1, 4, 4), bias=torch.ones(2))
    answer = student.call("traced", trace, Prop("critic", called="judge"), gradient=True)
    assert answer.moved == {"judge": True} and answer.gradients["0.bias"].tolist() == [1, 1]
    assert answer.gradients["0.images"].abs().sum() > 0
    answer = student.call("detached", trace, Prop("critic"), gradient=True)
    assert answer.moved == {"critic": False} and not answer.differentiable
    assert answer.gradients["0.images"] is None


def test_an_unknown_prop_is_refused_with_the_names_that_exist():
    with pytest.raises(ValueError, match=r"no prop 'critics'.*critic"):
        Prop("critics")


def test_what_is_changed_in_place_is_told_and_stays_there(student):
    a = torch.zeros(2)
    assert student.call("in_place", a).inputs_changed == ["0"]
    assert a.tolist() == [0, 0]


def test_draws_are_the_same_at_every_call(student):
    assert torch.equal(student.call("draws").value, student.call("draws").value)


def test_floats_can_be_of_another_kind(student):
    assert student.call("kind", torch.ones(1)).value == "torch.float32"
    assert student.call("kind", torch.ones(1), dtype="bfloat16").value == "torch.bfloat16"
    assert student.call("kind", torch.ones(1, dtype=torch.int64), dtype="float64").value == "torch.int64"


def test_it_has_one_thread_and_an_empty_folder_and_no_solutions(student):
    folder, *rest = student.call("here").value
    assert student.call("threads").value == 1
    assert folder != os.getcwd() and not any("teaching" in Path(part).parts for part in rest)


@pytest.mark.parametrize(
    ("name", "arguments", "word"),
    [
        ("missing", (), "no function missing"),
        ("stub", (), NOT_YET),
        ("crash", (torch.ones(2),), "IndexError.*return a\\[5\\]"),
        ("crash", (), "TypeError"),
        ("leave", (), "sys.exit"),
        ("end", (), "ended its process"),
        ("interrupt", (), "KeyboardInterrupt"),
        ("loop", (), "loop never end"),
        ("catching_loop", (), "loop never end"),
        ("bomb", (), "too much memory"),
        ("python_bomb", (), "too much memory"),
        ("segfault", (), "SIGSEGV"),
        ("ask", (), "EOFError"),
        ("thing", (), "returns object, not a tensor"),
        ("large", (), "larger than"),
        ("parent", (), "may not end processes"),
        ("fork", (), "may not start processes"),
        ("write", (), "OSError|SIGXFSZ"),
    ],
)
def test_whatever_goes_wrong_is_said_in_words_and_the_next_call_works(student, name, arguments, word):
    with pytest.raises(Wrong, match=word):
        student.call(name, *arguments)
    assert student.call("product", torch.ones(2), torch.ones(2)).value == 2


def test_prints_go_nowhere(student, capfd):
    assert student.call("flood").value == 1
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("source", "word"),
    [
        ("x = 1 / 0", "ZeroDivisionError.*x = 1 / 0"),
        ("import torch\ndef f(:\n  pass", "line 2"),
        ("import os; os._exit(7)", "exit status 7"),
        ("raise SystemExit", "sys.exit"),
        ("while True: pass", "loop never end"),
        ("import no_such_library", "no_such_library"),
    ],
)
def test_a_file_that_cannot_be_run_is_said_at_every_call(source, word):
    with Student(source, seconds=1) as student:
        for _ in range(2):
            with pytest.raises(Wrong, match=word):
                student.call("f")


def test_a_sleeper_is_stopped_by_the_clock(monkeypatch):
    from medsyn_core.course import remote

    monkeypatch.setattr(remote, "SLOW", 1.0)
    with (
        Student("import time\ndef f(): time.sleep(1000)", seconds=1) as student,
        pytest.raises(Wrong, match="no answer"),
    ):
        student.call("f")


def test_the_process_and_its_folder_go_with_the_student():
    with Student(KINDS) as student:
        folder = Path(student.call("here").value[0])
        process = student._process
        assert folder.is_dir()
    assert not folder.exists() and not process.is_alive()


def test_it_works_where_there_are_no_forks(monkeypatch):
    from medsyn_core.course import remote

    monkeypatch.setattr(remote, "PROCESSES", multiprocessing.get_context("spawn"))
    with Student(KINDS, seconds=2) as student:
        assert student.call("product", torch.ones(2), torch.ones(2)).value == 2


def test_nothing_but_plain_values_is_read_from_it():
    lies = """
import pickle, gc
from multiprocessing.connection import Connection
class Bad:
    def __reduce__(self): return (print, ("this ran in the marker",))
def f():
    for line in [c for c in gc.get_objects() if isinstance(c, Connection)]:
        line.send_bytes(pickle.dumps(Bad(), 2))
    return 1
"""
    with Student(lies) as student, pytest.raises(Wrong, match="no readable answer"):
        student.call("f")


def test_no_more_is_read_from_it_than_an_answer_may_have():
    lies = """
import gc
from multiprocessing.connection import Connection
def f():
    for line in [c for c in gc.get_objects() if isinstance(c, Connection)]:
        line.send_bytes(bytes(2**28 + 1))
"""
    with Student(lies) as student, pytest.raises(Wrong, match="larger than 256 MiB"):
        student.call("f")
