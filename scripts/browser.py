"""Which Chromium the scripts and the tests start, and how."""

from __future__ import annotations

import shutil

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
NONE = f"no browser found ({', '.join(BROWSERS)}); install Chromium."
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def browser_path() -> str | None:
    """Where the first of `BROWSERS` that is installed lies; None without one."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)
