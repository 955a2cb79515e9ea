"""Anchors of the ledgers, and links into chapters."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from docutils.nodes import make_id

from medsyn_core.experiments import ledger
from medsyn_core.figures import places

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "book").glob("part*/*.ipynb"))


@pytest.fixture(autouse=True)
def at_the_ledgers(monkeypatch):
    """Where the kernels of those pages start."""
    monkeypatch.chdir(ROOT / places.LEDGERS)


def prose(notebook: Path) -> str:
    cells = json.loads(notebook.read_text())["cells"]
    return "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")


def test_headings_have_the_anchors_that_the_site_gives_them():
    headings = [h for notebook in NOTEBOOKS for h in re.findall(r"^#+ +(.+?) *$", prose(notebook), flags=re.M)]
    assert len(headings) > 50
    for heading in (h for h in headings if not set("$`*{[") & set(h)):
        assert places.slug(heading) == make_id(heading)


@pytest.mark.parametrize("row", [row for row in ledger.EXHIBITS if row.page], ids=lambda row: row.id)
def test_an_exhibit_leads_to_the_section_that_shows_it(row):
    link = places.shown(row.id)
    if row.id == "hifi-F3":  # drawn from a recipe, by a cell that does not name it
        assert link == "[in the chapter](../part2/hifi_syn.ipynb)"
        return
    page, slug, heading = re.fullmatch(r'<a href="\.\./(.+)\.html#(.+)">(.+)</a>', link).groups()
    assert f"book/{page}.ipynb" == row.page
    headings = re.findall(r"^#+ +(.+?) *$", prose(ROOT / row.page), flags=re.M)
    assert headings.count(heading) == 1 and places.slug(heading) == slug
    assert places.shown(row.id, "there") == link.replace(f">{heading}<", ">there<")


def test_the_section_is_that_of_the_cell_that_shows_it():
    assert places.shown("utad-T3", "x").endswith('#table-iii-and-figure-5-four-students">x</a>')
    assert places.shown("dual-S3.2", "x").endswith('#section-3-2-attention-on-and-off">x</a>')
    assert places.shown("utad-T2") is None  # no chapter shows it


def test_without_the_notebook_a_link_leads_to_the_chapter(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert places.shown("dual-T1", "there") == "[there](../part2/dual_discriminator.ipynb)"


@pytest.mark.parametrize("row", ledger.EQUATIONS, ids=lambda row: row.id)
def test_an_equation_leads_to_its_label_in_the_chapter(row):
    page, label = re.search(r'"\.\./(.+)\.html#equation-(.+)"', places.equation(row.id, "x")).groups()
    assert f"({label})" in prose(ROOT / "book" / f"{page}.ipynb")


def test_anchors_bear_the_plain_id():
    assert places.anchor("dual-S3.1") == '<span id="dual-S3-1"></span>`dual-S3.1`'
    assert '"exhibits.html#dual-S3-1"' in places.exhibit("dual-S3.1")
