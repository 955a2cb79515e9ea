"""Print the built site as one PDF with Chromium: python scripts/print_book.py SITE PDF [PAGE ...].

PAGE: names as in _toc.yml, by default all. It is printed twice, for only the first print knows the page numbers of its
contents. How it looks is in book/_static/print.css, which also serves who prints a single page of the site.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import pypdf
import yaml
from browser import FLAGS, NONE, browser_path
from one_page import Entry, PrintError, document, parts
from playwright.sync_api import Error, sync_playwright

import medsyn_core
from medsyn_core.files import atomic
from medsyn_core.profiles import profile

ROOT = Path(__file__).resolve().parent.parent
WIDTH = 643  # CSS pixels: what @page of print.css leaves of A4
SECONDS = 600  # for each of loading, drawing and printing the whole book on a busy machine
NO_RESULTS = " This profile exists for tests: its numbers are no results."

# What keeps the document from being printed as it was meant, in words.
FAULTS = r"""width => {
  const bad = [], all = what => document.querySelectorAll(what);
  const text = e => (e.alt || e.textContent || e.outerHTML).trim().replace(/\s+/g, ' ').slice(0, 80);
  const say = (what, e) => bad.push(`${what} in ${e.closest('.chapter')?.id}: ${text(e)}`);
  for (const e of all('.math')) if (!e.querySelector('mjx-container svg')) say('formula not drawn', e);
  for (const e of all('mjx-merror, [data-mjx-error]')) say('formula with an error', e);
  for (const e of document.images) if (e.checkVisibility() && !e.naturalWidth) say('image missing', e);
  const wide = e => e.getBoundingClientRect().right > width + 1;
  for (const e of all('.chapter *')) if (wide(e) && !wide(e.parentElement)) say('too wide', e);
  return bad;
}"""
# A table as wide as its longest words is made smaller; below half its size nobody could read it, and it is a fault.
FIT = """width => {
  for (const e of document.querySelectorAll('.chapter table')) {
    for (let zoom = 1; zoom > 0.5 && e.getBoundingClientRect().right > width; zoom -= 0.02) e.style.zoom = zoom;
  }
}"""
FILL = "pages => document.querySelectorAll('[data-page]').forEach(e => { e.textContent = pages[e.dataset.page] })"
READY = "async () => { await window.MathJax?.startup?.promise; await document.fonts.ready }"


def pages_of(pdf: Path, known: list[Entry]) -> dict[str, int]:
    """On which page, from 1, each entry is. Raises PrintError where one is nowhere."""
    reader = pypdf.PdfReader(pdf)
    places = {name.removeprefix("/"): place for name, place in reader.named_destinations.items()}
    if missing := [entry.title for entry in known if entry.id not in places]:
        raise PrintError(f"not in the PDF: {', '.join(missing)}.")
    return {entry.id: reader.get_destination_page_number(places[entry.id]) + 1 for entry in known}


def print_document(page: Path, known: list[Entry], pdf: Path) -> dict[str, int]:
    """Print the document at `page` and return the page number of each entry. Raises PrintError for what is amiss."""
    path = browser_path()
    if path is None:
        raise PrintError(NONE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        tab = browser.new_page(viewport={"width": WIDTH, "height": 1000})
        tab.set_default_timeout(SECONDS * 1000)
        wrong: list[str] = []
        tab.on("requestfailed", lambda request: wrong.append(f"not loaded: {request.url}"))
        tab.on("pageerror", lambda error: wrong.append(str(error)))
        tab.emulate_media(media="print", color_scheme="light")
        tab.goto(page.as_uri(), wait_until="load")
        tab.evaluate(READY)
        tab.evaluate(FIT, WIDTH)
        if faults := wrong + tab.evaluate(FAULTS, WIDTH):
            raise PrintError("\n".join(faults))
        seen: dict[str, int] = {}
        for _ in range(3):  # were the contents longer for their numbers, the second print would differ
            tab.pdf(path=pdf, prefer_css_page_size=True, print_background=True, tagged=True)
            before, seen = seen, pages_of(pdf, known)
            if seen == before:
                return seen
            tab.evaluate(FILL, seen)
    raise PrintError("the page numbers of the contents do not settle.")


def finish(pdf: Path, known: list[Entry], pages: dict[str, int], author: str) -> int:
    """Add bookmarks and the author; returns the number of pages."""
    writer = pypdf.PdfWriter(pdf, incremental=True)
    above: dict[int, pypdf.generic.IndirectObject] = {}
    places = writer._root_object["/Dests"]
    for entry in known:
        left, top = places[f"/{entry.id}"][2:4]
        fit = pypdf.generic.Fit.xyz(left, top)
        above[entry.depth] = writer.add_outline_item(
            title=entry.title,
            page_number=pages[entry.id] - 1,
            parent=above.get(entry.depth - 1),
            fit=fit,
            is_open=entry.depth == 0,
        )
    writer.add_metadata({"/Author": author})
    writer.page_mode = "/UseOutlines"
    writer.write(pdf)
    return len(writer.pages)


def main() -> int:
    site, pdf, only = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve(), sys.argv[3:]
    toc, config = (yaml.safe_load((ROOT / name).read_text()) for name in ("_toc.yml", "_config.yml"))
    name, url = profile().name, config["repository"]["url"]
    front = [
        config["author"],
        f"Version {medsyn_core.__version__}, {config['copyright']}",
        f'<a href="{url}">{url}</a>',
        f"Chapters executed in the profile “{name}”.{NO_RESULTS if name == 'smoke' else ''}",
    ]
    try:
        with tempfile.TemporaryDirectory() as folder, atomic(pdf) as part:
            for shared in site.iterdir():
                Path(folder, shared.name).symlink_to(shared)
            text, known = document(site, parts(toc, only), config["title"], front)
            page = Path(folder, "print.html")
            page.write_text(text, encoding="utf-8")
            count = finish(part, known, print_document(page, known, part), config["author"])
    except (PrintError, Error) as error:
        print(f"{error}\nFAILED: {pdf.name} was not made; why stands above.", file=sys.stderr)
        return 1
    print(f"{pdf.name}: {count} pages, {os.path.getsize(pdf) / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
