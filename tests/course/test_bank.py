"""Full marks for the reference, none for the stub, each mistake loses its points, different but right keeps all."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from medsyn_core.course import assignments, submission
from medsyn_core.course.marking import mark
from medsyn_core.course.parts import NOT_YET
from tests.course.bank import TEACHING, WRITTEN, author, bank, by_name, edition, loses, source


@pytest.mark.parametrize("name", WRITTEN)
def test_the_reference_gets_all_points(name):
    marks = mark(assignments.load(name), source(author(name), name))
    assert marks.lost == [], [part.word for part in marks.parts]
    assert marks.points == marks.of == marks.assignment.points
    assert not marks.assignment.probe or marks.parts[-1].word  # the probe says what is seen


@pytest.mark.parametrize("name", WRITTEN)
def test_the_stub_gets_none(name):
    marks = mark(assignments.load(name), source(edition(name), name))
    assert marks.points == 0
    assert {part.word for part in marks.parts if part.name != "probe"} == {NOT_YET}


@pytest.mark.parametrize("path", bank("wrong"), ids=by_name)
def test_a_mistake_loses_the_points_meant_for_it(path):
    expected = loses(path)
    assignment = assignments.load(path.parent.name)
    assert set(expected) <= {*(part.name for part in assignment.parts), "probe"}
    marks = mark(assignment, submission.read(path, assignment.functions), probe="probe" in expected)
    assert marks.lost == expected, [part.word for part in marks.parts]
    assert all(part.word for part in marks.parts if part.name in expected)


@pytest.mark.parametrize("path", bank("right"), ids=by_name)
def test_another_way_gets_all_points(path):
    assignment = assignments.load(path.parent.name)
    marks = mark(assignment, submission.read(path, assignment.functions), probe=False)
    assert marks.lost == [], [part.word for part in marks.parts]


@pytest.mark.parametrize("name", WRITTEN)
def test_the_bank_is_large_enough_and_says_what_it_holds(name):
    wrong, right = ([p for p in bank(kind) if p.parent.name == name] for kind in ("wrong", "right"))
    assert len(wrong) >= 5 and len(right) >= 3
    meant = {part for path in wrong for part in loses(path)}
    assert {part.name for part in assignments.load(name).parts} <= meant, "a part that no mistake loses checks nothing"
    assert sum("probe" in loses(path) for path in wrong) <= 1, "a probe takes seconds: one mistake shows that it sees"
    first = [(ast.get_docstring(ast.parse(path.read_text())) or "").split("\n")[0] for path in (*wrong, *right)]
    assert all(len(line.split()) > 3 for line in first) and len(set(first)) == len(first)


@pytest.mark.parametrize("name", WRITTEN)
def test_every_assignment_has_a_rubric(name):
    text = Path(TEACHING / "rubric" / f"{name}.md").read_text(encoding="utf-8")
    assert len(text.split()) > 50
