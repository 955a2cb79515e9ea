"""A figure as a page wants it: an image with alt text on a white card, readable in both themes and on a phone."""

from __future__ import annotations

import base64
import html
import io
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from medsyn_core.figures.style import look

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CARD = "background:#fff;border:1px solid #d5dae0;border-radius:6px;padding:6px;box-sizing:border-box"
CAPTION = "font-size:.95em;margin-top:.4em"
SMALLEST = 0.6  # of its width is as narrow as a picture gets; below that it scrolls, so that its text stays readable


def data_uri(fig: Figure) -> str:
    """The figure as a data URI: SVG for drawings, WebP at two pixels a page pixel where it holds images."""
    buffer = io.BytesIO()
    with look():
        if any(ax.images or _is_dense(ax) for ax in fig.axes):
            fig.savefig(buffer, format="webp", dpi=192, pil_kwargs={"quality": 90, "method": 6})
            kind = "webp"
        else:
            fig.savefig(buffer, format="svg", metadata={"Date": None})
            kind = "svg+xml"
    return f"data:image/{kind};base64,{base64.b64encode(buffer.getvalue()).decode()}"


def _is_dense(ax) -> bool:
    """Whether an SVG of the axes would hold more than a few thousand points."""
    return sum(len(c.get_offsets()) for c in ax.collections) > 3000


def check_alt(alt: str) -> str:
    """`alt` stripped. Raises ValueError where it says nothing."""
    if not isinstance(alt, str) or len(alt.split()) < 3:
        raise ValueError(f"alt={alt!r} says too little; write what is seen, for a reader who cannot see it.")
    return " ".join(alt.split())


@dataclass(frozen=True)
class Picture:
    """A matplotlib figure with alt text and an optional caption; the last expression of a cell shows it.

    The figure is closed for pyplot, so that it is not shown twice. Raises ValueError for an empty alt text.
    """

    fig: Figure = field(repr=False)
    alt: str
    caption: str | None = None

    def __post_init__(self) -> None:
        from matplotlib import pyplot

        object.__setattr__(self, "alt", check_alt(self.alt))
        pyplot.close(self.fig)

    def _repr_html_(self) -> str:
        width = round(self.fig.get_figwidth() * 96)
        image = (
            f'<img src="{data_uri(self.fig)}" alt="{html.escape(self.alt)}" style="display:block;'
            f'width:100%;min-width:{round(width * SMALLEST)}px;max-width:{width}px;margin:0 auto">'
        )
        caption = f'<figcaption style="{CAPTION}">{html.escape(self.caption)}</figcaption>' if self.caption else ""
        card = f'<div style="{CARD};overflow-x:auto;max-width:{width + 14}px">{image}</div>'
        return f'<figure class="medsyn" style="margin:0 0 1em">{card}{caption}</figure>'
