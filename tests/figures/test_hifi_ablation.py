"""What an image loses with a memory slot, and the networks that keep all of theirs."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch

from medsyn_core.figures import hifi_ablation as ablation
from medsyn_core.methods import hifi_syn
from medsyn_core.methods.any_to_any import Translator
from medsyn_core.networks.memory_bank import MemoryBank
from tests.methods import small

SLOTS = 38


def translator(temperature=0.1, items=(2, 2, 3, 3, 3, 3, 3), common=19):
    """A model with random weights, whose attribute codes are not all alike."""
    torch.manual_seed(0)
    method = hifi_syn.recipe("smoke", tumour=True).configure(tau_memory=temperature, items=items, common=common).method
    model = method.untrained_model()
    model.attribute.typical.normal_()
    return model.eval()


@pytest.fixture(scope="module")
def image():
    found = torch.rand(16, 16, generator=torch.Generator().manual_seed(1)) + 0.1
    found[:2] = 0
    return found


def test_affinities_without_a_slot_sum_to_one_and_keep_their_proportions():
    bank = MemoryBank(4, 2, (1, 1, 1, 1), 2, 0.1)
    content = torch.randn(2, 4, 3, 3)
    whole, left = bank.affinity(content), ablation.WithoutSlots(bank, [2, 5]).affinity(content)
    assert not left[..., [2, 5]].any()
    torch.testing.assert_close(left.sum(-1), torch.ones(2, 9))
    torch.testing.assert_close(left[..., 0] / left[..., 1], whole[..., 0] / whole[..., 1])


def test_labels_narrow_what_is_left():
    bank = MemoryBank(4, 2, (1, 2), 1, 0.1)
    content, label = torch.randn(1, 4, 1, 2), torch.tensor([[[0, 1]]])
    left = ablation.WithoutSlots(bank, [3]).affinity(content, label)[0]
    assert left[0].tolist() == [1, 0, 0, 0] and left[1, 0] == 0 and left[1, 3] == 0


def test_a_pixel_that_has_nothing_left_to_ask_reads_zeros():
    bank = MemoryBank(4, 2, (0, 0, 0, 0), 2, 0.1)
    nothing = ablation.WithoutSlots(bank, [0, 1])
    affinity = nothing.affinity(torch.randn(1, 4, 2, 2))
    assert not affinity.any() and not nothing.read(affinity, 0, (2, 2)).any()


def test_a_slot_that_nobody_asks_changes_nothing(image):
    model = translator(temperature=0.002)  # so sharp that far slots get exactly 0
    weight = model.memory.affinity(model.content(image[None, None], 0))[0].sum(dim=0)  # (T,)
    rare, common = int(weight.argmin()), int(weight.argmax())
    assert weight[rare] == 0
    answer = lambda model: model.translate(image[None, None], "t2")
    torch.testing.assert_close(answer(ablation.without(model, [rare])), answer(model))
    assert not torch.allclose(answer(ablation.without(model, [common])), answer(model))


def test_the_model_itself_stays_as_it_is(image):
    model = translator()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    whole = model.translate(image[None, None], "t2")
    ablation.without(model, range(SLOTS)).translate(image[None, None], "t2")
    assert isinstance(model.memory, MemoryBank)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert torch.equal(model.translate(image[None, None], "t2"), whole)


@pytest.mark.parametrize("slot", [-1, SLOTS])
def test_a_slot_that_is_not_there_is_refused(slot):
    with pytest.raises(ValueError, match=rf"slot {slot} is not in the bank; it has 38, 0 … 37"):
        ablation.without(translator(), [slot])


def test_a_model_without_a_bank_is_refused():
    for model in (translator(items=(0,) * 7, common=0), Translator(torch.nn.Identity(), ("t1", "t2"))):
        with pytest.raises(ValueError, match="no memory slots"):
            ablation.without(model, [0])


def test_the_picture_shows_both_answers_their_difference_and_who_was_asked(image):
    model, slots = translator(), (10, 11, 12)
    real = (1.2 - image) * (image > 0)
    picture = ablation.ablation(model, image, real, "t2", slots, "all necrosis slots")
    drawn = [ax.images[0].get_array() for ax in picture.fig.axes[:6]]
    whole = model.translate(image[None, None], "t2")[0, 0].numpy()
    less = ablation.without(model, slots).translate(image[None, None], "t2")[0, 0].numpy()
    asked = model.memory.affinity(model.content(image[None, None], 0))[0, :, slots].sum(-1).detach().reshape(8, 8)
    for shown, expected in zip(drawn, (image, whole, less, real, 255 * np.abs(whole - less), asked), strict=True):
        np.testing.assert_allclose(shown, expected, atol=1e-4)
    moved = 255 * np.abs(whole - less)[image > 0].mean()
    assert f"Mean change in the head {moved:.2f} grey levels" in picture.alt
    assert f"part in the read {100 * asked.mean():.0f} %" in picture.alt


def test_all_slots_and_groups_can_be_chosen():
    found = ablation.choices(translator())
    assert found["slot 0 (background)"] == (0,) and found["slot 37 (common)"] == (37,)
    assert found["all enhancing slots"] == (16, 17, 18)
    assert len(found) == SLOTS + 8


# -- at a kernel


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    return small.patients(tmp_path_factory.mktemp("c"))


def test_a_live_choice_is_computed_by_the_model(cohort):
    model = translator()
    box = ablation.live(model, cohort)
    (which, way, slots), shown = box.children[0].children, box.children[1]
    way.label, slots.value = "T2 to T1", "all common slots"
    row = cohort.subset("test").indices[which.value]
    source, real = (torch.from_numpy(cohort.images[row, column].astype(np.float32)) for column in (2, 0))
    expected = ablation.ablation(model, source, real, "t1", ablation.choices(model)[slots.value], slots.value)
    assert re.search(r'alt="([^"]*)"', shown.value)[1] == re.search(r'alt="([^"]*)"', expected._repr_html_())[1]
    before = shown.value
    slots.value = "slot 0 (background)"
    assert shown.value != before and "without slot 0 (background)" in shown.value


def test_only_slices_with_both_modalities_are_offered(cohort):
    which = ablation.live(translator(), cohort).children[0].children[0]
    assert len(which.options) == len(cohort.subset("test").indices)
    assert list(which.options)[:2] == ["p-7, slice 1", "p-7, slice 2"]


def test_a_cohort_that_lacks_a_modality_is_refused(cohort):
    other = hifi_syn.recipe("smoke", ("t1", "ct")).method.untrained_model()
    with pytest.raises(ValueError, match="ct"):
        ablation.live(other, cohort)
