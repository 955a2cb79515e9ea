"""What a chapter calls: glue, source, links, head."""

from __future__ import annotations

import platform
from importlib import metadata
from pathlib import Path

import nbformat
import pytest
import torch
import yaml
from nbclient import NotebookClient

from medsyn_core import book
from medsyn_core.losses import adversarial
from medsyn_core.training import LossTable

ROOT = Path(__file__).resolve().parents[2]
URL = yaml.safe_load((ROOT / "_config.yml").read_text())["repository"]["url"]


def lines_of(markdown_link: str) -> str:
    """The lines of the repository's file that a link names."""
    place = markdown_link.rpartition("(")[2].rstrip(")").removeprefix(f"{URL}/blob/main/")
    path, _, span = place.partition("#")
    first, last = (int(n.removeprefix("L")) for n in span.split("-"))
    return "\n".join((ROOT / path).read_text().splitlines()[first - 1 : last])


def test_a_link_leads_to_the_lines_of_the_definition():
    assert lines_of(book.link(adversarial.gradient_penalty)).startswith("def gradient_penalty(")
    assert lines_of(book.link("medsyn_core.losses.adversarial.gradient_penalty")).startswith("def gradient_penalty(")
    assert "def total(" in lines_of(book.link("medsyn_core.training.table.LossTable.total"))
    assert (
        book.link_test("tests/test_architecture.py::test_x")
        == f"[`test_x`]({URL}/blob/main/tests/test_architecture.py)"
    )


def test_source_shows_the_code_that_runs():
    shown = book.source(adversarial.gradient_penalty).data
    assert shown.startswith("```python\ndef gradient_penalty(") and '"""' not in shown
    assert shown.endswith(book.link(adversarial.gradient_penalty))
    assert '"""' in book.source(adversarial.gradient_penalty, docstring=True).data
    assert "<details>" in book.source(LossTable, fold=True).data


def test_a_function_that_is_only_a_docstring_keeps_it():
    def described():
        """Nothing else."""

    assert "Nothing else" in book.source(described).data


def test_head_says_where_the_copy_ran():
    text = str(book.head(minutes=3, memory=1.5))
    assert "about 3 min and 1.5 GB" in text and "smoke" in text and "32 x 32" in text
    versions = [f"{name} {metadata.version(name)}" for name in ("torch", "numpy", "medsyn-core")]
    assert all(found in text for found in (f"Python {platform.python_version()}", *versions))
    assert ("cores;" in text) is not torch.cuda.is_available()


def test_head_names_the_card(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "Card 1")
    assert "Card 1; Python" in str(book.head(minutes=3, memory=1.5))


def test_head_says_what_whole_volumes_measure(monkeypatch):
    monkeypatch.setenv("MEDSYN_PROFILE", "laptop")
    assert "64 x 64 pixels, 12 slices each" in str(book.head(minutes=3, memory=1))
    assert "whole volumes of 48 x 48 pixels and all" in str(book.head(minutes=3, memory=1, volumes=True))


@pytest.fixture(autouse=True)
def smoke(monkeypatch):
    monkeypatch.setenv("MEDSYN_PROFILE", "smoke")


def test_glue_leaves_what_the_site_builder_reads_and_shows_nothing():
    code = """
from medsyn_core import book
from medsyn_core.figures import listing
book.glue("x", 0.25)
book.glue("t", listing([{"a": 1}], {"a": "A"}))
import numpy
book.glue("y", numpy.float32(0.5))
"""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    NotebookClient(notebook, kernel_name="python3").execute()
    number, table, scalar = notebook.cells[0].outputs
    assert number.metadata.scrapbook == {"name": "x", "mime_prefix": "application/papermill.record/"}
    assert number.data == {"application/papermill.record/text/plain": "0.25"}
    assert scalar.data == {"application/papermill.record/text/plain": "0.5"}
    assert table.data["application/papermill.record/text/markdown"].startswith("| A |")


def test_glue_outside_a_notebook_does_nothing():
    assert book.glue("x", 1) is None


def test_progress_is_silent_in_builds(monkeypatch, capsys):
    monkeypatch.setenv("MEDSYN_PROGRESS", "0")
    assert list(book.progress(range(3), "counting")) == [0, 1, 2]
    assert capsys.readouterr().err == ""
    monkeypatch.setenv("MEDSYN_PROGRESS", "1")
    assert list(book.progress(range(3), "counting")) == [0, 1, 2]
    assert "counting" in capsys.readouterr().err
