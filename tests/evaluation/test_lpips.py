"""LPIPS: its value against loops, its gradient, the files it is given, and its mean over a subject."""

import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from medsyn_core.evaluation import Lpips, lpips_files, subject_lpips

# Typed from the published files: place in AlexNet's stack, channels out and in, kernel, stride, padding, pooled before.
CONVOLUTIONS = (
    (0, 64, 3, 11, 4, 2, False),
    (3, 192, 64, 5, 1, 2, True),
    (6, 384, 192, 3, 1, 1, True),
    (8, 256, 384, 3, 1, 1, False),
    (10, 256, 256, 3, 1, 1, False),
)


def made_up():
    """(backbone, heads): random weights under the keys and in the shapes of the published files."""
    random = torch.Generator().manual_seed(0)
    backbone, heads = {"classifier.6.bias": torch.zeros(1000)}, {}
    for level, (place, out, into, kernel, *_) in enumerate(CONVOLUTIONS):
        spread = (2 / (into * kernel**2)) ** 0.5
        backbone[f"features.{place}.weight"] = spread * torch.randn(out, into, kernel, kernel, generator=random)
        backbone[f"features.{place}.bias"] = 0.1 * torch.randn(out, generator=random)
        heads[f"lin{level}.model.1.weight"] = torch.rand(1, out, 1, 1, generator=random)
    return backbone, heads


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The weights, the files that hold them, and the scorer made from the files."""
    folder = tmp_path_factory.mktemp("lpips")
    backbone, heads = made_up()
    torch.save(backbone, folder / "alexnet.pth")
    backwards = dict(reversed(heads.items()))  # the order of a file means nothing
    torch.save(backwards, folder / "alex.pth", _use_new_zipfile_serialization=False)  # files of 2018 are like this
    files = folder / "alexnet.pth", folder / "alex.pth"
    return SimpleNamespace(weights=backbone | heads, files=files, scorer=Lpips.from_files(*files))


def images(n=1, height=47, width=40, seed=1):
    return torch.rand(n, 1, height, width, generator=torch.Generator().manual_seed(seed))


def windows(x, kernel, stride):
    """(row, column, window) for every position of a (C, H, W) array at which a square kernel fits."""
    for i in range((x.shape[1] - kernel) // stride + 1):
        for j in range((x.shape[2] - kernel) // stride + 1):
            yield i, j, x[:, i * stride : i * stride + kernel, j * stride : j * stride + kernel]


def naive(a, b, weights, data_range):
    """LPIPS of two (H, W) images: every layer, every position."""

    def network(image):
        red, green, blue = (2 * image / data_range - 1 for _ in range(3))
        x = np.stack([(red + 0.030) / 0.458, (green + 0.088) / 0.448, (blue + 0.188) / 0.450])
        for place, out, _, kernel, stride, padding, pooled in CONVOLUTIONS:
            if pooled:
                positions = [(i, j, window.max((1, 2))) for i, j, window in windows(x, 3, 2)]
                x = np.stack([v for *_, v in positions], 1).reshape(len(x), positions[-1][0] + 1, -1)
            x = np.pad(x, ((0, 0), (padding, padding), (padding, padding)))
            filters = weights[f"features.{place}.weight"].double().numpy().reshape(out, -1)
            bias = weights[f"features.{place}.bias"].double().numpy()
            positions = [(i, j, np.maximum(filters @ v.ravel() + bias, 0)) for i, j, v in windows(x, kernel, stride)]
            x = np.stack([v for *_, v in positions], 1).reshape(out, positions[-1][0] + 1, -1)
            yield x

    total = 0.0
    for level, (x, y) in enumerate(zip(network(a), network(b), strict=True)):
        head = weights[f"lin{level}.model.1.weight"].double().numpy().ravel()
        _, height, width = x.shape
        for i in range(height):
            for j in range(width):
                u, v = (f[:, i, j] / (np.sqrt((f[:, i, j] ** 2).sum()) + 1e-10) for f in (x, y))
                total += sum(head * (u - v) ** 2) / (height * width)
    return total


@pytest.mark.parametrize(("shape", "data_range"), [((31, 31), 1.0), ((47, 40), 255.0)])
def test_agrees_with_loops_over_layers_and_positions(made, shape, data_range):
    scorer = Lpips.from_files(*made.files, data_range=data_range).double()
    a, b = (data_range * images(1, *shape, seed=seed).double() for seed in (1, 2))
    expected = naive(a[0, 0].numpy(), b[0, 0].numpy(), made.weights, data_range)
    assert scorer(a, b).item() == pytest.approx(expected, rel=1e-9)


def test_equal_images_are_at_no_distance_and_order_does_not_matter(made):
    a, b = images(3, seed=1), images(3, seed=2)
    assert torch.equal(made.scorer(a, a), torch.zeros(3))
    there = made.scorer(a, b)
    assert there.shape == (3,) and (there > 0).all()
    assert torch.equal(there, made.scorer(b, a))


def test_each_image_of_a_batch_is_scored_for_itself(made):
    a, b = images(3, seed=1), images(3, seed=2)
    alone = torch.cat([made.scorer(a[k : k + 1], b[k : k + 1]) for k in range(3)])
    torch.testing.assert_close(made.scorer(a, b), alone)


def test_more_noise_is_further_away(made):
    a, noise = images(8), torch.randn(8, 1, 47, 40, generator=torch.Generator().manual_seed(3))
    means = [made.scorer(a, a + level * noise).mean() for level in (0.02, 0.1, 0.5)]
    assert 0 < means[0] < means[1] < means[2]


def test_what_lies_outside_the_range_counts(made):
    a = images()
    assert made.scorer(1 + a, 1 + torch.zeros_like(a)) > 0


def test_images_take_the_gradient_of_finite_differences_and_weights_take_none(made):
    scorer = Lpips.from_files(*made.files).double()
    assert not scorer.training
    a, b, way = (images(1, seed=seed).double() for seed in (1, 2, 3))
    a.requires_grad_()
    scorer(a, b).sum().backward()
    step = 1e-6 * (way - 0.5)
    with torch.no_grad():
        rise = scorer(a + step, b) - scorer(a - step, b)
    assert rise.item() == pytest.approx(2 * (a.grad * step).sum().item(), rel=1e-4, abs=0)
    assert not any(weight.requires_grad or weight.grad is not None for weight in scorer.parameters())


def test_a_place_without_features_spoils_no_gradient(made):
    backbone, heads = made_up()
    del backbone["classifier.6.bias"]
    backbone["features.0.bias"] -= 1e4  # nothing passes the first ReLU
    a = images().requires_grad_()
    distance = Lpips(backbone, list(heads.values()))(a, images(seed=2))
    distance.sum().backward()
    assert distance.item() == 0 and torch.isfinite(a.grad).all()


def test_both_kinds_of_file_give_the_same_scorer(made, tmp_path):
    backbone, heads = made_up()
    save_file(backbone, tmp_path / "a.safetensors")
    save_file({key: tensor.double() for key, tensor in heads.items()}, tmp_path / "h.safetensors")
    other = Lpips.from_files(tmp_path / "a.safetensors", str(tmp_path / "h.safetensors"))
    a, b = images(2, seed=1), images(2, seed=2)
    assert torch.equal(made.scorer(a, b), other(a, b))
    named = {key: tensor for key, tensor in other.state_dict().items() if key.startswith("features.")}
    assert named.keys() == backbone.keys() - {"classifier.6.bias"}


def test_making_a_scorer_leaves_the_random_stream_alone(made):
    before = torch.get_rng_state()
    Lpips.from_files(*made.files)
    assert torch.equal(before, torch.get_rng_state())


def test_31_pixels_are_enough_and_30_are_not(made):
    assert made.scorer(images(1, 31, 64), images(1, 31, 64, seed=2)) > 0
    with pytest.raises(ValueError, match=r"at least 31 x 31 pixels, got \(64, 30\)"):
        made.scorer(images(1, 64, 30), images(1, 64, 30))
    with pytest.raises(RuntimeError, match="too small"):  # the limit is AlexNet's own
        made.scorer.features(torch.zeros(1, 3, 30, 64))


@pytest.mark.parametrize("a, b", [((2, 1), (1, 1)), ((2, 3), (2, 3)), ((1,), (1,))])
def test_images_of_other_shapes_are_refused(made, a, b):
    with pytest.raises(ValueError, match=r"both must be \(N, 1, H, W\)"):
        made.scorer(torch.zeros(*a, 40, 40), torch.zeros(*b, 40, 40))


@pytest.mark.parametrize("data_range", [0, -1.0, float("nan")])
def test_a_range_that_is_none_is_refused(made, data_range):
    with pytest.raises(ValueError, match=r"data_range=.* must be positive"):
        Lpips.from_files(*made.files, data_range=data_range)


def test_a_missing_file_is_named(made, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere\.pth is no file; the backbone is torchvision's"):
        Lpips.from_files(tmp_path / "nowhere.pth", made.files[1])
    with pytest.raises(FileNotFoundError, match=r"is no file; the heads are lpips/weights/v0\.1/alex\.pth"):
        Lpips.from_files(made.files[0], tmp_path)


@pytest.mark.parametrize("name", ["bad.pth", "bad.safetensors"])
@pytest.mark.parametrize("content", [b"", b"hello world\n", b"<!DOCTYPE html>", b"PK\x03\x04 half a file"])
def test_a_file_that_is_no_state_dict_is_named(made, tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=rf"{name} cannot be read as a state dict .* the heads are"):
        Lpips.from_files(made.files[0], tmp_path / name)


@pytest.mark.parametrize(
    ("thing", "message"),
    [
        (torch.nn.Linear(2, 2), r"other\.pth cannot be read as a state dict \(UnpicklingError\)"),  # loading runs code
        ([torch.zeros(2)], r"other\.pth holds a list, no state dict"),
    ],
)
def test_saved_things_that_are_no_state_dict_are_refused(made, tmp_path, thing, message):
    torch.save(thing, tmp_path / "other.pth")
    with pytest.raises(ValueError, match=message):
        Lpips.from_files(tmp_path / "other.pth", made.files[1])


def test_files_in_the_wrong_order_are_told_by_their_keys(made):
    with pytest.raises(ValueError, match=r"alex\.pth has no tensor features\.0\.weight of shape .* begins with lin4"):
        Lpips.from_files(*reversed(made.files))


@pytest.mark.parametrize(
    ("tensor", "message"),
    [
        (None, r"heads\.pth has no tensor lin1\.model\.1\.weight of shape \(1, 192, 1, 1\)"),
        (1.0, r"heads\.pth has no tensor lin1\.model\.1\.weight"),
        (torch.zeros(1, 128, 1, 1), r"lin1\.model\.1\.weight has shape \(1, 128, 1, 1\), expected \(1, 192, 1, 1\)"),
    ],
)
def test_a_tensor_that_is_missing_or_of_another_shape_is_named(made, tmp_path, tensor, message):
    torch.save(made_up()[1] | {"lin1.model.1.weight": tensor}, tmp_path / "heads.pth")
    with pytest.raises(ValueError, match=message):
        Lpips.from_files(made.files[0], tmp_path / "heads.pth")


@pytest.fixture
def variables(monkeypatch):
    """Sets the two variables; None leaves one unset."""

    def give(backbone, heads):
        for name, value in (("MEDSYN_LPIPS_BACKBONE", backbone), ("MEDSYN_LPIPS_HEADS", heads)):
            monkeypatch.setenv(name, str(value))
            if value is None:
                monkeypatch.delenv(name)

    return give


def test_the_environment_names_both_files_or_none(made, variables, monkeypatch):
    for nothing in (None, ""):
        variables(nothing, None)
        assert lpips_files() is None
    monkeypatch.setenv("HOME", str(made.files[0].parent))
    variables(made.files[0], "~/alex.pth")
    assert lpips_files() == made.files


def test_one_variable_alone_is_an_error(made, variables):
    variables(made.files[0], None)
    with pytest.raises(ValueError, match=r"\$MEDSYN_LPIPS_BACKBONE is set, \$MEDSYN_LPIPS_HEADS is not"):
        lpips_files()
    variables("", made.files[1])
    with pytest.raises(ValueError, match=r"\$MEDSYN_LPIPS_HEADS is set, \$MEDSYN_LPIPS_BACKBONE is not"):
        lpips_files()


def test_a_variable_that_names_no_file_is_an_error(made, variables, tmp_path):
    variables(made.files[0], tmp_path / "gone.pth")
    with pytest.raises(FileNotFoundError, match=r"\$MEDSYN_LPIPS_HEADS names .*gone\.pth, which is no file"):
        lpips_files()


def stacks():
    return dict(
        predicted=images(5, seed=1)[:, 0].numpy().astype(np.float64),
        target=images(5, seed=2)[:, 0].numpy()[:, ::-1],  # a view that runs backwards
        subject=np.array([7, 3, 7, 7, 3]),
    )


@pytest.mark.parametrize("batch", [1, 2, 64])
def test_a_subjects_score_is_the_mean_over_its_slices(made, batch):
    data = stacks()
    a, b = (torch.from_numpy(np.array(data[key], np.float32))[:, None] for key in ("predicted", "target"))
    each = made.scorer(a, b)
    scores = subject_lpips(**data, scorer=made.scorer, batch=batch)
    assert list(scores) == [7, 3]
    assert scores == pytest.approx({7: each[[0, 2, 3]].mean().item(), 3: each[[1, 4]].mean().item()}, rel=1e-5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"predicted": np.zeros((40, 40))}, r"predicted has shape \(40, 40\)"),
        ({"predicted": np.zeros((0, 40, 40))}, "N >= 1"),
        ({"target": np.zeros((5, 47, 41))}, r"target has shape \(5, 47, 41\), predicted has \(5, 47, 40\)"),
        ({"subject": np.array([1, 2])}, r"subject has shape \(2,\); it must be \(5,\)"),
        ({"target": np.full((5, 47, 40), np.nan)}, "target has values that are not finite"),
        ({"batch": 0}, "batch=0 must be at least 1"),
    ],
)
def test_stacks_that_do_not_fit_are_refused(made, change, message):
    with pytest.raises(ValueError, match=message):
        subject_lpips(**stacks() | {"scorer": made.scorer} | change)


def test_the_other_scores_are_imported_without_torch():
    code = "import sys, medsyn_core.evaluation as e; assert 'Lpips' in e.__all__; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
