"""A block on the page: its planes from three sides, what the viewers are given, and what is said without them."""

from __future__ import annotations

import base64
import html
import io
import json
import re
import sys
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from medsyn_core.data.volume import ED, ET, NCR
from medsyn_core.figures import style, volume_page, volume_planes, volume_viewer
from tests.figures import volume_made as made

GREEN, CYAN = (np.array([int(style.REGION[name][k : k + 2], 16) for k in (1, 3, 5)]) for name in ("ED", "ET"))


@pytest.fixture(scope="module")
def block():
    return made.block().beside("bright <ones>", ED * (made.head() > 1.9))


@pytest.fixture(scope="module")
def page(block):
    return volume_page.StaticBlock(block)._repr_html_()


def opened(slider):
    """The picture that a slider starts with, (H, W, 3)."""
    content = base64.b64decode(slider.images[slider.start].split(",")[1])
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"), int)


def test_the_patients_right_the_front_and_the_top_are_where_radiologists_look_for_them():
    array = np.zeros((4, 5, 6))
    array[3, 4, 5] = 1  # right, anterior, superior
    for axis, last in ((2, 5), (1, 4), (0, 3)):
        assert np.argwhere(volume_planes.plane(array, axis, last)).tolist() == [[0, 0]]


def test_outlines_are_drawn_inside_the_parts_in_their_colours():
    labels = np.zeros((8, 8), np.uint8)
    labels[2:6, 2:6], labels[3:5, 3:5] = ED, ET
    drawn = volume_planes.outlined(np.full((8, 8), 0.5), labels, (160, 160)).astype(int)
    assert abs(drawn[40, 60] - GREEN).max() <= 1 and abs(drawn[60, 80] - CYAN).max() <= 1
    assert (drawn[80, 80] == 128).all() and (drawn[10, 10] == 128).all()  # inside the rim, and outside all
    assert (drawn[38, 60] == 128).all()  # nothing outside the border


@pytest.mark.parametrize("side", volume_planes.SIDES, ids=lambda side: side.name)
def test_a_slider_opens_where_most_of_the_tumour_is_and_says_how_much(block, side):
    slider = volume_planes.slider(block, side)
    axis = side.axis
    across = tuple(k for k in range(3) if k != axis)
    most = int((block.labels > 0).sum(axis=across).argmax())
    at = (made.AFFINE @ np.eye(4)[3] + made.AFFINE[:, axis] * most)[axis]
    assert slider.labels[slider.start] == f"{side.letter} = {at:.0f} mm".replace("-", "−")
    counts = {name: (np.take(block.labels, most, axis) == code).sum() for name, code in (("ED", ED), ("ET", ET))}
    assert f"{counts['ED']} pixels of ED" in slider.alts[slider.start]
    assert f"{counts['ET']} of ET" in slider.alts[slider.start]
    assert slider.alts[0].endswith(": no tumour")
    picture = opened(slider)
    assert picture.shape == (volume_planes.SIDE, volume_planes.SIDE, 3)
    coloured = np.argwhere(np.ptp(picture, axis=-1) > 60)
    assert (coloured.mean(axis=0) < volume_planes.SIDE / 2).all()  # upwards or forwards; right or forwards


def test_planes_of_thick_voxels_keep_their_proportions(block):
    flat = replace(block, affine=np.diag([1.0, 1.0, 4.0, 1.0]))
    slider = volume_planes.slider(flat, volume_planes.SIDES[1])
    k = slider.labels.index(slider.labels[slider.start])
    seen, voxels = opened(slider).max(axis=-1) > 25, block.image[:, k] > 0.1
    height, width = (1 + np.ptp(np.flatnonzero(seen.any(axis=axis))) for axis in (1, 0))
    deep, wide = (1 + np.ptp(np.flatnonzero(voxels.any(axis=axis))) for axis in (0, 1))
    assert height / width == pytest.approx(4 * deep / wide, rel=0.05)


def test_an_empty_block_is_refused_and_one_without_tumour_is_not(block):
    nothing = np.zeros(made.SHAPE)
    with pytest.raises(ValueError, match="black everywhere"):
        volume_planes.sliders(replace(block, image=nothing, labels=nothing.astype(np.uint8)))
    healthy = replace(block, labels=nothing.astype(np.uint8), others={})
    assert "no tumour is labelled" in volume_page.StaticBlock(healthy)._repr_html_()


# -- for 3D


def test_the_figure_holds_the_blocks_own_files_in_the_books_colours(page, block):
    data = json.loads(html.unescape(re.search(r'data-block="([^"]*)"', page)[1]))
    image, *layers = block.files().values()
    assert base64.b64decode(data["image"]) == image
    assert [base64.b64decode(layer) for layer in data["layers"]] == layers
    assert data["at"] == pytest.approx(block.middle())
    colours = data["colours"]
    assert [colours[key][ED] for key in "RGB"] == GREEN.tolist() and colours["labels"][NCR] == "NCR"
    assert [colours["A"][code] for code in (0, NCR, ED, 3, ET)] == [0, 255, 255, 0, 255]


def test_the_page_is_described_has_no_ids_and_asks_nobody(page, block):
    assert f'aria-label="A view in 3D. {html.escape(block.said())}."' in page
    written = re.sub(r'data:image[^"]+|data-block="[^"]*"', "", page)
    assert not re.search(r"https?:|//[a-z]|<script| id=", written)
    assert "bright &lt;ones&gt;" in page and "<ones>" not in page
    assert 'data-set="layer"' in page and 'data-set="layer"' not in volume_page.solid(made.block())


def test_the_widget_gets_the_same_files(block):
    ipyniivue = pytest.importorskip("ipyniivue")
    shown = volume_viewer.viewer(block, opacity=0.4)
    assert [volume.name for volume in shown.volumes] == ["image.nii.gz", "reference.nii.gz", "bright <ones>.nii.gz"]
    assert [volume.data for volume in shown.volumes] == list(block.files().values())
    assert [volume.opacity for volume in shown.volumes] == [1.0, 0.4, 0.0]
    assert shown.opts.is_radiological_convention and shown.opts.slice_type == ipyniivue.SliceType.MULTIPLANAR
    table = np.reshape(shown.volumes[1].colormap_label.lut, (-1, 4))
    first = int(shown.volumes[1].colormap_label.min)
    assert table[ED - first].tolist() == [*GREEN, 255] and table[0 - first, 3] == 0


def test_an_opacity_that_is_none_is_refused(block):
    with pytest.raises(ValueError, match=r"opacity=1.5 must lie within 0 … 1"):
        volume_viewer.viewer(block, opacity=1.5)


def test_without_ipyniivue_a_sentence_says_what_to_install(block, monkeypatch):
    monkeypatch.setattr(volume_viewer, "find_spec", lambda name: None)
    monkeypatch.setitem(sys.modules, "ipyniivue", None)  # an import would fail
    shown = volume_viewer.viewer(block)
    assert "`%pip install ipyniivue`" in shown._repr_markdown_() and repr(shown) == shown._repr_markdown_()
