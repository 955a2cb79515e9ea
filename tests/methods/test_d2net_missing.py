"""D²-Net with modalities missing: who is dropped, that nothing is read of what is gone, and what no sample sees of
another."""

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from medsyn_core.losses.modality_contrast import modality_contrast
from tests.methods import small_d2net as small

METHOD = small.recipe().method
LOSSES = small.recipe().losses
CONTRASTS = ("spatial_contrast", "frequency_contrast")
quick = settings(max_examples=40, deadline=None)
chances = st.floats(0, 1, exclude_max=True, width=32)


def sampled(batch=None, method=METHOD, **draws):
    batch = small.batch_of() if batch is None else batch
    size = len(batch["images"])
    still = {"stay": torch.full((size, 4), 0.99), "flip": torch.full((size,), 0.9)}
    still |= {name: torch.zeros(size, 4) for name in ("gain", "offset")}
    return method.sample(batch | still | draws)


def parts(trace):
    return {name: value.detach() for name, value in LOSSES.parts(trace, "segmenter").items()}


# -- who is dropped


@quick
@example([0.0] * 8, 0.5)
@example([0.3, 0.3, 0.2, 0.1] * 2, 0.99)
@given(st.lists(chances, min_size=8, max_size=8), st.floats(0, 0.99))
def test_dropout_never_removes_all_nor_invents(stay, dropout):
    stay, there = torch.tensor(stay).reshape(2, 4), small.batch_of()["present"]
    sample = sampled(method=small.recipe(dropout=dropout).method, stay=stay)
    present = sample["present"]
    assert (present.sum(dim=1) >= 1).all() and (present <= there).all()
    for b in range(2):
        stays = (there[b] > 0) & (stay[b] >= dropout)
        if not stays.any():  # then the highest draw of those that are there does, or all that share it
            stays = (there[b] > 0) & (stay[b] == (stay[b] * there[b]).max())
        assert torch.equal(present[b] > 0, stays)
        for m in range(4):
            assert sample["images"][b, m].any() == bool(present[b, m])  # null matrices


def test_as_many_are_dropped_as_the_setting_says():
    stay = METHOD.draws(4000, torch.Generator().manual_seed(0))["stay"]
    blocks = {"images": torch.ones(4000, 4, 1, 1, 1), "present": torch.ones(4000, 4)}
    blocks |= {"seg": torch.zeros(4000, 1, 1, 1, dtype=torch.int64), "subject": torch.zeros(4000)}
    for dropout, kept in ((0.0, 4), (0.5, 2 + 1 / 16), (0.9, 4 * 0.1 + 0.9**4)):
        present = sampled(blocks, small.recipe(dropout=dropout).method, stay=stay)["present"]
        assert present.sum(dim=1).mean().item() == pytest.approx(kept, rel=0.03)
    subsets = sampled(blocks, stay=stay)["present"].unique(dim=0)
    assert len(subsets) == 15  # every choice that leaves one


def test_each_sample_has_draws_of_its_own():
    stay = torch.tensor([[0.9, 0.1, 0.9, 0.1], [0.1, 0.9, 0.9, 0.9]])
    assert sampled(stay=stay)["present"].tolist() == [[1, 0, 1, 0], [0, 1, 0, 1]]  # the second has no T2


# -- nothing is read of what is gone

GONE = {"stay": torch.tensor([[0.9, 0.1, 0.9, 0.9], [0.9, 0.9, 0.9, 0.1]])}


def one_step(batch, **how):
    """(networks, trace) with T1ce dropped of the first sample, FLAIR of the second, which lacks T2 already."""
    networks, _ = small.trace_of(small.recipe(**how))
    return networks, small.recipe(**how).method.trace(networks, batch | {
        "flip": torch.tensor([0.9, 0.1]), "gain": torch.ones(2, 4), "offset": torch.ones(2, 4)
    } | GONE)  # fmt: skip


def test_dropped_modalities_change_nothing_at_all():
    """Not a bit of any loss, whatever they show."""
    plain, junk = small.batch_of(), small.batch_of()
    junk["images"][0, 1] = 7.0
    junk["images"][1, 3] *= -3
    junk["images"][1, 2] = 5.0  # lacking: whatever stands in its place is not read
    found = [parts(one_step(batch)[1]) for batch in (plain, junk)]
    assert found[0] == found[1]
    junk["images"][0, 0] *= 2
    assert all(value != found[0][name] for name, value in parts(one_step(junk)[1]).items())


def test_a_missing_modality_is_neither_contrasted_nor_reconstructed():
    """Even where a volume that should be 0 is not: through E_T alone it would be seen."""
    networks, plain = one_step(small.batch_of())
    images = plain.images.clone()
    brain = (images != 0).any(dim=1, keepdim=True).expand_as(images)
    gone = (plain.present == 0)[:, :, None, None, None] & brain
    images[gone] = 3.0
    given = {name: getattr(plain, name) for name in ("present", "labels", "subject")}
    other = type(plain)(networks, plain.settings, given | {"images": images.requires_grad_()})
    other.encoded = plain.encoded
    for name in ("spatial_contrast", "frequency_contrast", "reconstruction"):
        value = LOSSES[name](other)
        torch.testing.assert_close(value, LOSSES[name](plain))
        (slope,) = torch.autograd.grad(value, images, retain_graph=True)
        assert not slope[plain.present == 0].any() and slope[plain.present > 0].any()
    assert not other.modality.codes[plain.present == 0].any()
    assert not other.reconstructed[plain.present == 0].any() and other.reconstructed[plain.present > 0].all()
    torch.testing.assert_close(other.class_codes, plain.class_codes)


def test_reconstruction_is_a_mean_over_modalities_that_are_there():
    _, trace = one_step(small.batch_of())
    off = [
        (trace.reconstructed[b, m] - trace.images[b, m]).square().mean()
        for b in range(2)
        for m in range(4)
        if trace.present[b, m]
    ]
    assert len(off) == 5
    torch.testing.assert_close(LOSSES["reconstruction"](trace), torch.stack(off).mean())


def test_alone_a_modality_is_not_contrasted_but_all_else_is_learnt():
    networks, _ = small.trace_of()
    alone = torch.tensor([[0.9, 0, 0, 0]] * 2)
    draws = {"flip": torch.ones(2), "gain": torch.zeros(2, 4), "offset": torch.zeros(2, 4), "stay": alone}
    trace = METHOD.trace(networks, small.batch_of() | draws)
    found = LOSSES.parts(trace, "segmenter")
    LOSSES.total(found).backward()
    assert all(found[name] == 0 for name in CONTRASTS) and all(value.isfinite() for value in found.values())
    assert all(p.grad.isfinite().all() for n in networks.values() for p in n.parameters())


def test_labels_are_classes_and_mirrored_with_the_images():
    batch = small.batch_of()
    sample = sampled(flip=torch.tensor([0.49, 0.5]))
    for b, mirrored in ((0, True), (1, False)):
        turned = (lambda x: x.flip(-1)) if mirrored else (lambda x: x)
        assert torch.equal(sample["images"][b], turned(batch["images"][b]))
        seg = turned(batch["seg"][b])
        assert torch.equal(sample["labels"][b], torch.where(seg == 4, 3, seg))
    assert set(batch["seg"].unique().tolist()) == {0, 1, 2, 4} and set(sample["labels"].unique().tolist()) == {
        0,
        1,
        2,
        3,
    }
    assert not torch.equal(batch["seg"], batch["seg"].flip(-1))  # else this test could not fail
    assert torch.equal(sample["subject"], batch["subject"])


def test_intensities_vary_by_a_tenth_and_background_stays_0():
    batch, before = small.batch_of(), small.batch_of()
    gain, offset = torch.randn(2, 4), torch.randn(2, 4)
    images = sampled(batch, gain=gain, offset=offset)["images"]
    by_hand = batch["images"] * (1 + gain[..., None, None, None] / 10) + offset[..., None, None, None] / 10
    torch.testing.assert_close(images, torch.where(batch["images"] != 0, by_hand, 0.0))
    assert all(torch.equal(batch[name], before[name]) for name in before)


def test_draws_belong_to_their_generator_alone():
    one, again, other = (METHOD.draws(500, torch.Generator().manual_seed(seed)) for seed in (3, 3, 4))
    assert {name: tuple(value.shape) for name, value in one.items()} == {
        "stay": (500, 4), "flip": (500,), "gain": (500, 4), "offset": (500, 4)
    }  # fmt: skip
    assert all(torch.equal(one[name], again[name]) and not torch.equal(one[name], other[name]) for name in one)
    for name in ("stay", "flip"):
        assert one[name].min() >= 0 and one[name].max() < 1 and abs(one[name].mean() - 0.5) < 0.1
    for name in ("gain", "offset"):
        assert abs(one[name].mean()) < 0.1 and abs(one[name].std() - 1) < 0.1


# -- samples, precision, nothing to see


@torch.no_grad()
def test_splitting_a_batch_changes_no_tensor():
    """But those of terms that count over the whole batch, it changes nothing at all."""
    networks, whole = one_step(small.batch_of())
    names = [n for n in whole.names() if n not in ("encoded", "teacher", "student", "resized", "affinities")]
    for b in range(2):
        given = {name: getattr(whole, name)[b : b + 1] for name in ("images", "present", "labels", "subject")}
        alone = type(whole)(networks, whole.settings, given)
        for name in names:
            for mine, all_of_them in zip(tensors(alone, name), tensors(whole, name), strict=True):
                torch.testing.assert_close(mine[0], all_of_them[b], atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(alone.affinities[:, :, 0], whole.affinities[:, :, b], atol=1e-5, rtol=1e-4)


def tensors(trace, name):
    """The tensors of an entry: one, or those of a named tuple and of its tuples."""
    found = [getattr(trace, name)]
    while any(isinstance(x, tuple) for x in found):
        found = [y for x in found for y in (x if isinstance(x, tuple) else [x])]
    return found


@torch.no_grad()
def test_what_is_a_mean_over_samples_is_one_of_batches_too():
    """Dice and both cross-entropies count the whole batch's voxels of a class; contrast and reconstruction count what
    is there, so that they are means over samples only where as much is there in each."""
    networks, whole = one_step(small.batch_of())
    alone = [
        LOSSES.parts(
            type(whole)(networks, whole.settings, {n: getattr(whole, n)[b : b + 1] for n in whole._given}), "segmenter"
        )
        for b in range(2)
    ]
    together = LOSSES.parts(whole, "segmenter")
    same = {n for n, value in together.items() if torch.allclose(value, (alone[0][n] + alone[1][n]) / 2, rtol=1e-4)}
    assert same == {"feature_distillation", "logit_distillation", "consistency"}


@pytest.mark.parametrize("nothing", ["labels", "images"])
def test_a_block_of_background_makes_no_nan_and_no_avalanche(nothing):
    batch = small.batch_of()
    batch["seg"][0] = 0
    if nothing == "images":
        batch["images"][0] = 0
    networks, trace = small.trace_of(batch=batch)
    found = LOSSES.parts(trace, "segmenter")
    LOSSES.total(found).backward()
    norms = torch.stack([p.grad.norm() for network in networks.values() for p in network.parameters()])
    assert all(value.isfinite() for value in found.values()) and norms.norm() < 100
    with torch.autocast("cpu", torch.bfloat16):
        found = LOSSES.parts(small.trace_of(batch=batch)[1], "segmenter")
    assert all(value.isfinite() and value.dtype == torch.float32 for value in found.values())


def test_contrast_is_exact_in_bf16_autocast():
    _, trace = one_step(small.batch_of())
    with torch.autocast("cpu", torch.bfloat16):
        found = {name: LOSSES[name](trace) for name in CONTRASTS}
    pairs = trace.settings.slice_pairs(4, 8)
    for name, what in (("spatial_contrast", trace.modality.codes), ("frequency_contrast", trace.spectra)):
        exact = modality_contrast(what.float(), trace.slices, *pairs, trace.settings.temperature)
        torch.testing.assert_close(found[name], exact)
