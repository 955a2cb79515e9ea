"""Every picture and table of the book, from arrays and run records."""

from medsyn_core.figures import style
from medsyn_core.figures.curves import curves, dots
from medsyn_core.figures.panels import close_up, panels
from medsyn_core.figures.picture import Picture
from medsyn_core.figures.slider import FrameSlider
from medsyn_core.figures.tables import Table, listing, provenance, scores

__all__ = [
    "FrameSlider",
    "Picture",
    "Table",
    "close_up",
    "curves",
    "dots",
    "listing",
    "panels",
    "provenance",
    "scores",
    "style",
]
