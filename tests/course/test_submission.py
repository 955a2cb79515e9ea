"""What of a notebook or file is marked, and what is said where nothing can be."""

from __future__ import annotations

import json
import linecache

import nbformat
import pytest

from medsyn_core.course import submission
from medsyn_core.course.parts import Wrong


def notebook(path, *cells: str, solution: int | None = None):
    """A notebook of these code cells; solution: the number of the one that is to be written."""
    made = [nbformat.v4.new_code_cell(text) for text in cells]
    if solution is not None:
        made[solution].metadata["nbgrader"] = {"solution": True, "grade": False, "grade_id": "term", "locked": False}
    nbformat.write(nbformat.v4.new_notebook(cells=made), path)
    return path


def run(source: str) -> dict:
    space: dict = {}
    exec(source, space)
    return space


def test_only_what_the_function_needs_is_taken(tmp_path):
    path = notebook(
        tmp_path / "a.ipynb",
        "%pip install nothing\nimport math\nimport no_such_library\nfrom os import path as place",
        "WEIGHT = 3.0\ncohort = open('nowhere')\nprint('hello')",
        "def helper(x):\n    return math.floor(x) * WEIGHT\n\n\ndef unused():\n    return cohort",
        "def term(x):\n    return helper(x) + 1\n\n\nprint(term(1)); 1 / 0",
        "def term_plot():\n    return no_such_library.plot(term)",
        solution=3,
    )
    source = submission.read(path, ["term"])
    assert run(source)["term"](2.5) == 7
    for left_out in ("no_such_library", "cohort", "print", "pip", "place", "unused", "1 / 0"):
        assert left_out not in source


def test_the_cell_to_be_written_wins_over_later_ones_and_the_last_of_others(tmp_path):
    cells = ("def term(): return 1", "def term(): return 2", "def term(): return 3")
    assert run(submission.read(notebook(tmp_path / "a.ipynb", *cells, solution=1), ["term"]))["term"]() == 2
    assert run(submission.read(notebook(tmp_path / "b.ipynb", *cells), ["term"]))["term"]() == 3


def test_what_the_cell_to_be_written_assigns_comes_along(tmp_path):
    path = notebook(tmp_path / "a.ipynb", "steps = max(2, 3)\n!ls\ndef term():\n    return steps", solution=0)
    assert run(submission.read(path, ["term"]))["term"]() == 3


def test_lambdas_and_decorators_work(tmp_path):
    path = notebook(
        tmp_path / "a.ipynb",
        "import functools",
        "half = lambda x: x / 2",
        "@functools.cache\ndef term(x): return half(x)",
    )
    assert run(submission.read(path, ["term"]))["term"](3) == 1.5


def test_all_imports_that_a_name_needs_come_along(tmp_path):
    cells = ("import os.path\nfrom math import *", "import os", "def term(x): return floor(x), os.path.sep, os.sep")
    assert run(submission.read(notebook(tmp_path / "a.ipynb", *cells), ["term"]))["term"](2.5)[0] == 2
    source = submission.read(tmp_path / "a.ipynb", ["term"])
    assert "import os.path" in source and "import os\n" in source


def test_broken_cells_elsewhere_do_not_matter(tmp_path):
    path = notebook(tmp_path / "a.ipynb", "this is no python", "def term(): return 1", solution=1)
    assert run(submission.read(path, ["term"]))["term"]() == 1


def test_a_python_file_is_taken_whole(tmp_path):
    path = tmp_path / "a.py"
    path.write_text("print('x')\ndef term(): return 1\n")
    assert submission.read(path, ["term"]) == path.read_text()


def test_a_broken_cell_is_said_with_its_line(tmp_path):
    path = notebook(tmp_path / "a.ipynb", "x = 1", "def term():\n    y = (1\n    return y", solution=1)
    with pytest.raises(Wrong, match=r"the cell of term: line 2.*never closed"):
        submission.read(path, ["term"])


@pytest.mark.parametrize(
    ("name", "content", "word"),
    [
        ("a.txt", "x", "neither a notebook"),
        ("a.py", "def f(:", "line 1 of a.py"),
        ("a.py", "x = 1\0", "a.py"),
        ("a.ipynb", "{", "no notebook that can be read"),
        ("a.ipynb", "[]", "no notebook that can be read"),
        ("a.ipynb", '{"cells": [{"cell_type": "code"}]}', "no notebook that can be read"),
        ("a.ipynb", '{"cells": []}', "no function term in this notebook"),
        ("a.py", b"\xff\xfe\xff", "cannot be read"),
    ],
)
def test_what_cannot_be_read_is_said(tmp_path, name, content, word):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(Wrong, match=word):
        submission.read(path, ["term"])


def test_a_missing_or_enormous_file_is_said(tmp_path, monkeypatch):
    with pytest.raises(Wrong, match=r"gone.py cannot be read"):
        submission.read(tmp_path / "gone.py", ["term"])
    monkeypatch.setattr(submission, "LARGEST", 10)
    (tmp_path / "a.ipynb").write_text(json.dumps({"cells": []}))
    with pytest.raises(Wrong, match="larger than"):
        submission.read(tmp_path / "a.ipynb", ["term"])


def test_live_functions_bring_the_executed_cells(tmp_path):
    cells = ["", "import math", "def term(x): return 0", "def term(x):\n    return math.floor(x)", "%matplotlib inline"]
    space: dict = {"In": cells}
    for cell in cells[:-1]:
        exec(cell, space)
    assert run(submission.of({"term": space["term"]}))["term"](2.5) == 2


def test_live_functions_of_a_file_bring_the_file():
    here = run(submission.of({"run": run}))
    assert here["run"].__doc__ == run.__doc__


@pytest.mark.parametrize("thing", [len, 3, print])
def test_what_is_no_function_of_a_notebook_is_said(thing):
    with pytest.raises(Wrong, match="write term as a function"):
        submission.of({"term": thing})


def test_a_function_without_source_is_said():
    space: dict = {}
    exec(compile("def term(): return 1", "<nowhere>", "exec"), space)
    assert not linecache.getlines("<nowhere>")
    with pytest.raises(Wrong, match="nowhere"):
        submission.of({"term": space["term"]})
