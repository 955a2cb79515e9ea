"""Hostile and unlucky submissions get marks for what works and a clear word for the rest."""

from __future__ import annotations

import functools
import re

import pytest

from medsyn_core.course import assignments, checks, marking
from medsyn_core.course.marking import mark, mark_many
from medsyn_core.course.parts import NOTHING, Assignment, Part, Probe, Wrong
from medsyn_core.course.remote import Student
from tests.course.bank import TEACHING
from tests.course.sources import NAME, RIGHT, function

ALL = ["scalar", "value", "critic", "images", "flat"]
PACKAGE = "from medsyn_core.losses.adversarial import gradient_penalty as theirs, interpolate, score_gradient"
PATCH = """
import medsyn_core.course.checks as c
import medsyn_core.course.marking as m
import medsyn_core.course.remote as r
for module in (c, m, r):
    for name in list(vars(module)):
        if callable(getattr(module, name)):
            setattr(module, name, lambda *a, **k: lambda *a, **k: None)
torch.allclose = torch.equal = lambda *a, **k: True
"""


def only_where(condition: str, then: str) -> str:
    """The right submission, which does something else where a condition holds."""
    return RIGHT.replace("    a, b =", f"    if {condition}:\n        {then}\n    a, b =").replace(
        "import torch\n", "import os, sys, time, torch\n"
    )


@pytest.mark.parametrize(
    ("source", "lost", "word"),
    [
        (only_where("real.shape[1] == 2", "1 / 0"), ["value", "critic", "images"], "ZeroDivisionError"),
        (only_where("real.shape[1] == 2", "os._exit(0)"), ["value", "critic", "images"], "ended its process"),
        (only_where("real.shape[1] == 2", "sys.exit()"), ["value", "critic", "images"], "sys.exit"),
        (only_where("not real.any(1).any(1).any(1).all()", "return torch.ones(10**11)"), ["flat"], "memory"),
        (only_where("real[0, 0, 0, 0] == 3", "return 'full marks'"), ["scalar", "value"], "a str came back"),
        (only_where("real[0, 0, 0, 0] == 3", "return None"), ["scalar", "value"], "is a return missing"),
        (function("return torch.tensor(8.0)", PATCH), ["scalar", "value", "critic", "images"], "was expected|no graph"),
        (
            function("return theirs(score_gradient(critic, interpolate(real, fake, mix)))", PACKAGE),
            ALL,
            "package's own",
        ),
        ("from medsyn_core.losses.adversarial import gradient_penalty", ALL, "package's own"),
        (function(f"return exec(open({str(TEACHING / 'index.md')!r}).read())"), ALL, "may not read the solutions"),
        ("import torch\nimport teaching.nbgrader_config", ALL, "may not read the solutions"),
        (function("return gradient_penalty(critic, real, fake, mix)"), ALL, "RecursionError"),
    ],
)
def test_marks_for_what_works_and_a_word_for_the_rest(source, lost, word):
    marks = mark(assignments.load(NAME), source, probe=False)
    assert marks.lost == lost
    said = " ".join(part.word for part in marks.parts if part.name in lost)
    assert re.search(word, said), said
    assert all(not part.word for part in marks.parts if part.name not in lost)


def test_an_endless_loop_does_not_hold_up_the_others(monkeypatch):
    monkeypatch.setattr(marking, "Student", functools.partial(Student, seconds=1))
    source = only_where("real[0, 0, 0, 0] == 3", "while True: pass")
    marks = mark(assignments.load(NAME), source, probe=False)
    assert marks.lost == ["scalar", "value"]
    assert all("loop never end" in part.word for part in marks.parts[:2])


def toy(**changes) -> Assignment:
    """An assignment to write f, whose check can be anything."""
    given = {"parts": (Part("one", 2, "one thing", checks.value("f", [((), 1.0)]), "Look here"),), "probe": None}
    rest = {"minutes": 1, "level": "an hour or two", "chapters": (), "questions": 0}
    return Assignment(name="toy", title="Toy", functions=("f",), **(given | rest | changes))


def test_a_check_that_chokes_on_an_answer_costs_one_part_only():
    def choke(student) -> None:
        student.call("f").value.shape  # noqa: B018

    parts = (Part("one", 1, "one", choke), Part("two", 1, "two", checks.value("f", [((), 1.0)])))
    marks = mark(toy(parts=parts), "def f(): return 1.0")
    assert marks.lost == ["one"] and "cannot be checked (AttributeError" in marks.parts[0].word


def test_the_hint_follows_the_word():
    marks = mark(toy(), "def f(): return 2.0")
    assert marks.parts[0].word == "on example 1 of 1, 1 was expected, 2 came back. Look here."


def test_where_nothing_came_back_no_hint_leads_astray():
    assert mark(toy(), "def f(): 2.0").parts[0].word == NOTHING


def test_the_probe_waits_until_something_is_right():
    def judge(result) -> str:
        raise AssertionError("nothing was trained")

    probe = Probe(3, "trains", lambda functions: {}, judge, seconds=1)
    marks = mark(toy(probe=probe), "def f(): return 2.0")
    assert marks.points == 0 and marks.of == 5 and "none of the parts above is right" in marks.parts[-1].word


def test_parts_need_names_of_their_own():
    part = Part("probe", 1, "one", lambda student: None)
    with pytest.raises(ValueError, match="names of their own"):
        toy(parts=(part,))
    with pytest.raises(ValueError, match="level='easy'"):
        toy(level="easy")


def test_an_unknown_assignment_is_refused_with_the_names_that_exist():
    with pytest.raises(ValueError, match=r"'gradient' is no assignment.*gradient-penalty"):
        assignments.load("gradient")


def test_many_are_marked_in_their_order_whatever_they_are(tmp_path):
    sources = {"a.py": RIGHT, "b.py": "def gradient_penalty(:", "c.txt": "", "d.py": function("return real.sum()")}
    for name, text in sources.items():
        (tmp_path / name).write_text(text)
    paths = [tmp_path / name for name in (*sources, "missing.ipynb")]
    marks = list(mark_many(NAME, paths, probe=False, jobs=2))
    assert [one.points for one in marks][:3] == [12, 0, 0] and marks[4].points == 0
    assert "line 1 of b.py" in marks[1].parts[0].word and "missing.ipynb cannot be read" in marks[4].parts[0].word


def test_wrong_is_an_assertion():
    assert issubclass(Wrong, AssertionError)  # so that the checks are at home in pytest
