"""The README's example is code that runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()


def test_the_example_runs_and_its_own_term_is_trained(monkeypatch):
    monkeypatch.setenv("MEDSYN_PROFILE", "smoke")
    monkeypatch.setenv("MEDSYN_PROGRESS", "0")
    (example,) = re.findall(r"```python\n(.*?)```", README, flags=re.S)
    names: dict = {}
    exec(example, names)
    series = names["run"].history.series
    assert series["edges"] and "local_adversarial" not in series
    assert len([line for line in example.splitlines() if line.strip()]) <= 6


@pytest.mark.parametrize("path", re.findall(r"\]\((?!http)([^)#]+)\)", README))
def test_files_it_shows_exist(path):
    assert (ROOT / path).exists()


def test_commands_it_names_exist():
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), flags=re.M))
    assert set(re.findall(r"make ([a-z]+)", README)) <= targets | {"has"}
