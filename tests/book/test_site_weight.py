"""What a page weighs, without its interactive pictures and with them, and what a first visit fetches.

Weights are of what travels: compressed, as public servers do it.
"""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = re.findall(r"(?:file|root): *(\S+)", (ROOT / "_toc.yml").read_text())
MB = 1_000_000
STATED = r"This copy of the site is ([\d.]+) MB, uncompressed"

pytestmark = pytest.mark.site


def still(text: str) -> str:
    """A page without the pictures that have a control."""
    figures = re.findall(r'<figure class="medsyn\b.*?</figure>', text, flags=re.S)
    for figure in (one for one in figures if re.search(r"<(?:input|select|button)\b", one)):
        text = text.replace(figure, "")
    return text


def packed(*parts: bytes) -> int:
    return sum(len(gzip.compress(part)) for part in parts)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_light(site, name):
    """The page and the images that lie beside it."""
    page = site / f"{name}.html"
    text = page.read_text(encoding="utf-8")
    images = {(page.parent / src).resolve() for src in re.findall(r'<img [^>]*src="([^":]+)"', text)}
    beside = [image.read_bytes() for image in images]
    assert packed(still(text).encode(), *beside) < 1.5 * MB
    assert packed(text.encode(), *beside) < 4 * MB


@pytest.mark.parametrize("name", PAGES)
def test_a_first_visit_fetches_little(browser, address, name):
    """Everything that a browser with an empty store asks for."""
    context = browser.new_context()
    tab = context.new_page()
    answers = []
    tab.on("response", lambda answer: answers.append(answer))
    tab.goto(f"{address}/{name}.html", wait_until="networkidle")
    weights = {a.url: packed(a.body()) for a in answers if a.url.startswith(address)}
    context.close()
    own = weights.pop(f"{address}/{name}.html")
    assert sum(weights.values()) < 1.5 * MB  # what all pages share
    assert own + sum(weights.values()) < 4 * MB


def test_the_site_states_its_weight(site):
    (stated,) = re.findall(STATED, (site / "book" / "appendix" / "runtimes.html").read_text(encoding="utf-8"))
    files = [path for path in site.rglob("*") if path.is_file()]
    assert float(stated) == pytest.approx(sum(path.stat().st_size for path in files) / MB, abs=0.1)


def test_nothing_travels_that_no_page_asks_for(site):
    """Maps for debuggers, the test's own checker, and the script of icons that are drawn without it."""
    names = {path.name for path in site.rglob("*") if path.is_file()}
    assert not [name for name in names if name.endswith(".map")]
    assert not {"fontawesome.js", "axe.min.js"} & names
