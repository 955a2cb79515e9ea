"""The printed book: complete, numbered, linked; and refused where something is missing.

Pages of every part are printed, not all of them: for time. `make pdf` prints, and checks, the whole book.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pypdf
import pytest
import yaml
from bs4 import BeautifulSoup

ROOT = Path(__file__).resolve().parents[2]
TOC = yaml.safe_load((ROOT / "_toc.yml").read_text())
# The front page, the chapter with most formulas, and ledgers, whose tables are the widest.
NAMES = ["book/intro", "book/part1/mr_contrast", "book/appendix/exhibits", "book/appendix/runtimes", "book/glossary"]
PARTS = [(p["caption"], [c["file"] for c in p["chapters"] if c["file"] in NAMES]) for p in TOC["parts"]]

pytestmark = pytest.mark.site


def make(script: Path, *args) -> subprocess.CompletedProcess:
    env = {**os.environ, "MEDSYN_PROFILE": "smoke"}
    return subprocess.run([sys.executable, script, *map(str, args)], capture_output=True, text=True, env=env)


@pytest.fixture(scope="module")
def printed(site, browser, tmp_path_factory) -> pypdf.PdfReader:
    pdf = tmp_path_factory.mktemp("pdf") / "part.pdf"
    done = make(ROOT / "scripts" / "print_book.py", site, pdf, *NAMES)
    assert done.returncode == 0, done.stderr
    assert [path.name for path in pdf.parent.iterdir()] == [pdf.name]  # nothing half-made beside it
    return pypdf.PdfReader(pdf)


@pytest.fixture(scope="module")
def texts(printed) -> list[str]:
    """Every page's text, in one line each, without ligatures."""
    plain = [page.extract_text().replace("\ufb01", "fi").replace("\ufb02", "fl") for page in printed.pages]
    return [" ".join(text.split()) for text in plain]


def heading(site: Path, name: str) -> str:
    """A page's heading as the site has it."""
    page = BeautifulSoup((site / f"{name}.html").read_text(encoding="utf-8"), "html.parser")
    h1 = page.select_one("article h1")  # the theme puts another above it
    return " ".join(h1.get_text().removesuffix("#").split())


def outline(items: list) -> list:
    """Bookmarks as (title, [those below])."""
    found: list = []
    for item in items:
        if isinstance(item, list):
            found[-1][1].extend(outline(item))
        else:
            found.append((item.title, []))
    return found


def bookmarks(reader: pypdf.PdfReader) -> dict[str, int]:
    """Each bookmark's page, from 0; of equal titles the first."""
    found: dict[str, int] = {}

    def walk(items: list) -> None:
        for item in items:
            if isinstance(item, list):
                walk(item)
            else:
                found.setdefault(item.title, reader.get_destination_page_number(item))

    walk(reader.outline)
    return found


def test_it_says_what_it_is(printed, texts):
    config = yaml.safe_load((ROOT / "_config.yml").read_text())
    assert (printed.metadata.title, printed.metadata.author) == (config["title"], config["author"])
    assert config["repository"]["url"] in texts[0]
    assert "“smoke”" in texts[0] and "its numbers are no results" in texts[0]


def test_bookmarks_are_the_contents(printed, site):
    (front, sections), *found = outline(printed.outline)
    assert front == heading(site, TOC["root"]) and "The loss term is the unit" in [title for title, _ in sections]
    expected = [(caption, [heading(site, name) for name in names]) for caption, names in PARTS if names]
    assert [(caption, [title for title, _ in chapters]) for caption, chapters in found] == expected
    ((_, sections),) = next(chapters for caption, chapters in found if caption.startswith("I. "))
    assert len(sections) > 5


def test_every_chapter_begins_where_the_contents_say(printed, texts, site):
    places = bookmarks(printed)
    for name in NAMES:
        title = heading(site, name)
        number = places[title]
        assert title in texts[number]
        assert re.search(rf"{re.escape(title)} {number + 1}\b", texts[1])
    # above and below each page: whose it is, and its number
    assert texts[-1].startswith(f"{heading(site, NAMES[-1])} {len(texts)} ")


def test_nothing_raw_and_no_page_is_blank(printed, texts):
    assert len(NAMES) + 2 < len(texts) < 120
    whole = "\n".join(texts)
    for raw in ("$$", "{glue", "{doc}", "\\begin{", "code cell source", "Skip to main content", "SITE-WEIGHT"):
        assert raw not in whole
    blank = [k + 1 for k, (page, text) in enumerate(zip(printed.pages, texts, strict=True)) if len(text) < 80]
    assert [k for k in blank if k > 1 and not printed.pages[k - 1].images] == []


def test_links_stay_inside_or_lead_to_the_web(printed):
    names = {name.removeprefix("/") for name in printed.named_destinations}
    inside = 0
    for page in printed.pages:
        for link in (annotation.get_object() for annotation in page.get("/Annots", ())):
            if "/Dest" in link:
                inside += 1
                assert str(link["/Dest"]).removeprefix("/") in names
            else:
                assert link["/A"]["/URI"].startswith(("https://", "http://", "mailto:"))
    assert inside > 20


@pytest.fixture
def small(tmp_path) -> Path:
    """The scripts, the contents of a book with one chapter, and its site."""
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts")
    shutil.copyfile(ROOT / "_config.yml", tmp_path / "_config.yml")
    toc = {"root": "book/intro", "parts": [{"caption": "One", "chapters": [{"file": "book/a"}]}]}
    (tmp_path / "_toc.yml").write_text(yaml.safe_dump(toc))
    write(tmp_path, "intro", "<p>Nothing.</p>")
    return tmp_path


def write(book: Path, name: str, body: str) -> None:
    page = book / "site" / "book" / f"{name}.html"
    page.parent.mkdir(parents=True, exist_ok=True)
    link = f'<a class="headerlink" href="#{name}">#</a>'
    article = f'<article class="bd-article"><section id="{name}"><h1>Of {name}{link}</h1>{body}</section></article>'
    page.write_text(f"<!doctype html><html><head></head><body>{article}</body></html>")


def refused(book: Path) -> str:
    """What is said when the book cannot be printed; an older print is left alone."""
    pdf = book / "book.pdf"
    pdf.write_bytes(b"an older print")
    done = make(book / "scripts" / "print_book.py", book / "site", pdf)
    assert done.returncode == 1 and done.stderr.splitlines()[-1].startswith("FAILED: book.pdf")
    assert pdf.read_bytes() == b"an older print" and not list(book.glob(".book.pdf*"))
    return done.stderr


def test_a_missing_page_is_named(small):
    assert "book/a.html is not there" in refused(small)


def test_a_link_to_nowhere_is_named(small):
    write(small, "a", '<p><a href="b.html">b</a></p>')
    assert "book/a leads to b.html" in refused(small)


def test_what_would_look_wrong_on_paper_is_named(small, browser):
    image = "data:image/png;base64,AAAA"
    wide = '<pre style="width:2000px">very long</pre>'
    write(small, "a", f'<span class="math">\\(a^2\\)</span><img alt="A cat" src="{image}">{wide}')
    told = refused(small)
    assert "formula not drawn in a: \\(a^2\\)" in told
    assert "image missing in a: A cat" in told
    assert "too wide in a: very long" in told
