"""A slider over pictures drawn beforehand: plain HTML, so it moves on the static page, in JupyterLab and in Colab."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from medsyn_core.figures.picture import CAPTION, CARD, SMALLEST, check_alt, data_uri

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Runs in the page when the slider moves: shows one image, hides the others, says its label.
MOVE = (
    "const f=this.closest('figure'),i=+this.value;"
    "f.querySelectorAll('img').forEach((e,k)=>{e.hidden=k!==i});"
    "const l=f.querySelectorAll('img')[i].dataset.label;"
    "f.querySelector('output').textContent=l;this.setAttribute('aria-valuetext',l)"
)


def encode(image: np.ndarray, limits: tuple[float, float], width: int) -> str:
    """An image (H, W) or (H, W, 3) as a WebP data URI, enlarged to about `width` pixels without smoothing."""
    from PIL import Image

    low, high = limits
    array = np.asarray(image)
    if array.dtype != np.uint8:
        array = np.clip((array.astype(np.float32) - low) / (high - low), 0, 1) * 255
    picture = Image.fromarray(array.round().astype(np.uint8))
    factor = max(1, round(width / picture.width))
    picture = picture.resize((picture.width * factor, picture.height * factor), Image.Resampling.NEAREST)
    buffer = io.BytesIO()
    picture.save(buffer, "WEBP", quality=85, method=6)
    return f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode()}"


class FrameSlider:
    """Frames behind a range input; arrow keys, Home and End move it. Needs no kernel.

    frames: images (H, W) or (H, W, 3), shown between `limits`, or matplotlib figures of one size; labels: one a
    frame, shown beside the slider; alts: one a frame, or one text to which the label is added; width: page pixels.
    Raises ValueError where the counts differ or an alt text says nothing.
    """

    def __init__(
        self,
        frames: Sequence[np.ndarray | Figure],
        labels: Sequence[str],
        alts: Sequence[str] | str,
        caption: str | None = None,
        *,
        limits: tuple[float, float] = (0.0, 1.0),
        width: int = 384,
        start: int = 0,
    ) -> None:
        alts = [f"{alts}: {label}" for label in labels] if isinstance(alts, str) else list(alts)
        if not len(frames) == len(labels) == len(alts) > 0:
            raise ValueError(f"{len(frames)} frames, {len(labels)} labels and {len(alts)} alt texts; give one each.")
        if not 0 <= start < len(frames):
            raise ValueError(f"start={start} is no frame; there are {len(frames)}.")
        self.labels, self.alts, self.caption, self.start = list(labels), [check_alt(a) for a in alts], caption, start
        drawn = [not hasattr(frame, "__array__") for frame in frames]
        self.width = round(frames[0].get_figwidth() * 96) if drawn[0] else width
        self.smallest = round(self.width * SMALLEST) if drawn[0] else 0  # images without text may shrink freely
        self.images = [
            data_uri(frame) if is_figure else encode(frame, limits, 2 * width)
            for frame, is_figure in zip(frames, drawn, strict=True)
        ]

    def __repr__(self) -> str:
        return f"FrameSlider({len(self.images)} frames: {self.labels[0]} ... {self.labels[-1]})"

    def _repr_html_(self) -> str:
        escape = html.escape
        images = "".join(
            f'<img src="{uri}" alt="{escape(alt)}" data-label="{escape(label)}"{"" if k == self.start else " hidden"}'
            f' style="width:100%;min-width:{self.smallest}px;border-radius:4px">'
            for k, (uri, alt, label) in enumerate(zip(self.images, self.alts, self.labels, strict=True))
        )
        label = self.labels[self.start]
        name = escape(self.caption or "frame")
        control = (
            '<label style="display:flex;gap:.75em;align-items:center;margin-top:.4em;color:#222">'
            f'<input type="range" min="0" max="{len(self.images) - 1}" value="{self.start}" step="1" style="flex:1;'
            f'min-width:0" aria-label="{name}" aria-valuetext="{escape(label)}" oninput="{escape(MOVE)}">'
            f'<output aria-live="polite" style="min-width:7em">{escape(label)}</output></label>'
        )
        caption = f'<figcaption style="{CAPTION}">{escape(self.caption)}</figcaption>' if self.caption else ""
        frames = f'<div style="overflow-x:auto">{images}</div>'
        card = f'<div style="{CARD};max-width:{self.width + 14}px">{frames}{control}</div>'
        return f'<figure class="medsyn frame-slider" style="margin:0 0 1em">{card}{caption}</figure>'
