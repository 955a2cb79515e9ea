"""Tumour regions: the same answer for arrays and tensors, nested as BraTS has them."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from medsyn_core.data import regions
from medsyn_core.data.volume import REGIONS, region

CODES = st.lists(st.sampled_from([0, 1, 2, 4]), min_size=1, max_size=12)


@given(CODES, st.sampled_from([np.uint8, np.int64]))
def test_a_region_is_where_its_codes_are(codes, dtype):
    wanted = {"WT": {1, 2, 4}, "TC": {1, 4}, "ET": {4}}
    for name, inside in wanted.items():
        expected = [code in inside for code in codes]
        array, tensor = region(np.array(codes, dtype), name), region(torch.tensor(codes), name)
        assert array.dtype == bool and tensor.dtype == torch.bool
        assert array.tolist() == tensor.tolist() == expected


@given(CODES)
def test_they_are_nested_and_those_that_cohorts_are_drawn_with(codes):
    seg = np.array(codes, np.uint8)
    whole, core, enhancing = (region(seg, name) for name in ("WT", "TC", "ET"))
    assert (enhancing <= core).all() and (core <= whole).all()
    for name, expected in regions(seg).items():
        assert np.array_equal(region(seg, name), expected)


def test_shape_and_device_stay_and_the_labels_are_left_alone():
    seg = torch.tensor([[[0, 1], [2, 4]]] * 3)
    before = seg.clone()
    assert region(seg, "TC").shape == (3, 2, 2) and region(seg, "TC").device == seg.device
    assert torch.equal(seg, before)


@pytest.mark.parametrize("name", ["wt", "NCR", "", None])
def test_an_unknown_region_is_refused(name):
    with pytest.raises(ValueError, match=r"is no tumour region; choose one of: WT, TC, ET"):
        region(np.zeros(3, np.uint8), name)
    assert list(REGIONS) == ["WT", "TC", "ET"]
