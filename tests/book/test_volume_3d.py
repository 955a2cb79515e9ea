"""A subject in 3D, in a browser: the button fetches the viewer and draws; where it cannot, it says why."""

from __future__ import annotations

import base64
import functools
import http.server
import io
import os
import shutil
import threading
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from medsyn_core.figures.volume_page import StaticBlock
from medsyn_core.figures.volume_script import SCRIPT
from tests.book.conftest import Quiet
from tests.book.test_accessibility import AXE, CHECK, GRAVE
from tests.figures import volume_made as made

ROOT = Path(__file__).resolve().parents[2]
VENDORED = ROOT / "book" / "_vendor" / "niivue"
SMALL = {"width": 260, "height": 280}  # a processor draws it
PATIENCE = 120_000  # milliseconds, for a machine that does other things
PAGE = (
    '<!doctype html><html lang="en" {}><meta charset="utf-8"><title>3D</title><link rel="icon" href="data:,">'
    "<body><main><h1>3D</h1>{}</main>"
)


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A folder like the site with one page of a made-up block, and its address."""
    folder = tmp_path_factory.mktemp("site")
    block = made.block().beside("nothing", np.zeros(made.SHAPE, np.uint8))
    figure = StaticBlock(block)._repr_html_()
    (folder / "book").mkdir()
    (folder / "book" / "page.html").write_text(PAGE.format('data-content_root="../"', figure), encoding="utf-8")
    (folder / "notebook.html").write_text(PAGE.format("", figure), encoding="utf-8")
    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield folder, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def viewer(served):
    """The site's folder with NiiVue in it. Where npm could not fetch it the test is skipped, but never in CI."""
    if not (VENDORED / "niivue.umd.js").exists():
        message = "NiiVue is not there; run `python scripts/vendor_js.py` where npm reaches a registry"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    place = served[0] / SCRIPT
    shutil.copytree(VENDORED, place.parent, dirs_exist_ok=True)
    yield served[1]
    shutil.rmtree(place.parent)


@dataclass
class Seen:
    """A tab, what it asked for, and what went wrong."""

    tab: object
    asked: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    @property
    def said(self) -> str:
        return self.tab.locator("figure.volume output").inner_text()

    def opened(self) -> None:
        """Press the button and wait until something is drawn."""
        self.tab.get_by_role("button", name="Open in 3D").press("Enter")
        self.tab.wait_for_function("() => document.querySelector('figure.volume button').hidden", timeout=PATIENCE)

    def move(self, name: str, value: str) -> None:
        """As a reader does, in one step."""
        control = self.tab.locator(f"figure.volume [data-set={name}]")
        if name in ("view", "side", "layer"):
            control.select_option(value)
        else:
            control.fill(value)

    def drawn(self) -> np.ndarray:
        """(H, W, 3) what the canvas shows; drawn once more, for a canvas forgets."""
        uri = self.tab.evaluate(
            "() => { const f = document.querySelector('figure.volume'); f.nv.drawScene();"
            " return f.querySelector('canvas').toDataURL() }"
        )
        return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.split(",")[1]))).convert("RGB"), int)


def visit(browser, address: str, script: str = "") -> Seen:
    """A page at rest; script: runs before its own."""
    seen = Seen(browser.new_page(viewport=SMALL))
    seen.tab.add_init_script(script)
    seen.tab.set_default_timeout(PATIENCE)
    seen.tab.on("request", lambda request: seen.asked.append(request.url))
    seen.tab.on("console", lambda m: seen.errors.append(m.text) if m.type == "error" else None)
    seen.tab.on("pageerror", lambda error: seen.errors.append(str(error)))
    seen.tab.goto(address, wait_until="load")
    return seen


def green(picture: np.ndarray) -> int:
    """Pixels of oedema, shaded or not."""
    return int((picture[..., 1] - picture[..., 0] > 40).sum())


def test_the_button_fetches_the_viewer_from_the_site_alone_and_draws_head_and_tumour(browser_3d, viewer):
    seen = visit(browser_3d, f"{viewer}/book/page.html")
    fetched = lambda: [url for url in seen.asked if not url.startswith(("data:", "blob:"))]
    assert fetched() == [f"{viewer}/book/page.html"]
    seen.opened()
    assert fetched() == [f"{viewer}/book/page.html", f"{viewer}/{SCRIPT}"]
    assert seen.said == "" and seen.tab.evaluate("document.activeElement.dataset.set") == "view"
    whole = seen.drawn()
    head = (whole.max(axis=-1) > 30).mean()
    assert 0.05 < head < 0.9 and green(whole) > 50
    seen.move("labels", "0")
    assert green(seen.drawn()) == 0
    seen.move("labels", "100")
    seen.move("layer", "2")  # "nothing"
    assert green(seen.drawn()) == 0
    seen.move("layer", "1")
    seen.move("turn", "90")
    turned = seen.drawn()
    assert green(turned) > 50 and (turned != whole).any()
    assert seen.errors == []
    seen.tab.close()


def test_planes_of_the_viewer_have_the_patients_right_on_the_left(browser_3d, viewer):
    """The tumour lies at the right, at the front and at the top, so it must be in that corner of each plane."""
    seen = visit(browser_3d, f"{viewer}/book/page.html")
    seen.opened()
    for plane in (0, 1, 2):  # axial, coronal, sagittal
        seen.tab.evaluate("k => document.querySelector('figure.volume').nv.setSliceType(k)", plane)
        picture = seen.drawn()
        tumour = np.argwhere(picture[..., 1] - picture[..., 0] > 40)
        head = np.argwhere(np.ptp(picture, axis=-1) < 30)
        grey = picture[tuple(head.T)].max(axis=-1) > 60
        middle = head[grey].mean(axis=0)
        assert len(tumour) > 20 and (tumour.mean(axis=0) < middle).all()
    seen.tab.close()


def test_nothing_serious_for_a_screen_reader_once_it_is_open(browser_3d, viewer):
    if not AXE.exists():
        pytest.skip("axe-core is not there; test_accessibility says what to do")
    seen = visit(browser_3d, f"{viewer}/book/page.html")
    seen.opened()
    seen.tab.evaluate(AXE.read_text(encoding="utf-8"))
    found = [one for one in seen.tab.evaluate(CHECK) if one[0] in GRAVE]
    seen.tab.close()
    assert found == []


NO_WEBGL = (
    "HTMLCanvasElement.prototype.getContext = (old => function (kind, ...more) {"
    " return kind === 'webgl2' ? null : old.call(this, kind, ...more) })(HTMLCanvasElement.prototype.getContext)"
)
HAS_WEBGL = NO_WEBGL.replace("? null", "? {}")  # the question alone is answered; nothing is drawn with it


@pytest.mark.parametrize(
    ("page", "script", "reason"),
    [
        ("book/page.html", NO_WEBGL, "This browser or device has no WebGL 2"),
        ("book/page.html", HAS_WEBGL, "The viewer could not be fetched"),  # it is not served here
        ("notebook.html", HAS_WEBGL, "3D opens on the built site"),
    ],
    ids=["no-webgl", "not-fetched", "notebook"],
)
def test_where_3d_cannot_be_had_a_sentence_says_why_and_the_planes_stay(browser, served, page, script, reason):
    seen = visit(browser, f"{served[1]}/{page}", script)
    button = seen.tab.get_by_role("button", name="Open in 3D")
    button.press("Enter")
    seen.tab.wait_for_function(f"() => document.querySelector('output:not([style])').innerText.includes({reason!r})")
    assert seen.said.endswith("The planes above show the same.")
    assert button.is_enabled() and not seen.tab.locator("figure.volume .stage").is_visible()
    handle = seen.tab.get_by_label("Axial, from low to high")
    before = seen.tab.locator("figure.frame-slider img:visible").first.get_attribute("alt")
    handle.press("Home")
    assert seen.tab.locator("figure.frame-slider img:visible").first.get_attribute("alt") != before
    assert [text for text in seen.errors if "404" not in text] == []
    seen.tab.close()


@pytest.mark.site
def test_the_page_of_the_site_opens_its_subject(browser_3d, address, viewer):
    seen = visit(browser_3d, f"{address}/book/volumes.html")
    seen.opened()
    assert green(seen.drawn()) > 50
    asked = [url for url in seen.asked if not url.startswith(("data:", "blob:"))]
    assert all(url.startswith(address) for url in asked) and asked[-1] == f"{address}/{SCRIPT}"
    assert seen.errors == []
    seen.tab.close()


@pytest.mark.site
def test_the_site_ships_the_viewers_licence_beside_it(site, viewer):
    place = (site / SCRIPT).parent
    assert "Copyright (c) 2021, Niivue" in (place / "LICENSE").read_text()
    assert {path.name for path in place.iterdir()} == {"LICENSE", "niivue.umd.js"}
