"""One look: colours that stay apart for every reader, and settings that are handed back."""

from __future__ import annotations

import itertools

import matplotlib as mpl
import numpy as np
import pytest

from medsyn_core.figures import style

# Linear-RGB matrices of complete colour blindness (Machado, Oliveira and Fernandes, 2009, severity 1).
EYES = {
    "usual": np.eye(3),
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


def lab(colour: str, eye: str) -> np.ndarray:
    """CIELAB of a colour as somebody with this eye sees it."""
    rgb = np.array(mpl.colors.to_rgb(colour))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    linear = np.clip(np.asarray(EYES[eye]) @ linear, 0, 1)
    to_xyz = [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
    xyz = np.array(to_xyz) @ linear / [0.95047, 1, 1.08883]
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("eye", EYES)
@pytest.mark.parametrize("table", [style.MODALITY, style.TISSUE, style.REGION], ids=["modality", "tissue", "region"])
def test_colours_stay_apart(table, eye):
    for a, b in itertools.combinations(table, 2):
        assert np.linalg.norm(lab(table[a], eye) - lab(table[b], eye)) > 10, f"{a} and {b} look alike"


def test_known_names_keep_their_colour_and_others_get_free_ones():
    given = style.colours(["t2", "U-Net", "sGAN"])
    assert given["t2"] == style.MODALITY["t2"]
    assert len(set(given.values())) == 3


def test_the_look_is_handed_back():
    before = mpl.rcParams["axes.grid"], mpl.rcParams["font.size"]
    with style.look():
        assert mpl.rcParams["font.size"] == style.RC["font.size"]
    assert (mpl.rcParams["axes.grid"], mpl.rcParams["font.size"]) == before
    assert style.styled(lambda: mpl.rcParams["axes.grid"])() is True
