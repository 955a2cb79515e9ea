"""One source, three editions; what is published holds no solution."""

from __future__ import annotations

import importlib.util
import os
import re
import sys
from pathlib import Path

import pytest
from hatchling.builders.sdist import SdistBuilder
from hatchling.builders.wheel import WheelBuilder

from medsyn_core.course import assignments
from tests.course.bank import ROOT, WRITTEN, author, edition
from tests.course.secrets import cells, leaks, secrets, solution, text

BOOK = ROOT / "book"
SITE = ROOT / os.environ.get("MEDSYN_SITE", "_build/site-smoke")


@pytest.fixture(scope="module")
def script():
    """scripts/course.py."""
    sys.path.insert(0, str(ROOT / "scripts"))
    try:
        spec = importlib.util.spec_from_file_location("course_script", ROOT / "scripts" / "course.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module
    finally:
        sys.path.pop(0)


def kinds(name: str, path: Path) -> dict[str, dict]:
    """grade_id -> nbgrader's metadata of a notebook's cells."""
    given = [cell["metadata"]["nbgrader"] for cell in cells(path) if "nbgrader" in cell["metadata"]]
    assert len({one["grade_id"] for one in given}) == len(given), f"{name}: a grade_id stands twice"
    return {one["grade_id"]: one for one in given}


@pytest.mark.parametrize("name", WRITTEN)
def test_the_students_edition_is_what_the_authors_gives(script, name):
    assert edition(name).read_text(encoding="utf-8") == script.student(name), "run `make course`"


def test_the_list_is_what_the_assignments_say(script):
    page = (BOOK / "assignments" / "index.md").read_text(encoding="utf-8")
    assert page == script.index(), "run `make course`"
    for name in WRITTEN:
        assert f"[{assignments.load(name).title}]({name}.ipynb)" in page


def test_every_author_s_folder_is_an_assignment():
    assert {path.name for path in (ROOT / "teaching" / "source").iterdir()} <= set(assignments.MODULES)
    published = {path.stem for path in (BOOK / "assignments").glob("*.ipynb")}
    assert published == set(WRITTEN)


@pytest.mark.parametrize("name", WRITTEN)
def test_the_notebook_asks_for_what_is_marked(name):
    assignment, given = assignments.load(name), kinds(name, author(name))
    assert assignment.name == name and assignment.title == cells(author(name))[0]["source"][0].strip("# \n")
    points = given.pop("points")
    assert points["points"] == assignment.points and points["locked"] and points["grade"] and not points["solution"]
    for function in assignment.functions:
        one = given.pop(function)
        assert one["solution"] and not one["grade"]
    assert all(one["solution"] and one["grade"] for one in given.values()), "only questions are left"
    assert sum(one["points"] for one in given.values()) == assignment.questions
    said = "\n".join("".join(cell["source"]) for cell in cells(author(name)))
    call = re.escape(f'("{name}", {", ".join(assignment.functions)})')
    for cell in ("check", "points", *(["probe"] if assignment.probe else [])):
        assert re.search(rf"course\.{cell}{call}", said)
    for chapter in assignment.chapters:
        assert (BOOK / f"{chapter}.ipynb").exists()


@pytest.mark.parametrize("name", WRITTEN)
def test_the_notebook_is_of_a_size_that_can_be_taken_in(name):
    assert 12 <= len(cells(edition(name))) <= 30


@pytest.mark.parametrize("name", WRITTEN)
def test_the_stub_says_what_to_write_and_nothing_more(name):
    stubs = [c for c in cells(edition(name)) if c["metadata"].get("nbgrader", {}).get("solution")]
    for cell in stubs:
        source = "".join(cell["source"])
        if cell["cell_type"] == "code":
            assert 'raise NotImplementedError("write me")' in source and '"""' in source
        else:
            assert "*Write your answer here.*" in source
        assert "SOLUTION" not in source


def test_a_leak_is_seen(tmp_path):
    hidden = {"lengths = slopes.flatten(1).norm(dim=1)"}
    page = '<pre><span class="n">lengths</span> <span>=</span> slopes<span>.</span>flatten(1).norm(dim=1)</pre>'
    (tmp_path / "a.html").write_text(page)
    (tmp_path / "b.ipynb").write_text('{"cells": [{"metadata": {"x": "  lengths = slopes.flatten(1).norm(dim=1)"}}]}')
    (tmp_path / "c.ipynb").write_text('{"cells": [{"source": ["a\\n", "lengths = slopes.flatten(1).norm(dim=1)"]}]}')
    (tmp_path / "d.md").write_text("lengths are norms of slopes, flattened")
    assert [Path(path).name for path, _ in leaks(sorted(tmp_path.iterdir()), hidden)] == [
        "a.html",
        "b.ipynb",
        "c.ipynb",
    ]
    assert solution("a\n### BEGIN SOLUTION\nb\n  ### END SOLUTION\nc") == "b" and solution("whole") == "whole"


@pytest.mark.parametrize("name", WRITTEN)
def test_no_solution_stands_in_the_book_or_the_package(name):
    hidden = secrets(name)
    assert len(hidden) > 5
    assert leaks(sorted(BOOK.rglob("*")), hidden) == []
    assert leaks(sorted((ROOT / "medsyn_core" / "course").rglob("*.py")), hidden) == []


@pytest.mark.parametrize("builder", [WheelBuilder, SdistBuilder], ids=["wheel", "sdist"])
def test_no_solution_is_in_what_is_installed(builder):
    packed = [Path(file.distribution_path) for file in builder(str(ROOT)).recurse_included_files()]
    assert Path("medsyn_core/course/checks.py") in packed
    assert not [path for path in packed if {"teaching", "bank", "rubric", "tests"} & set(path.parts)]


@pytest.mark.site
@pytest.mark.parametrize("name", WRITTEN)
def test_no_solution_stands_on_the_site(name):
    assert (SITE / ".built").exists(), f"{SITE} is not built; run `make book MEDSYN_PROFILE=smoke` first"
    assert leaks(sorted(SITE.rglob("*")), secrets(name)) == []
    assert "write me" in text(SITE / "book" / "assignments" / f"{name}.html")
