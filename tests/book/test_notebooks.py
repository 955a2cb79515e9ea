"""What git keeps of a chapter: source only, of a size that can be read."""

from __future__ import annotations

import json
import re
import statistics
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = [p for p in sorted((ROOT / "book").rglob("*.ipynb")) if ".ipynb_checkpoints" not in p.parts]
CHAPTERS = [p for p in NOTEBOOKS if p.parent.name.startswith("part")]
URL = yaml.safe_load((ROOT / "_config.yml").read_text())["repository"]["url"]
FIRST = f"""import importlib.util

if importlib.util.find_spec("medsyn_core") is None:
    %pip install -q "medsyn-core[book] @ git+{URL}\""""


def read(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8"))


def sources(path: Path, kind: str) -> list[str]:
    return ["".join(cell["source"]) for cell in read(path)["cells"] if cell["cell_type"] == kind]


def without_comments(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#"))


def own_code(path: Path) -> list[list[str]]:
    """Lines of each code cell after the first, blank lines and lines of comment left out."""
    return [without_comments(text).splitlines() for text in sources(path, "code")[1:]]


def words(path: Path) -> int:
    """Words of prose, without formulas, directives and addresses."""
    text = "\n".join(sources(path, "markdown"))
    text = re.sub(
        r"\$\$.*?\$\$|\$[^$]*\$|^(`{3,}|:{3,})[^\n]*$|^:\w+:[^\n]*$|\]\([^)]*\)", " ", text, flags=re.S | re.M
    )
    return len(re.findall(r"[A-Za-z0-9][\w'’-]*", text))


def by_name(path: Path) -> str:
    return str(path.relative_to(ROOT / "book"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=by_name)
def test_source_only(path):
    notebook = read(path)
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"
    assert not {"widgets", "medsyn"} & set(notebook["metadata"])
    for cell in notebook["cells"]:
        assert not cell.get("outputs") and cell.get("execution_count") is None, "run `make strip`"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=by_name)
def test_first_cell_installs_the_package_only_where_it_is_missing(path):
    first = next(cell for cell in read(path)["cells"] if cell["cell_type"] == "code")
    assert without_comments("".join(first["source"])) == without_comments(FIRST)
    assert "hide-input" in first["metadata"]["tags"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=by_name)
def test_the_same_code_runs_in_every_profile(path):
    code = "\n".join(sources(path, "code"))
    assert not re.search(r"MEDSYN_PROFILE|smoke|\.name\s*==|except\s*:|myst_nb", code)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=by_name)
def test_cells_are_short(path):
    sizes = [len(lines) for lines in own_code(path)]
    assert max(sizes) <= 45
    assert sum(sizes) <= 220
    assert max(len(line) for text in sources(path, "code") for line in text.splitlines()) <= 120, "it would scroll"


def test_pages_of_the_book_are_all_in_the_contents():
    toc = (ROOT / "_toc.yml").read_text()
    named = set(re.findall(r"(?:file|root): *(\S+)", toc))
    pages = {p.relative_to(ROOT).with_suffix("").as_posix() for p in [*NOTEBOOKS, *(ROOT / "book").rglob("*.md")]}
    pages = {p for p in pages if not p.startswith(("book/_", "book/records"))}
    assert pages == named


@pytest.mark.parametrize("path", CHAPTERS, ids=by_name)
def test_a_chapter_reads_well(path):
    sizes = [len(lines) for lines in own_code(path)]
    count = words(path)
    assert statistics.median(sizes) <= 8
    assert 2000 <= count <= 3500, f"{count} words"
    kinds = [cell["cell_type"] for cell in read(path)["cells"]]
    runs = re.findall("C+", "".join("C" if kind == "code" else "m" for kind in kinds))
    assert max(map(len, runs)) <= 3, "more than three code cells in a row, with no sentence between them"
