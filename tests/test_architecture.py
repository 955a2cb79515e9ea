"""The house rules: floors, file sizes, what an import costs, one address."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "medsyn_core"
FLOORS = {
    "profiles": -1,
    "files": -1,
    "progress": -1,
    "losses": 0,
    "networks": 0,
    "data": 0,
    "evaluation": 0,
    "training": 1,
    "methods": 2,
    "experiments": 3,
    "figures": 4,
    "book": 5,
    "course": 5,
    "__main__": 6,
}
SLOW = {
    "IPython",
    "anywidget",
    "dipy",
    "ipyniivue",
    "ipywidgets",
    "lightning_fabric",
    "matplotlib",
    "monai",
    "nilearn",
    "pandas",
    "seaborn",
    "sklearn",
    "umap",
}
ROOMS = ("data", "losses", "networks", "evaluation", "training", "methods", "experiments", "figures", "book", "course")
SKIPPED = {".venv", "_build", "_vendor", ".git", "__pycache__", ".hypothesis", ".ruff_cache"}
TEXT = {".py", ".md", ".yml", ".toml", ".cff", ".ipynb", ".txt", ".bib", ".css", ""}


def files(*suffixes: str) -> list[Path]:
    """Files of the project, nothing built or installed."""
    found = (p for p in sorted(ROOT.rglob("*")) if not SKIPPED & set(p.relative_to(ROOT).parts))
    return [p for p in found if p.suffix in suffixes and p.is_file()]


def room(module: str) -> str | None:
    """The part of the package a dotted name belongs to: "data" of "medsyn_core.data.views"; None for the root."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else None


def imports(path: Path) -> list[tuple[int, str]]:
    """Every import of the package in a file, as (line, absolute dotted name), also inside functions."""
    here = path.relative_to(ROOT).with_suffix("").parts
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(here[: len(here) - node.level]) if node.level else ""
            module = ".".join(filter(None, [base, node.module]))
            found += [(node.lineno, f"{module}.{alias.name}") for alias in node.names]
    return [(line, name) for line, name in found if name.split(".")[0] == "medsyn_core"]


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_no_import_runs_upwards(path):
    own = room(".".join(path.relative_to(ROOT).with_suffix("").parts))
    if own in (None, "__init__"):
        assert imports(path) == []  # the root gives its version and nothing else
        return
    assert own in FLOORS, f"{path.name} stands on no floor; add it to FLOORS"
    for line, name in imports(path):
        other = room(name)
        if other in (None, own, "__version__"):
            continue
        below = FLOORS[other] < FLOORS[own]
        assert below, f"{path.relative_to(ROOT)}:{line} imports {name}: {own} must not know of {other}"


def test_an_upward_import_is_seen(tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    file = tmp_path / "medsyn_core" / "losses" / "bad.py"
    file.parent.mkdir(parents=True)
    file.write_text("def f():\n    from ..training import fit\n    from .other import g\n")
    assert imports(file) == [(2, "medsyn_core.training.fit"), (3, "medsyn_core.losses.other.g")]


def test_no_file_is_long():
    long = {str(p.relative_to(ROOT)): n for p in files(".py") if (n := len(p.read_text().splitlines())) > 300}
    assert long == {}


def loaded_by(*modules: str) -> set[str]:
    """Top-level modules in memory after importing these in a fresh interpreter."""
    code = f"import sys, {', '.join(modules)}; print(*{{n.split('.')[0] for n in sys.modules}})"
    return set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())


def test_imports_pull_in_nothing_slow():
    assert not loaded_by(*(f"medsyn_core.{room}" for room in ROOMS)) & SLOW


def test_the_root_does_not_even_need_torch():
    assert "torch" not in loaded_by("medsyn_core", "medsyn_core.profiles")


def test_one_address_everywhere():
    """_config.yml holds the repository's address; whatever else looks like it must equal it."""
    url = yaml.safe_load((ROOT / "_config.yml").read_text())["repository"]["url"]
    owner, name = url.removeprefix("https://github.com/").split("/")
    pattern = re.compile(rf"github(?:\.com)?/([\w.-]+)/({re.escape(name)})(?![\w-])", re.IGNORECASE)
    seen = {str(p.relative_to(ROOT)): pattern.findall(p.read_text()) for p in files(*TEXT)}
    wrong = {path: hits for path, hits in seen.items() if any(hit != (owner, name) for hit in hits)}
    assert wrong == {}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["urls"]["Repository"] == url
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["repository-code"] == url


def test_one_version_everywhere():
    import medsyn_core

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"]
    assert cited == project["version"] == medsyn_core.__version__


def test_exact_pins_stand_in_one_file():
    pins = (ROOT / "requirements.txt").read_text().splitlines()
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+", line) for line in pins if line and not line.startswith("#"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert not [d for d in project["dependencies"] if "==" in d]
    assert not [d for d in project["optional-dependencies"]["book"] if "==" in d]
