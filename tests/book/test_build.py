"""The build refuses a failing chapter, a missing number, a broken reference; and it does nothing twice."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[2]


def run(command: list, **kwargs) -> subprocess.CompletedProcess:
    env = {**os.environ, "MEDSYN_PROFILE": "smoke", "MEDSYN_PROGRESS": "0"}
    return subprocess.run([*map(str, command)], capture_output=True, text=True, env=env, **kwargs)


def last_line(text: str) -> str:
    return text.strip().splitlines()[-1]


def write(path: Path, *cells: str, prose: str = "# A page") -> Path:
    code = [nbformat.v4.new_code_cell(text) for text in cells]
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(prose), *code]), path)
    return path


def execute(source: Path, copy: Path) -> subprocess.CompletedProcess:
    return run([sys.executable, ROOT / "scripts" / "execute.py", source, copy])


def test_a_chapter_is_executed_into_a_copy_that_knows_its_cost_and_its_modules(tmp_path):
    source = write(tmp_path / "a.ipynb", "from medsyn_core import profiles\nprofiles.profile().name")
    before = source.read_bytes()
    copy = tmp_path / "out" / "a.ipynb"
    assert execute(source, copy).returncode == 0
    notebook = nbformat.read(copy, as_version=4)
    assert notebook.cells[1].outputs[0].data["text/plain"] == "'smoke'"
    assert len(notebook.cells) == 2 and source.read_bytes() == before
    cost = notebook.metadata["medsyn"]
    assert cost["profile"] == "smoke" and cost["seconds"] > 0 and cost["peak_mb"] > 10
    rule = (tmp_path / "out" / "a.ipynb.d").read_text()
    assert "medsyn_core/profiles.py" in rule.splitlines()[0] and "medsyn_core/book.py" not in rule
    assert "medsyn_core/profiles.py:" in rule.splitlines()  # a module deleted later is no error


def test_a_failing_cell_fails_the_command_and_leaves_no_copy(tmp_path):
    copy = tmp_path / "out.ipynb"
    copy.write_text("an older copy")
    done = execute(write(tmp_path / "a.ipynb", "1 / 0"), copy)
    assert done.returncode == 1 and not copy.exists()
    assert "ZeroDivisionError" in done.stderr and last_line(done.stderr).startswith("FAILED: ")


def test_a_control_without_a_kernel_becomes_a_sentence(tmp_path):
    copy = tmp_path / "out.ipynb"
    assert execute(write(tmp_path / "a.ipynb", "import ipywidgets\nipywidgets.IntSlider()"), copy).returncode == 0
    notebook = nbformat.read(copy, as_version=4)
    assert list(notebook.cells[1].outputs[0].data) == ["text/markdown"]
    assert "widgets" not in notebook.metadata


def test_what_a_control_shows_at_first_stays_on_the_page(tmp_path):
    code = "from ipywidgets import interact\ninteract(lambda beta: f'beta is {beta}', beta=(0, 4, 2));"
    copy = tmp_path / "out.ipynb"
    assert execute(write(tmp_path / "a.ipynb", code), copy).returncode == 0
    shown, control = nbformat.read(copy, as_version=4).cells[1].outputs
    assert shown.data["text/plain"] == "'beta is 2'" and list(control.data) == ["text/markdown"]


@pytest.fixture
def small_book(tmp_path) -> Path:
    """The project with one chapter only: same configuration, same scripts."""
    for name in ("scripts", "book/_ext", "book/_static"):
        shutil.copytree(ROOT / name, tmp_path / name)
    for name in ("_config.yml", "CHANGELOG.md", "book/references.bib"):
        shutil.copyfile(ROOT / name, tmp_path / name)
    (tmp_path / "book" / "appendix").mkdir()
    (tmp_path / "book" / "intro.md").write_text("# Intro\n")
    (tmp_path / "_toc.yml").write_text(
        "format: jb-book\nroot: book/intro\nparts:\n  - caption: One\n    chapters:\n      - file: book/a\n"
    )
    write(tmp_path / "book" / "a.ipynb")
    return tmp_path


def build(book: Path, prose: str) -> subprocess.CompletedProcess:
    copy = write(book / "run" / "book" / "a.ipynb", prose=prose)
    notebook = nbformat.read(copy, as_version=4)
    notebook.metadata["medsyn"] = {"seconds": 1.0, "peak_mb": 100, "profile": "smoke"}
    nbformat.write(notebook, copy)
    return run([sys.executable, book / "scripts" / "build_site.py", book / "run", book / "site"])


def test_a_clean_book_is_built_and_opens_at_its_first_page(small_book):
    done = build(small_book, "# A page\n\nWith $a^2$.")
    assert done.returncode == 0, done.stderr
    assert "url=book/intro.html" in (small_book / "site" / "index.html").read_text()
    assert (small_book / "site" / "book" / "a.html").exists()


def test_whatever_leads_nowhere_is_named_and_fails_the_build(small_book):
    wrong = {
        "no_number": "It is {glue:text}`no_number:.2f` dB.",
        "eq-nowhere": "See {eq}`eq-nowhere`.",
        "nopage": "See {doc}`nopage`.",
        "nobody2000": "As in {cite}`nobody2000`.",
        "nonsense": "A {term}`nonsense`.",
        "nowhere.md": "[there](nowhere.md)",
    }
    done = build(small_book, "\n\n".join(["# A page", *wrong.values()]))
    assert done.returncode == 1
    assert [name for name in wrong if name not in done.stderr] == []
    assert last_line(done.stderr).startswith("FAILED: ")


def test_a_page_that_does_not_exist_is_named(small_book):
    (small_book / "book" / "a.ipynb").unlink()
    done = build(small_book, "# A")
    assert done.returncode == 1 and "book/a" in last_line(done.stderr)


def test_nothing_is_done_twice_and_a_changed_module_is(tmp_path):
    """make, asked what it would do for a chapter whose copy is newer than all it depends on."""
    names = ("Makefile", "_toc.yml", "requirements.txt", "scripts/execute.py", "medsyn_core/book.py", "book/a.ipynb")
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text((ROOT / name).read_text() if name == "Makefile" else "")
    (tmp_path / "_toc.yml").write_text("      - file: book/a\n")
    (tmp_path / "book" / "records").mkdir()
    copy = tmp_path / "_build" / "executed" / "smoke" / "book" / "a.ipynb"
    copy.parent.mkdir(parents=True)
    copy.write_text("")
    Path(f"{copy}.d").write_text(f"{copy.relative_to(tmp_path)}: medsyn_core/book.py\nmedsyn_core/book.py:\n")
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / ".ready").write_text("")
    old = (1_000_000_000,) * 2
    for path in tmp_path.rglob("*"):
        os.utime(path, old)

    def planned() -> str:
        target = copy.relative_to(tmp_path)
        return run(["make", "-n", "-o", ".venv/.ready", target, "MEDSYN_PROFILE=smoke"], cwd=tmp_path).stdout

    assert "execute.py" not in planned()
    os.utime(tmp_path / "medsyn_core" / "book.py")
    assert "execute.py book/a.ipynb" in planned()
    os.utime(tmp_path / "medsyn_core" / "book.py", old)
    (tmp_path / "book" / "records" / "new.json").write_text("{}")
    assert "execute.py book/a.ipynb" in planned()
    (tmp_path / "book" / "records" / "new.json").unlink()
    (tmp_path / "medsyn_core" / "book.py").unlink()
    assert "execute.py book/a.ipynb" in planned()
