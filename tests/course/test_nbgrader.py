"""nbgrader's own commands, as a teacher runs them: generate, collect, mark."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbgrader.api import Gradebook

from tests.course.bank import TEACHING, edition
from tests.course.sources import NAME

MISTAKE = TEACHING / "bank" / NAME / "wrong_generator_pays.py"


@pytest.fixture
def folder(tmp_path):
    """A course of one assignment."""
    shutil.copyfile(TEACHING / "nbgrader_config.py", tmp_path / "nbgrader_config.py")
    shutil.copytree(TEACHING / "source" / NAME, tmp_path / "source" / NAME)
    return tmp_path


def nbgrader(folder, *command: str) -> None:
    """Run one of its commands as in an activated environment: it calls alembic by name."""
    environment = {**os.environ, "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])}
    full = [sys.executable, "-m", "nbgrader", *command]
    done = subprocess.run(full, cwd=folder, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr


def test_generate_and_autograde_work_as_they_are(folder):
    nbgrader(folder, "generate_assignment", NAME)
    released = folder / "release" / NAME / f"{NAME}.ipynb"
    assert json.loads(released.read_text()) == json.loads(edition(NAME).read_text())

    notebook = nbformat.read(released, as_version=4)
    (cell,) = (c for c in notebook.cells if c.metadata.get("nbgrader", {}).get("grade_id") == "gradient_penalty")
    cell.source = MISTAKE.read_text()
    (points,) = (c for c in notebook.cells if c.metadata.get("nbgrader", {}).get("grade_id") == "points")
    points.source = "1000"  # what is locked is put back
    submitted = folder / "submitted" / "somebody" / NAME
    submitted.mkdir(parents=True)
    nbformat.write(notebook, submitted / f"{NAME}.ipynb")

    nbgrader(folder, "autograde", NAME)
    with Gradebook(f"sqlite:///{folder / 'gradebook.db'}") as book:
        marks = book.find_submission_notebook(NAME, NAME, "somebody")
        assert (marks.code_score, marks.max_code_score) == (12, 15)
        assert marks.max_written_score == 5 and marks.written_score == 0  # not answered: nothing to read
    marked = nbformat.read(folder / "autograded" / "somebody" / NAME / f"{NAME}.ipynb", as_version=4)
    said = json.dumps([c.get("outputs", []) for c in marked.cells])
    assert "which should be a constant here" in said
