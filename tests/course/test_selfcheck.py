"""What a student's notebook shows, in a kernel of its own as Jupyter and Colab have it."""

from __future__ import annotations

import ast
import subprocess
import sys

import nbformat
import pytest
import torch
from nbclient import NotebookClient

from medsyn_core import course
from medsyn_core.course import assignments, selfcheck, shown
from medsyn_core.course.parts import Assignment, Part, Probe, Wrong
from medsyn_core.course.remote import Student
from tests.course.bank import TEACHING
from tests.course.sources import NAME, RIGHT

MISTAKE = (TEACHING / "bank" / NAME / "wrong_sign.py").read_text()
STUB = "def gradient_penalty(critic, real, fake, mix):\n    raise NotImplementedError"
PATCH = (
    "import medsyn_core.course.checks as c\nimport medsyn_core.course.marking as m\nm.mark = c.value = c.scalar = None"
)


@pytest.fixture(scope="module")
def said() -> list[str]:
    """The outputs of a notebook's cells, as text; an error has no place in it."""
    calls = [f'course.{cell}("{NAME}", gradient_penalty)' for cell in ("check", "probe", "points")]
    cells = ["from medsyn_core import course", STUB, *calls, MISTAKE, calls[0], PATCH, calls[2]]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    NotebookClient(notebook, timeout=300).execute()
    told = []
    for cell in notebook.cells:
        outputs = cell.outputs
        assert not [o for o in outputs if o.output_type == "stream" and o.name == "stderr"]
        told.append("\n".join(o.text if o.output_type == "stream" else _shown(o.data) for o in outputs))
    return told


def _shown(data: dict) -> str:
    return data.get("text/markdown", data["text/plain"])


def test_a_stub_is_not_written_yet_and_trains_nothing(said):
    assert said[2].count("not written yet") == 5 and "0 of 12 points" in said[2]
    assert "not trained" in said[3] and "measured" not in said[3]
    assert said[4].splitlines()[-1] == "0"


def test_a_mistake_is_said_with_the_number_expected(said):
    assert "| 0 of 4 | on example 1 of 3, 8 was expected, -8 came back." in said[6] and "8 of 12 points" in said[6]


def test_points_are_marked_elsewhere_and_the_last_line_is_a_number(said):
    """This kernel's checker has been patched; sign and probe are still lost."""
    assert ast.literal_eval(said[8].splitlines()[-1]) == 8
    assert "0/3  a critic trained with it" in said[8]
    assert max(map(len, said[8].splitlines())) <= 100, "JupyterLab breaks longer lines within words"


def test_nothing_is_raised_for_whatever_is_handed_over(capsys):
    for things in ((), (len,), (3, 4)):
        assert "0 of 12 points" in str(course.check(NAME, *things))
        assert "0 of 3" in str(course.probe(NAME, *things))
        assert course.points(NAME, *things) == 0
    assert "hand over gradient_penalty" in capsys.readouterr().out


@pytest.mark.parametrize("call", [course.check, course.probe, course.points])
def test_an_unknown_assignment_is_the_author_s_mistake(call):
    with pytest.raises(ValueError, match="'gradients' is no assignment"):
        call("gradients", len)


def test_a_function_of_a_file_is_checked_with_its_file(tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text(RIGHT)
    monkeypatch.syspath_prepend(tmp_path)
    import mine

    assert "12 of 12 points" in str(course.check(NAME, mine.gradient_penalty))


def test_a_script_may_check_itself_as_it_is(tmp_path):
    script = tmp_path / "mine.py"
    script.write_text(f"{RIGHT}\nfrom medsyn_core import course\nprint(course.check({NAME!r}, gradient_penalty))\n")
    done = subprocess.run([sys.executable, script], capture_output=True, text=True)
    assert done.stdout.count("12 of 12 points") == 1 and done.stderr == ""


RESULT = {
    "slope, yours": torch.tensor([1.0, 2.0, 3.0]),
    "slope, none": torch.tensor([1.0, 4.0, float("nan")]),
    "error": torch.tensor([2.0, 1.0]),
    "T2, real": torch.rand(8, 8),
    "T2, yours": torch.zeros(8, 8),
    "end": torch.tensor(0.25),
    "share": 3,
}


def test_what_a_probe_gives_is_grouped_by_its_names():
    slope, error, images = shown.pictures(RESULT)
    assert [line.get_label() for line in slope.fig.axes[0].lines] == ["yours", "none"]
    assert "slope: yours goes from 1 to 3; none goes from 1 to" in slope.alt and "error" in error.alt
    assert [ax.get_title() for ax in images.fig.axes if ax.images] == ["real", "yours"] and "T2" in images.alt
    (table,) = shown.rows(RESULT)
    assert "| end | 0.25 |" in str(table) and "| share | 3 |" in str(table)
    assert shown.pictures({}) == [] and shown.rows({}) == []


def test_pictures_are_shown_even_where_the_probe_is_lost(monkeypatch):
    def judge(result) -> str:
        raise Wrong("too flat")

    probe = Probe(2, "it trains", lambda functions: {}, judge, seconds=10)
    toy = Assignment(
        "toy", "Toy", ("f",), (Part("a", 1, "a", lambda student: None),), probe, 1, "an hour or two", (), 0
    )
    seen = []
    monkeypatch.setattr(assignments, "load", lambda name: toy)
    monkeypatch.setattr(selfcheck, "_source", lambda *_: "")
    monkeypatch.setattr(selfcheck, "_display", seen.append)
    monkeypatch.setattr(Student, "train", lambda *_: RESULT)
    page = str(course.probe("toy", len))
    assert len(seen) == 3 and "| end | 0.25 |" in page and "| it trains | 0 of 2 | too flat |" in page
