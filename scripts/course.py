"""Editions of the assignments, made from the author's notebooks in teaching/source.

python scripts/course.py students           book/assignments: as nbgrader would release them, and the list of all
python scripts/course.py teachers [NAME …]  _build/teaching: executed, with solutions and what to look for
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from pathlib import Path

import nbformat
from execute import run
from nbclient.exceptions import CellExecutionError
from nbgrader import preprocessors
from traitlets.config import Config, PyFileConfigLoader

from medsyn_core.course import assignments
from medsyn_core.files import atomic

ROOT = Path(__file__).resolve().parent.parent
TEACHING = ROOT / "teaching"
STUDENTS = ROOT / "book" / "assignments"
TEACHERS = ROOT / "_build" / "teaching"
# What `nbgrader generate_assignment` does, without its database.
STEPS = (
    "LockCells",
    "ClearSolutions",
    "ClearOutput",
    "CheckCellMetadata",
    "ComputeChecksums",
    "ClearHiddenTests",
    "ClearMarkScheme",
    "ComputeChecksums",
    "CheckCellMetadata",
)


def written() -> list[str]:
    """Names of the assignments whose author's notebook is there, in the order of the course."""
    return [name for name in assignments.MODULES if source(name).exists()]


def source(name: str) -> Path:
    """The author's notebook."""
    return TEACHING / "source" / name / f"{name}.ipynb"


def settings() -> Config:
    """nbgrader's settings of this course."""
    return PyFileConfigLoader("nbgrader_config.py", path=str(TEACHING)).load_config()


def student(name: str) -> str:
    """The student's edition of a notebook, as the text of its file."""
    notebook = nbformat.read(source(name), as_version=4)
    config, resources = settings(), {"unique_key": name, "metadata": {"name": name}}
    for step in STEPS:
        notebook, resources = getattr(preprocessors, step)(config=config).preprocess(notebook, resources)
    return nbformat.writes(notebook) + "\n"


def index() -> str:
    """The page that lists all assignments: the author's page with its table."""
    lines = ["| assignment | takes | read first | points |", "|:--|:--|:--|--:|"]
    for name in written():
        one = assignments.load(name)
        chapters = ", ".join(f"{{doc}}`/book/{chapter}`" for chapter in one.chapters)
        points = f"{one.points}&nbsp;+&nbsp;{one.questions}"
        takes = f"{one.level}, about {one.minutes} min"
        lines.append(f"| [{one.title}]({name}.ipynb) | {takes} | {chapters} | {points} |")
    return (TEACHING / "index.md").read_text().replace("{{table}}", "\n".join(lines))


def teacher(name: str) -> Path:
    """The teacher's edition, executed: solutions and plots, and at the end what to look for."""
    notebook = nbformat.read(source(name), as_version=4)
    notebook.cells.append(nbformat.v4.new_markdown_cell((TEACHING / "rubric" / f"{name}.md").read_text()))
    path = TEACHERS / f"{name}.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, path)
    executed, _ = run(path)
    with atomic(path) as part:
        nbformat.write(executed, part)
    return path


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("edition", choices=("students", "teachers"))
    parser.add_argument("names", nargs="*", choices=[*written(), []], metavar="NAME")
    arguments = parser.parse_args()
    names = arguments.names or written()
    if arguments.edition == "students":
        STUDENTS.mkdir(exist_ok=True)
        for name in names:
            (STUDENTS / f"{name}.ipynb").write_text(student(name), encoding="utf-8")
        (STUDENTS / "index.md").write_text(index(), encoding="utf-8")
        print(f"{len(names)} assignments in {STUDENTS.relative_to(ROOT)}")
        return 0
    for name in names:
        print(f"executing {name} … ", end="", flush=True)
        try:
            print(teacher(name).relative_to(ROOT))
        except CellExecutionError as error:
            print(f"failed\n{error}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    os.chdir(ROOT)
    logging.basicConfig(level=logging.WARNING)
    sys.exit(main())
