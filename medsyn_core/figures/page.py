"""Pieces of HTML for things to play with: they work on the static page, in JupyterLab and in Colab."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Sequence

import numpy as np

from medsyn_core.figures.picture import CARD

WIDTH = 640  # page pixels of a card


def pixels_uri(pixels: np.ndarray) -> str:
    """An image (H, W) or (H, W, 3) uint8 as a lossless WebP data URI at its own size; the page enlarges it."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "WEBP", lossless=True)
    return f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def image(uri: str, alt: str) -> str:
    """An enlarged image whose pixels stay squares."""
    return (
        f'<img src="{uri}" alt="{html.escape(alt)}" style="display:block;width:100%;image-rendering:pixelated;'
        'border-radius:4px;padding:0">'
    )


def cell(name: str, title: str, uri: str, alt: str) -> str:
    """An image under its title, in a row of cells; name: by which the page finds it."""
    return (
        f'<div data-place="{name}" style="flex:1;min-width:0;text-align:center"><span>{html.escape(title)}</span>'
        f"{image(uri, alt)}</div>"
    )


def row(cells: str) -> str:
    """Cells side by side."""
    return f'<div style="display:flex;gap:6px;align-items:flex-end">{cells}</div>'


def card(body: str, line: str) -> str:
    """A white card, readable in both themes, with a line that screen readers hear when it changes."""
    said = f'<output aria-live="polite" style="display:block;margin-top:.5em">{html.escape(line)}</output>'
    return f'<div style="{CARD};max-width:{WIDTH + 14}px;color:#222;color-scheme:light">{body}{said}</div>'


def choice(name: str, labels: Sequence[str], chosen: int, handler: str) -> str:
    """A native choice with its name; handler: what runs in the page when it changes."""
    options = "".join(
        f"<option{' selected' if k == chosen else ''}>{html.escape(label)}</option>" for k, label in enumerate(labels)
    )
    # Browsers would bring an old choice back when a page is loaded again, but not what it showed.
    select = f'<select autocomplete="off" style="font:inherit" onchange="{html.escape(handler)}">{options}</select>'
    return f'<label style="display:flex;gap:.4em;align-items:center">{name} {select}</label>'
