"""A block on a page without a kernel: its planes from three sides, and a button that opens it in 3D."""

from __future__ import annotations

import base64
import html
import json

from medsyn_core.figures.d2_widget import key
from medsyn_core.figures.picture import CAPTION, CARD, check_alt
from medsyn_core.figures.volume_planes import sliders
from medsyn_core.figures.volume_script import MOVED, OPEN, RULES
from medsyn_core.figures.volume_viewer import colours
from medsyn_core.figures.volumes import Block

COLUMNS = "display:grid;grid-template-columns:repeat(auto-fit,minmax(180px,1fr));gap:0 10px;max-width:902px"
VIEWS = (("4", "3D"), ("3", "3D and planes"))  # NiiVue's numbers
SIDES = (("270 0", "right"), ("90 0", "left"), ("180 0", "front"), ("0 0", "back"), ("0 90", "top"))
"""Azimuth and elevation in degrees of the side that is cut away."""
CONTROLS = (
    ("turn", "turn", 0, 360, 5, 230, "degrees"),
    ("tilt", "tilt", -90, 90, 5, 20, "degrees"),
    ("cut", "cut away", 0, 100, 2, 0, "percent"),
    ("brain", "brain", 0, 100, 5, 100, "percent"),
    ("labels", "tumour", 0, 100, 5, 100, "percent"),
)
"""Name, label, lowest, highest, step, start and unit of each slider of the 3D view."""


class StaticBlock:
    """Three sliders over a block's planes, the tumour's parts outlined; below them a figure that opens NiiVue.

    The planes need nothing. 3D needs the site, which has NiiVue's script, and WebGL 2; where either is missing, a
    sentence says which, and the planes stay.
    """

    def __init__(self, block: Block) -> None:
        self.block, self.sliders = block, sliders(block)

    def __repr__(self) -> str:
        return f"StaticBlock({self.block.said()})"

    def _repr_html_(self) -> str:
        side = '<div style="min-width:0;max-width:294px">{}</div>'.format
        planes = "".join(side(one._repr_html_()) for one in self.sliders)
        row = f'<div style="{COLUMNS}">{planes}</div>'
        return f'<div class="medsyn-plain">{row}{solid(self.block)}</div>'


def solid(block: Block) -> str:
    """The figure that opens a block in 3D; it holds the voxels."""
    files = {name: base64.b64encode(content).decode() for name, content in block.files().items()}
    data = {
        "image": files.pop("image"),
        "layers": list(files.values()),
        "colours": colours(),
        "at": block.middle().tolist(),
    }
    alt = html.escape(check_alt(f"A view in 3D. {block.said()}."))
    choices = _choice("view", "show", VIEWS) + _choice("side", "cut from the", SIDES)
    if len(files) > 1:
        choices = _choice("layer", "labels", tuple((str(k + 1), name) for k, name in enumerate(files))) + choices
    stage = (
        f'<div class="stage" hidden><div class="canvas"><canvas role="img" aria-label="{alt}"></canvas></div>'
        f'<div class="controls" oninput="{html.escape(MOVED)}">{choices}{"".join(_slider(*one) for one in CONTROLS)}'
        "</div></div>"
    )
    button = (
        f'<button type="button" onclick="{html.escape(OPEN)}">Open in 3D</button>'
        '<span class="offer"> The viewer, NiiVue, is 0.8 MB and comes from this site.</span>'
    )
    caption = (
        f"{block.said()}. Drag to turn it, or use the sliders. “Cut away” takes a part of the head off and leaves the "
        "tumour; its colours are those of the outlines."
    )
    return (
        f'<figure class="medsyn volume" data-block="{html.escape(json.dumps(data))}" style="margin:0 0 1em">'
        f'<style>{RULES}</style><div class="card" style="{CARD}">{button}{stage}'
        f'<output aria-live="polite"></output>{key()}</div>'
        f'<figcaption style="{CAPTION}">{html.escape(caption)}</figcaption></figure>'
    )


def _choice(name: str, label: str, options: tuple[tuple[str, str], ...]) -> str:
    listed = "".join(f'<option value="{value}">{html.escape(text)}</option>' for value, text in options)
    return f'<label>{label} <select data-set="{name}" autocomplete="off">{listed}</select></label>'


def _slider(name: str, label: str, low: int, high: int, step: int, start: int, unit: str) -> str:
    return (
        f'<label>{label} <input type="range" data-set="{name}" min="{low}" max="{high}" step="{step}" value="{start}" '
        f'aria-valuetext="{start} {unit}" data-unit="{unit}" autocomplete="off"></label>'
    )
