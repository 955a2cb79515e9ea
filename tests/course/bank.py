"""The assignments that exist, and the bank of their right and wrong solutions."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from medsyn_core.course import assignments, submission

ROOT = Path(__file__).resolve().parents[2]
TEACHING = ROOT / "teaching"
# Whoever has the student's package only, has no solutions to test with.
WRITTEN = [name for name in assignments.MODULES if (TEACHING / "source" / name / f"{name}.ipynb").exists()]


def author(name: str) -> Path:
    """The author's notebook."""
    return TEACHING / "source" / name / f"{name}.ipynb"


def edition(name: str) -> Path:
    """The student's notebook."""
    return ROOT / "book" / "assignments" / f"{name}.ipynb"


def source(path: Path, name: str) -> str:
    """What is marked of a notebook."""
    return submission.read(path, assignments.load(name).functions)


def bank(kind: str) -> list[Path]:
    """All files of a kind: "wrong" or "right"."""
    return [path for name in WRITTEN for path in sorted((TEACHING / "bank" / name).glob(f"{kind}_*.py"))]


def by_name(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


def loses(path: Path) -> list[str]:
    """The parts that a wrong solution says it loses. Raises AssertionError where it says nothing."""
    doc = (ast.get_docstring(ast.parse(path.read_text())) or "").splitlines()
    assert len(doc) > 1 and doc[1].startswith("loses: "), f"{path}: its docstring's second line says what it loses"
    return re.split(r",\s*", doc[1].removeprefix("loses: ").strip())
