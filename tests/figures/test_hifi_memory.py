"""HiFi-Syn's memory bank in pictures: who may use which slot, and what queries read."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from medsyn_core.figures import hifi_memory as memory
from medsyn_core.networks.memory_bank import MemoryBank

OWNERS = np.repeat([0, 1, 2, 3, -1], [2, 2, 3, 3, 10])


def bank(items=(2, 2, 3, 3), common=10):
    return MemoryBank(4, 2, items, common, 0.1)


def test_slots_are_grouped_by_structure_with_the_common_ones_last():
    found = memory.groups(OWNERS, 4)
    assert list(found) == ["background", "CSF", "GM", "WM", "common"]
    assert found["GM"].tolist() == [4, 5, 6] and len(found["common"]) == 10
    assert list(memory.groups(np.array([2, 6, -1]), 7)) == ["GM", "enhancing", "common"]


@pytest.mark.parametrize(
    ("owners", "structures", "message"), [([0, 4], 4, r"structures \[4\]; there are 0 … 3"), ([0], 5, "5 structures")]
)
def test_structures_that_nobody_has_are_refused(owners, structures, message):
    with pytest.raises(ValueError, match=message):
        memory.groups(np.array(owners), structures)


# -- figure 3


def test_a_label_opens_its_own_slots_and_the_common_ones():
    allowed = memory.rights(bank(), 4)
    assert allowed.shape == (5, 20)
    for line, own in enumerate(memory.groups(OWNERS, 4).values()):
        if line < 4:
            assert np.flatnonzero(allowed[line]).tolist() == [*own, *range(10, 20)]
    assert allowed[4].all()


def test_what_may_be_read_is_what_the_bank_reads():
    whole = bank()
    content, labels = torch.rand(1, 4, 1, 4), torch.arange(4)[None, None]
    reads = torch.cat([whole.affinity(content, labels)[0], whole.affinity(content[..., :1])[0]]) > 0
    np.testing.assert_array_equal(memory.rights(whole, 4), reads.numpy())


def test_the_setting_is_drawn_from_the_bank():
    ax = memory.setting(bank()).fig.axes[0]
    cells = ax.images[0].get_array()  # (5, 20, 3)
    closed = cells[0, 2]
    filled = (np.abs(cells - closed).sum(-1) > 0).astype(bool)
    np.testing.assert_array_equal(filled, memory.rights(bank(), 4))
    dots = np.array(ax.lines[0].get_data()).T.astype(int)  # slot, line
    assert len(dots) == filled[:4].sum() and all(filled[line, slot] for slot, line in dots)
    assert dots[:, 1].max() == 3  # a pixel without label writes nothing
    assert [text.get_text() for text in ax.get_xticklabels()][-1] == "common (10)"


def test_another_bank_gives_another_setting():
    alt = memory.setting(bank((1, 0, 2, 2), 3)).alt
    assert "The 8 slots of a memory bank: 1 of background, 2 of GM, 2 of WM, 3 common ones" in alt
    assert "background 4, CSF 3, GM 5, WM 5. A pixel without label reads 8 and writes none" in alt
    tumour = memory.setting(bank((2, 2, 3, 3, 3, 3, 3), 19), 7)
    assert len(tumour.fig.axes[0].get_yticks()) == 8


def test_a_bank_without_slots_has_no_setting():
    with pytest.raises(ValueError, match="has no slots"):
        memory.setting(bank((0, 0, 0, 0), 0))


# -- figure 8


def reads(own):
    """Affinities (4, 8, 20) that give `own` to the slots of a query's structure and the rest to the common ones."""
    found = np.zeros((4, 8, 20))
    for lines, slots in zip(found, memory.groups(OWNERS, 4).values(), strict=False):
        lines[:, slots] = own / len(slots)
    found[:, :, 10:] = (1 - own) / 10
    return found


def test_maps_share_one_scale_and_frame_each_structures_own_slots():
    seen = {"with": reads(0.8), "without": reads(0.2)}
    picture = memory.affinities(seen, OWNERS)
    *maps, _ = picture.fig.axes
    assert [ax.get_title() for ax in maps] == ["with", "without"]
    assert {ax.images[0].get_clim() for ax in maps} == {(0.0, 0.4)}
    for ax, affinity in zip(maps, seen.values(), strict=True):
        np.testing.assert_allclose(ax.images[0].get_array(), affinity.reshape(32, 20), rtol=1e-6)
        inside = np.zeros((32, 20), bool)
        for frame in ax.patches:
            (left, top), width, height = frame.get_xy(), int(frame.get_width()), int(frame.get_height())
            inside[round(top + 0.5) :, round(left + 0.5) :][:height, :width] = True
        np.testing.assert_array_equal(inside, np.repeat(np.arange(4), 8)[:, None] == OWNERS)


def test_the_alt_text_says_how_much_goes_to_the_own_slots():
    half = np.full((4, 8, 20), 1 / 20)
    alt = memory.affinities({"sorted": reads(0.7), "even": half}, OWNERS).alt
    assert "sorted: background 100 %, CSF 100 %, GM 100 %, WM 100 %" in alt  # of what goes to slots of structures
    assert "even: background 20 %, CSF 20 %, GM 30 %, WM 30 %. Spread evenly: background 20 %" in alt


@pytest.mark.parametrize(
    ("affinity", "message"),
    [
        (reads(0.5)[..., :19], r"'x': affinity has shape \(4, 8, 19\); structures x queries x 20 slots"),
        (reads(0.5).reshape(32, 20), r"has shape \(32, 20\)"),
        (reads(0.5) * 2, "must sum to 1"),
    ],
)
def test_affinities_that_do_not_fit_are_refused(affinity, message):
    with pytest.raises(ValueError, match=message):
        memory.affinities({"x": affinity}, OWNERS)
