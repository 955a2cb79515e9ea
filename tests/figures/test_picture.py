"""Pictures and sliders: described, safe in HTML, the same bytes each time."""

from __future__ import annotations

import base64
import io
import re

import numpy as np
import pytest
from PIL import Image

from medsyn_core.figures import FrameSlider, Picture, curves, panels

ALT = "A loss that falls"


def drawing():
    return curves({"loss": np.linspace(1, 0, 20)}, ylabel="loss")


def decoded(uri: str) -> bytes:
    return base64.b64decode(uri.split(",", 1)[1])


def sources(html: str) -> list[str]:
    return re.findall(r'<img src="([^"]+)"', html)


def test_a_drawing_is_svg_and_an_image_is_not():
    assert sources(Picture(drawing(), ALT)._repr_html_())[0].startswith("data:image/svg+xml")
    photo = panels({"T1": np.random.rand(1, 8, 8)}, ["a"])
    uri = sources(Picture(photo, ALT)._repr_html_())[0]
    assert uri.startswith("data:image/webp")
    width, _ = Image.open(io.BytesIO(decoded(uri))).size
    assert width == pytest.approx(2 * 96 * photo.get_figwidth(), abs=2)


def test_the_same_figure_gives_the_same_bytes():
    assert Picture(drawing(), ALT)._repr_html_() == Picture(drawing(), ALT)._repr_html_()


def test_texts_are_escaped_and_the_caption_is_optional():
    html = Picture(drawing(), 'x < y & "z" in three', caption="a < b")._repr_html_()
    assert 'alt="x &lt; y &amp; &quot;z&quot; in three"' in html
    assert "<figcaption" in html and "a &lt; b" in html
    assert "<figcaption" not in Picture(drawing(), ALT)._repr_html_()


@pytest.mark.parametrize("alt", ["", "plot", "a plot", None])
def test_an_alt_text_that_says_nothing_is_refused(alt):
    with pytest.raises(ValueError, match="says too little"):
        Picture(drawing(), alt)


def test_a_pyplot_figure_is_closed():
    from matplotlib import pyplot

    fig, _ = pyplot.subplots()
    Picture(fig, ALT)
    assert not pyplot.fignum_exists(fig.number)


def test_slider_has_one_described_frame_each_and_shows_the_first():
    frames = [np.full((4, 4), v) for v in (0.0, 0.5, 2.0)]
    html = FrameSlider(frames, ["one", "two", "three"], "A grey square", start=1)._repr_html_()
    assert re.findall(r'alt="([^"]+)"', html) == ["A grey square: one", "A grey square: two", "A grey square: three"]
    assert len(re.findall(r" hidden ", html)) == 2
    assert 'max="2" value="1"' in html and 'aria-valuetext="two"' in html
    levels = [np.asarray(Image.open(io.BytesIO(decoded(uri))).convert("L")).mean() for uri in sources(html)]
    assert levels == pytest.approx([0, 128, 255], abs=3)  # values above the limits are cut


def test_slider_takes_figures():
    html = FrameSlider([drawing(), drawing()], ["a", "b"], [ALT, ALT])._repr_html_()
    assert len(sources(html)) == 2


@pytest.mark.parametrize(
    ("labels", "alts", "start"), [(["a"], ALT, 0), (["a", "b"], [ALT], 0), (["a", "b"], ALT, 2), (["a", "b"], "x", 0)]
)
def test_slider_refuses_what_does_not_fit(labels, alts, start):
    if alts == "x":
        labels = ["", ""]
    with pytest.raises(ValueError):
        FrameSlider([np.zeros((2, 2))] * 2, labels, alts, start=start)
