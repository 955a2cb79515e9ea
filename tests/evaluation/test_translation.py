import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from medsyn_core.evaluation import METRICS, PSNR_CEILING, ssim_map, translation_metrics, tumour_boxes


def slices(seed=0, n=6, px=16):
    rng = np.random.default_rng(seed)
    target = rng.random((n, px, px))
    predicted = target + 0.2 * rng.standard_normal(target.shape)
    brain = np.zeros((n, px, px), bool)
    brain[:, 3:13, 4:12] = True
    seg = np.zeros((n, px, px), np.uint8)
    seg[1, 5:8, 5:8] = 2
    seg[2, 6, 6] = 4
    return dict(predicted=predicted, target=target, brain=brain, seg=seg, subject=np.array([7, 7, 7, 3, 3, 3])[:n])


def naive(predicted, target, mask):
    absolute = square = count = 0.0
    for index in np.ndindex(*predicted.shape):
        if mask[index]:
            error = predicted[index] - target[index]
            absolute, square, count = absolute + abs(error), square + error * error, count + 1
    return 255 * absolute / count, 10 * math.log10(count / square)


def test_agrees_with_loops_over_pixels_and_keeps_order_of_subjects():
    data = slices()
    rows = translation_metrics(**data)
    assert [row["subject"] for row in rows] == [7, 3]
    assert [row["slices"] for row in rows] == [3, 3]
    for row in rows:
        own = data["subject"] == row["subject"]
        p, t = data["predicted"][own], data["target"][own]
        for suffix, mask in (("", np.ones(p.shape)), ("_brain", data["brain"][own]), ("_tumour", data["seg"][own])):
            if not np.any(mask):
                continue
            mae, psnr = naive(p, t, mask)
            assert row[f"mae{suffix}"] == pytest.approx(mae)
            assert row[f"psnr{suffix}"] == pytest.approx(psnr)


def test_agrees_with_skimage_over_whole_images():
    data = slices()
    row = translation_metrics(**data)[0]
    p, t = data["predicted"][:3], data["target"][:3]
    assert row["ssim"] == pytest.approx(
        np.mean([structural_similarity(b, a, data_range=1.0) for a, b in zip(p, t, strict=True)])
    )
    assert row["psnr"] == pytest.approx(peak_signal_noise_ratio(t, p, data_range=1.0))


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 1000), data_range=st.sampled_from([0.5, 1.0, 2.0, 255.0]), px=st.integers(7, 20))
def test_ssim_map_is_the_map_of_skimage(seed, data_range, px):
    rng = np.random.default_rng(seed)
    a, b = rng.random((2, 2, px, px + 3)) * data_range
    ours = ssim_map(a, b, data_range)
    for i in range(2):
        _, theirs = structural_similarity(a[i], b[i], data_range=data_range, full=True)
        np.testing.assert_allclose(ours[i], theirs, atol=1e-9)


def test_regions_of_ssim_average_the_map():
    data = slices()
    rows = translation_metrics(**data)
    similarity = ssim_map(data["predicted"], data["target"])[:3]
    assert rows[0]["ssim_brain"] == pytest.approx(similarity[data["brain"][:3]].mean())
    assert rows[0]["ssim_tumour"] == pytest.approx(similarity[data["seg"][:3] > 0].mean())


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), density=st.sampled_from([0.0, 0.02, 0.2, 1.0]))
def test_the_box_is_the_smallest_rectangle_round_the_tumour_of_each_slice(seed, density):
    seg = (np.random.default_rng(seed).random((3, 9, 7)) < density).astype(np.uint8) * 4
    boxes = tumour_boxes(seg)
    for tumour, box in zip(seg > 0, boxes, strict=True):
        if not tumour.any():
            assert not box.any()
            continue
        y, x = np.nonzero(tumour)
        expected = np.zeros_like(tumour)
        expected[y.min() : y.max() + 1, x.min() : x.max() + 1] = True
        np.testing.assert_array_equal(box, expected)


def test_box_scores_pool_the_boxes_of_a_subjects_slices():
    data = slices()
    row = translation_metrics(**data)[0]
    p, t = data["predicted"][:3], data["target"][:3]
    boxes = np.zeros(p.shape, bool)
    boxes[1, 5:8, 5:8] = boxes[2, 6, 6] = True
    mae, psnr = naive(p, t, boxes)
    assert (row["mae_box"], row["psnr_box"]) == pytest.approx((mae, psnr))
    assert row["ssim_box"] == pytest.approx(ssim_map(p, t)[boxes].mean())


def test_a_subject_without_tumour_has_none_there_and_numbers_elsewhere():
    row = translation_metrics(**slices())[1]
    for name in METRICS:
        assert (row[name] is None) == name.endswith(("_tumour", "_box"))


def test_an_exact_copy_gets_the_ceiling_and_an_ssim_of_one():
    data = slices()
    row = translation_metrics(**data | {"predicted": data["target"]})[0]
    assert row["psnr"] == row["psnr_tumour"] == PSNR_CEILING
    assert row["mae"] == 0
    assert row["ssim"] == pytest.approx(1)


def test_units_do_not_matter_when_data_range_follows():
    data = slices()
    one = translation_metrics(**data)[0]
    scaled = {name: data[name] * 40 for name in ("predicted", "target")}
    other = translation_metrics(**data | scaled, data_range=40.0)[0]
    for name in METRICS:
        assert other[name] == pytest.approx(one[name])


def test_errors_outside_the_brain_change_only_whole_image_scores():
    data = slices()
    changed = data["predicted"].copy()
    changed[:, 0, 0] += 0.5  # SSIM windows of the brain do not reach the corner
    before, after = (translation_metrics(**data | {"predicted": p})[0] for p in (data["predicted"], changed))
    assert after["psnr"] < before["psnr"]
    for name in METRICS[3:]:
        assert after[name] == before[name]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"predicted": np.zeros((6, 1, 16, 16))}, r"predicted has shape \(6, 1, 16, 16\)"),
        ({"target": np.zeros((6, 16, 15))}, r"target has shape \(6, 16, 15\)"),
        ({"brain": np.ones((5, 16, 16))}, "brain has shape"),
        ({"seg": np.ones((16, 16))}, "seg has shape"),
        ({"subject": np.zeros(4)}, r"subject has shape \(4,\)"),
        ({"data_range": 0.0}, "data_range=0.0 must be positive"),
        ({"brain": np.zeros((6, 16, 16))}, "subject 7 has an empty brain mask"),
    ],
)
def test_bad_input_is_named(change, words):
    with pytest.raises(ValueError, match=words):
        translation_metrics(**slices() | change)


@pytest.mark.parametrize("name", ["predicted", "target"])
def test_a_nan_is_named_with_its_slice_and_subject(name):
    data = slices()
    data[name][4, 2, 2] = np.nan
    with pytest.raises(ValueError, match=rf"{name} has values that are not finite in 1 slices, .* 4 \(subject 3\)"):
        translation_metrics(**data)


def test_slices_smaller_than_the_window_are_refused():
    with pytest.raises(ValueError, match="at least 7 x 7"):
        ssim_map(np.zeros((1, 6, 9)), np.zeros((1, 6, 9)))
