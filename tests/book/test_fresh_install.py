"""The scripts that try the package elsewhere.

Whole installations are too slow for here (`make fresh`, `make colab`): the package as it is packed runs with this
environment's libraries, and what is wrong is seen.
"""

from __future__ import annotations

import importlib
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def script():
    """Import a file of scripts/ by its name."""
    sys.path.insert(0, str(ROOT / "scripts"))
    yield importlib.import_module
    sys.path.remove(str(ROOT / "scripts"))


@pytest.fixture(scope="module")
def unpacked(script, tmp_path_factory) -> Path:
    """A folder with what the wheel installs, outside the repository."""
    folder = tmp_path_factory.mktemp("unpacked")
    with zipfile.ZipFile(script("environments").build("wheel", folder)) as wheel:
        wheel.extractall(folder / "site")
    return folder / "site"


def check(site: Path | None, folder: Path) -> subprocess.CompletedProcess:
    """check_installed.py, with a package that is looked for in `site` first."""
    copy = shutil.copy(ROOT / "scripts" / "check_installed.py", folder)
    env = {**os.environ, "MEDSYN_PROFILE": "smoke", "MEDSYN_PROGRESS": "0", "PYTHONPATH": str(site or "")}
    return subprocess.run([sys.executable, copy, ROOT], cwd=folder, env=env, capture_output=True, text=True)


def test_the_wheel_runs_the_readme_outside_the_repository(unpacked, tmp_path):
    done = check(unpacked, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    count = len(list((ROOT / "book" / "records").rglob("*.json")))
    assert "imported without Jupyter" in done.stdout and f"{count} recorded runs" in done.stdout


@pytest.fixture(scope="module")
def installed(script):
    """scripts/check_installed.py as a module."""
    return script("check_installed")


def test_the_checkout_itself_is_seen(installed):
    importlib.import_module("medsyn_core.files")  # installed editable here: it is the checkout's
    assert "medsyn_core.files" in installed.from_checkout(ROOT)
    assert installed.from_checkout(ROOT / "book") == []
    with pytest.raises(SystemExit, match="not in the installed package"):
        installed.read_records(ROOT)


def test_a_package_without_its_records_is_seen(installed, tmp_path, monkeypatch):
    package = tmp_path / "medsyn_core"
    (package / "_records").mkdir(parents=True)
    monkeypatch.setenv("MEDSYN_RECORDS", str(package / "_records"))
    monkeypatch.setattr(sys.modules["medsyn_core"], "__file__", str(package / "__init__.py"))
    with pytest.raises(SystemExit, match="recorded runs that were not installed"):
        installed.read_records(ROOT)


def test_an_import_of_jupyter_fails(installed):
    code = "import check_installed as c; c.without_jupyter(); import IPython"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT / "scripts", capture_output=True, text=True)
    assert done.returncode == 1 and "IPython" in done.stderr.splitlines()[-1]


def test_the_readme_has_one_example(installed):
    assert "recipe.fit" in installed.example((ROOT / "README.md").read_text())
    with pytest.raises(SystemExit, match="2 blocks"):
        installed.example("```python\na\n```\n```python\nb\n```\n")


def test_a_failing_command_tells_what_it_printed(script, tmp_path):
    environments = script("environments")
    with pytest.raises(environments.Failed, match="status 3:\nfirst the reason"):
        environments.Environment(tmp_path).run([sys.executable, "-c", "print('first the reason'); raise SystemExit(3)"])


def test_nothing_that_leads_back_is_handed_on(script, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("MEDSYN_RECORDS", str(ROOT))
    seen = script("environments").surroundings(tmp_path)
    assert "PYTHONPATH" not in seen and "MEDSYN_RECORDS" not in seen
    assert seen["MEDSYN_PROFILE"] == "smoke" and seen["PATH"] == os.environ["PATH"]


def test_colab_has_another_torch_and_an_older_numpy(script):
    colab, pinned = script("colab_install"), script("environments").pinned
    torch, numpy = colab.others(None, None)
    assert f"!={pinned('torch')}" in torch and numpy.startswith("numpy>=1.26,<")
    assert colab.others("2.5.0", "2.0.2") == ["torch==2.5.0", "numpy==2.0.2"]
    with pytest.raises(script("environments").Failed, match="choose one"):
        colab.others(pinned("torch"), None)


def test_the_first_cell_is_executed_but_for_its_address(script):
    prepared = script("check_colab").prepared
    notebook = nbformat.read(ROOT / "book" / "part1" / "mr_contrast.ipynb", as_version=4)
    first = next(cell for cell in notebook.cells if cell.cell_type == "code").source
    changed = next(c for c in prepared(notebook, "git+file:///x").cells if c.cell_type == "code").source
    assert '%pip install -q "medsyn-core[book] @ git+file:///x"' in changed and len(changed) < len(first)
    with pytest.raises(SystemExit, match="does not install"):
        prepared(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("import numpy")]), "git+file:///x")


def test_a_touched_file_changes_the_fingerprint(script, monkeypatch):
    check_colab = script("check_colab")
    before = check_colab.fingerprint("tabulate")
    assert before == check_colab.fingerprint("tabulate")
    real = Path.stat
    later = lambda path, **options: os.stat_result([*real(path, **options)[:6], 1, *real(path, **options)[7:]])
    monkeypatch.setattr(Path, "stat", later)
    assert check_colab.fingerprint("tabulate") != before
