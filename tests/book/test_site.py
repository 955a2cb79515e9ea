"""Every page of the built site, as a reader meets it: desktop and phone, light and dark."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag

import pytest
import yaml
from playwright.sync_api import TimeoutError

ROOT = Path(__file__).resolve().parents[2]
PAGES = re.findall(r"(?:file|root): *(\S+)", (ROOT / "_toc.yml").read_text())
URL = yaml.safe_load((ROOT / "_config.yml").read_text())["repository"]["url"]
WIDTHS = {"desktop": (1440, 900), "phone": (390, 844)}
THEMES = ("light", "dark")
FROM_THE_WEB = "mathjax"  # allowed only where `make` could not fetch it
DRAWN = "e => e.querySelector('mjx-container svg')"

pytestmark = pytest.mark.site


@dataclass
class Visit:
    """A page in one window and theme, with everything that went wrong while it loaded."""

    tab: object
    failed: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


@pytest.fixture(scope="module", params=[(w, t) for t in THEMES for w in WIDTHS], ids="-".join)
def visit(request, browser, address, site):
    """A function that opens a page and waits until it is at rest."""
    size, theme = request.param
    width, height = WIDTHS[size]
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=theme)
    context.add_init_script(f"localStorage.mode = localStorage.theme = {theme!r}")
    vendored = (site / "_static" / "mathjax" / "tex-svg.js").exists()

    def open_page(name: str) -> Visit:
        seen = Visit(context.new_page())

        def asked(request) -> None:
            ours = request.url.startswith((address, "data:", "blob:"))
            if not ours and (vendored or FROM_THE_WEB not in request.url):
                seen.outside.append(request.url)

        seen.tab.on("request", asked)
        seen.tab.on("requestfailed", lambda request: seen.failed.append(request.url))
        seen.tab.on("response", lambda r: seen.failed.append(f"{r.status} {r.url}") if r.status >= 400 else None)
        seen.tab.on("console", lambda m: seen.errors.append(m.text) if m.type == "error" else None)
        seen.tab.on("pageerror", lambda error: seen.errors.append(str(error)))
        seen.tab.goto(f"{address}/{name}.html", wait_until="networkidle")
        try:
            seen.tab.wait_for_function(f"() => [...document.querySelectorAll('.math')].every({DRAWN})", timeout=30_000)
        except TimeoutError:
            seen.errors.append("after half a minute there were still formulas that nobody had drawn")
        if os.environ.get("MEDSYN_SCREENSHOTS"):
            folder = ROOT / "_build" / "screenshots"
            folder.mkdir(parents=True, exist_ok=True)
            seen.tab.screenshot(path=folder / f"{name.replace('/', '-')}-{size}-{theme}.png", full_page=True)
        return seen

    yield open_page  # one context for all pages: what they share is fetched once
    context.close()


@pytest.mark.parametrize("name", PAGES)
def test_page(visit, name):
    seen = visit(name)
    tab = seen.tab
    try:
        check_page(seen)
        check_sliders(tab)
    finally:
        tab.close()


def check_page(seen: Visit) -> None:
    """Nothing failed, nothing is too wide, every formula is drawn, every image described."""
    tab = seen.tab
    assert (seen.failed, seen.outside, seen.errors) == ([], [], [])
    # nothing is wider than the window
    assert tab.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0
    # and where there is room, no line of a cell's code is cut
    cut = "[...document.querySelectorAll('.cell_input pre')].filter(e => e.scrollWidth > e.clientWidth + 1)"
    if tab.viewport_size["width"] >= WIDTHS["desktop"][0]:
        assert tab.evaluate(f"{cut}.map(e => e.innerText.slice(0, 80))") == []
    # a sentence in a table has room, also on a phone
    sliver = "[...document.querySelectorAll('article td')].filter(e => e.innerText.length > 80 && e.clientWidth < 110)"
    assert tab.evaluate(f"{sliver}.map(e => e.innerText.slice(0, 80))") == []
    # every formula became a picture
    raw = f"[...document.querySelectorAll('.math')].filter(e => !({DRAWN})(e)).map(e => e.innerText)"
    assert tab.evaluate(raw) == []
    assert tab.locator("mjx-merror, [data-mjx-error]").count() == 0
    # every image is there and described
    assert tab.evaluate("[...document.images].filter(e => !e.alt.trim()).map(e => e.src.slice(0, 80))") == []
    broken = "[...document.images].filter(e => e.complete && !e.naturalWidth).map(e => e.alt)"
    assert tab.evaluate(broken) == []
    assert tab.locator("article h1").count() == 1


def check_sliders(tab) -> None:
    """The arrow keys move every slider: another picture, with its own description and label."""
    shown = "f => [...f.querySelectorAll('img')].filter(e => e.offsetParent).map(e => e.alt)"
    for slider in tab.locator("figure.frame-slider").all():
        handle = slider.locator("input[type=range]")
        before, label = slider.evaluate(shown), slider.locator("output").inner_text()
        assert len(before) == 1
        handle.focus()
        last = handle.input_value() == handle.get_attribute("max")
        tab.keyboard.press("ArrowLeft" if last else "ArrowRight")
        after = slider.evaluate(shown)
        assert len(after) == 1 and after != before
        assert slider.locator("output").inner_text() != label
        tab.keyboard.press("End")
        assert slider.evaluate(shown) != before or last


def test_the_divider_of_the_front_page_moves_and_shows_what_is_chosen(visit):
    tab = visit(PAGES[0]).tab
    figure = tab.locator("figure.divider")
    handle, line = figure.get_by_label("Drag the divider"), figure.locator("i")
    source, target, _ = figure.locator("select").all()
    said = lambda: (*figure.locator("b").all_inner_texts(), figure.locator("output").inner_text())
    alts = lambda: [image.get_attribute("alt") for image in figure.locator("img").all()]
    place = line.bounding_box()["x"]
    handle.press("ArrowRight")
    assert line.bounding_box()["x"] > place and handle.get_attribute("aria-valuetext").startswith("51 %: ")
    stage = figure.locator(".stage").bounding_box()
    tab.mouse.click(stage["x"] + 100, stage["y"] + 20)
    assert line.bounding_box()["x"] + 1.5 == pytest.approx(stage["x"] + 100, abs=3)
    source.select_option("T1")
    target.select_option("FLAIR")
    before = said()
    assert before[:2] == ("T1, the source", "FLAIR, translated") and "translated from T1 to FLAIR" in alts()[1]
    source.select_option("FLAIR")  # the target: the pair turns round
    assert target.locator("option:checked").inner_text() == "T1"
    assert said()[:2] == ("FLAIR, the source", "T1, translated") and said()[2] != before[2]
    figure.get_by_label("put the real image").check()
    assert said()[1] == "real T1" and alts()[1].startswith("The real T1")
    tab.close()


class Links(HTMLParser):
    """Where a page points to, and the places in it that others may point to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.targets: list[str] = []
        self.ids: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for key, value in attrs:
            if key in {"id", "name"} and value:
                self.ids.add(value)
            if key in {"href", "src"} and value and not re.match(r"(?:[a-z]+:)?//|data:|mailto:|javascript:", value):
                self.targets.append(value)


def test_links_inside_the_site_lead_somewhere(site):
    pages = {p: Links(p.read_text(encoding="utf-8")) for p in sorted(site.rglob("*.html")) if "_static" not in p.parts}
    dead = []
    for page, links in pages.items():
        for target in links.targets:
            path, anchor = urldefrag(target)
            file = (page.parent / unquote(path.split("?")[0])).resolve() if path else page
            if not file.exists() or (anchor and file in pages and unquote(anchor) not in pages[file].ids):
                dead.append(f"{page.relative_to(site)}: {target}")
    assert dead == []


@pytest.mark.parametrize("name", [p for p in PAGES if (ROOT / f"{p}.ipynb").exists()])
def test_a_chapter_can_be_opened_in_colab(site, name):
    text = (site / f"{name}.html").read_text(encoding="utf-8")
    place = URL.removeprefix("https://github.com/")
    assert f"https://colab.research.google.com/github/{place}/blob/main/{name}.ipynb" in text


def test_the_runtimes_name_every_chapter(site):
    text = (site / "book" / "appendix" / "runtimes.html").read_text(encoding="utf-8")
    for name in (p for p in PAGES if (ROOT / f"{p}.ipynb").exists()):
        assert f"{name.split('/')[-1]}.html" in text


def test_the_site_ships_no_sources(site):
    assert not (site / "_sources").exists()
