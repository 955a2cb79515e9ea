"""Where things stand in the book: permanent anchors on the ledgers' pages, and links into chapters.

Links with an anchor are HTML: they lead somewhere on the site, whose pages they name; in Jupyter they are their text.
"""

from __future__ import annotations

import json
import os
import re
import unicodedata
from functools import cache
from pathlib import Path

from medsyn_core.experiments import ledger

LEDGERS = "book/appendix"
"""Where the pages lie that these links stand on; their kernels start there."""


def place(id: str) -> str:
    """The anchor of an exhibit or equation: its id without dots, which scripts of the page would take for a class."""
    return id.replace(".", "-")


def anchor(id: str) -> str:
    """The id of an exhibit or equation, as code, at a place that others can link to: #dual-T1."""
    return f'<span id="{place(id)}"></span>`{id}`'


def link(page: str, where: str, text: str) -> str:
    """A link to an anchor of a page of the book, named as in the repository, without or with its suffix."""
    path = os.path.relpath(page, LEDGERS).removesuffix(".ipynb")
    return f'<a href="{path}.html#{where}">{text}</a>'


def exhibit(id: str) -> str:
    """A link to an exhibit's line in the ledger of exhibits."""
    return link(f"{LEDGERS}/exhibits", place(id), f'<span style="white-space: nowrap">{id}</span>')


def shown(id: str, text: str = "") -> str | None:
    """A link to the section of the chapter that shows an exhibit, under its heading or another text; None where no
    chapter does. Where the notebook is not at hand or does not name the exhibit, the link leads to the chapter.
    """
    page = next(row.page for row in ledger.EXHIBITS if row.id == id)
    if page is None:
        return None
    notebook = Path(os.path.relpath(page, LEDGERS)).resolve()
    heading = section(notebook, id) if notebook.exists() else None
    if heading is None:
        return chapter(ledger.paper_of(id), text or "in the chapter")
    return link(page, slug(heading), text or heading)


def chapter(paper: str, text: str) -> str:
    """A link to the chapter of a paper (key of PAPERS)."""
    return f"[{text}]({os.path.relpath(_page(paper), LEDGERS)})"


def equation(id: str, text: str) -> str:
    """A link to an equation in the chapter of its paper."""
    return link(_page(ledger.paper_of(id)), f"equation-eq-{id}", text)


def _page(paper: str) -> str:
    return next(row.page for row in ledger.EXHIBITS if ledger.paper_of(row.id) == paper and row.page)


@cache
def section(notebook: Path, id: str) -> str | None:
    """The last heading before the first code cell that names an exhibit to show it, None where none does."""
    heading = None
    for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
        text = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            heading = ([heading, *re.findall(r"^#+ +(.+?) *$", text, flags=re.M)])[-1]
        elif f'"{id}"' in text and "remove-output" not in cell["metadata"].get("tags", ()):
            return heading
    return None


def slug(heading: str) -> str:
    """The anchor that the site gives a heading: ASCII letters and digits, joined by hyphens."""
    plain = unicodedata.normalize("NFKD", heading.lower()).encode("ascii", "ignore").decode()
    return re.sub(r"^[-0-9]+|-+$", "", re.sub(r"[^a-z0-9]+", "-", plain))
