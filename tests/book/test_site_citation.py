"""The front page is cited as CITATION.cff says."""

from __future__ import annotations

import json
import re
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]


def test_the_bibtex_of_the_front_page_is_the_citation_file():
    cells = json.loads((ROOT / "book" / "intro.ipynb").read_text(encoding="utf-8"))["cells"]
    (entry,) = re.findall(r"```bibtex\n(.*?)```", "\n".join("".join(cell["source"]) for cell in cells), flags=re.S)
    shown = dict(re.findall(r"^ +(\w+) += \{+(.*?)\}+,?$", entry, flags=re.M))
    due = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    authors = " and ".join(person["name"] for person in due["authors"])
    assert entry.startswith(f"@{due['type']}{{") and shown == {
        "title": due["title"],
        "author": authors,
        "version": due["version"],
        "license": due["license"],
        "url": due["repository-code"],
    }
