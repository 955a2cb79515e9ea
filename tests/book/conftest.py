"""The built site behind a local server, and a real browser."""

from __future__ import annotations

import functools
import http.server
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.browser import FLAGS, NONE, browser_path

ROOT = Path(__file__).resolve().parents[2]
SITE = ROOT / os.environ.get("MEDSYN_SITE", "_build/site-smoke")
WEBGL = ["--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args) -> None:
        """Nothing: pytest shows what fails."""


@pytest.fixture(scope="session")
def site() -> Path:
    """The folder of the built site. `make test` builds it from chapters executed in the smoke profile."""
    assert (SITE / ".built").exists(), f"{SITE} is not built; run `make book MEDSYN_PROFILE=smoke` first"
    return SITE


@pytest.fixture(scope="session")
def address(site) -> Iterator[str]:
    handler = functools.partial(Quiet, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="session")
def launch():
    """A function from flags to Chromium as the system has it. Without one these tests are skipped, but never where CI
    is set."""
    path = browser_path()
    if path is None:
        message = f"{NONE} The site was not looked at."
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        yield lambda flags: playwright.chromium.launch(executable_path=path, args=flags)


@pytest.fixture(scope="session")
def browser(launch):
    running = launch(FLAGS)
    yield running
    running.close()


@pytest.fixture(scope="module")
def browser_3d(launch):
    """The same with WebGL 2, drawn by the processor."""
    running = launch([*(flag for flag in FLAGS if flag != "--disable-gpu"), *WEBGL])
    yield running
    running.close()
