"""HiFi-Syn's recipes: settings, who is paired with whom, samples, edits, use without labels, saved models. Checkpoints,
processes and folders are in test_hifi_runs.py."""

from collections import Counter
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from medsyn_core import methods
from medsyn_core.data.views import UnpairedTwo
from medsyn_core.methods import hifi_syn
from medsyn_core.methods.hifi_syn import HEALTHY, WITH_TUMOUR, HiFiSyn
from medsyn_core.networks.memory_bank import MemoryBank
from medsyn_core.training import LossError, Watch
from tests.methods import small
from tests.methods.small import fit, weights

NO_BANK = {"items": (0, 0, 0, 0), "common": 0}
PICTURES = ("image", "brain", "seg", "tissue")


@pytest.fixture(scope="session")
def trained(patients):
    """A run of the whole recipe, with tumours."""
    return fit(small.hifi(), patients)


# -- settings


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"modalities": ("t1", "t2", "flair")}, r"translates between two modalities, not 3"),
        ({"items": (2, 2, 3)}, r"items has 3 numbers; give one for each of background, CSF, GM, WM, or of .*enhancing"),
        ({"write": "coded"}, r"write='coded' is unknown; choose one of: encoded, read"),
        ({"weighting": "rank"}, r"weighting='rank' is unknown; choose one of: term, numerator"),
        ({"deformation": "max"}, r"deformation='max' is unknown; choose one of: mean, total"),
        ({"quieries": 8}, r"unknown setting 'quieries'; there are: .*queries"),
    ],
)
def test_bad_settings_are_refused_with_what_is_good(how, message):
    with pytest.raises(ValueError, match=message):
        small.hifi(**how)


def test_a_temperature_of_0_is_refused_before_anything_is_trained(patients):
    with pytest.raises(ValueError, match="tau_memory=0 must be positive"):
        fit(small.hifi(tau_memory=0), patients)


def test_profiles_change_sizes_and_nothing_else():
    configs = [hifi_syn.recipe(name).config() for name in ("smoke", "laptop", "gpu")]
    for config in configs:
        for size in ("width", "halvings", "critic_width", "queries"):
            config["method"].pop(size)
        config["training"] = {k: v for k, v in config["training"].items() if k not in ("steps", "batch_size")}
    assert configs[0] == configs[1] == configs[2]


@pytest.mark.parametrize(
    ("tumour", "structures", "slots"), [(False, HEALTHY, 20), (True, WITH_TUMOUR, 38)], ids=["healthy", "tumour"]
)
def test_the_bank_has_the_papers_slots_half_of_them_common(tumour, structures, slots):
    method = hifi_syn.recipe("smoke", ("t1", "flair"), tumour).method
    memory = method.translating()["memory"]
    assert len(method.items) == len(structures) and method.modalities == ("t1", "flair")
    assert len(memory.keys) == slots and (memory.structure < 0).sum() == slots / 2
    assert memory.keys.shape[1] == method.channels == memory.values.shape[2]


def test_the_printed_forms_are_one_setting_away():
    default = hifi_syn.recipe("smoke").method
    printed = {"alpha_p": 0.01, "write": "read", "unit_values": True, "weighting": "numerator", "deformation": "total"}
    for name, value in printed.items():
        assert getattr(default, name) != value
        assert getattr(hifi_syn.recipe("smoke").configure(**{name: value}).method, name) == value


# -- who is paired with whom


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 999), pair=st.permutations(["t1", "t1ce", "t2", "flair"]))
def test_a_subject_is_never_paired_with_itself_and_shows_one_modality(patients, seed, pair):
    first, second = pair[:2]
    view = UnpairedTwo(patients.subset("train"), first, second, seed)
    batch = view.batch(range(len(view)))
    sides = [set(batch[f"subject_{side}"].tolist()) for side in "ij"]
    assert not sides[0] & sides[1] and len(sides[0]) == len(sides[1]) == 3  # six subjects, shared out evenly
    for side, name in (("i", first), ("j", second)):
        stored = patients.images[batch[f"index_{side}"].numpy(), patients.modality(name)].astype(np.float32)
        assert np.array_equal(batch[f"image_{side}"][:, 0].numpy(), stored)
        assert np.array_equal(batch[f"subject_{side}"].numpy(), patients.subject[batch[f"index_{side}"].numpy()])
    pairs = list(zip(batch["index_i"].tolist(), batch["index_j"].tolist(), strict=True))
    assert set(pairs) == set(product(*(batch[f"index_{side}"].tolist() for side in "ij"))) and len(pairs) == len(
        set(pairs)
    )


def test_a_pair_holds_pictures_and_labels_of_both_sides(patients):
    batch = UnpairedTwo(patients.subset("train"), "t1", "t2").batch([3, 0, 7])
    assert set(batch) == {f"{name}_{side}" for name in (*PICTURES, "subject", "index") for side in "ij"}
    for side in "ij":
        assert batch[f"image_{side}"].shape == batch[f"brain_{side}"].shape == (3, 1, 16, 16)
        for row, place in enumerate(batch[f"index_{side}"].tolist()):
            for name in ("seg", "tissue"):
                assert np.array_equal(batch[f"{name}_{side}"][row].numpy(), getattr(patients, name)[place])


def test_subjects_that_lack_a_modality_show_the_other(patients):
    whole = patients.select(range(10))
    for seed in range(8):
        batch = (view := UnpairedTwo(whole, "t1", "t1ce", seed)).batch(range(len(view)))
        assert small.WITHOUT_T1CE in batch["subject_i"] and small.WITHOUT_T1CE not in batch["subject_j"]


def test_who_shows_what_is_a_matter_of_the_seed(patients):
    shown = lambda seed: tuple(UnpairedTwo(patients.subset("train"), "t1", "t2", seed)._sides[0].tolist())
    assert shown(0) == shown(0) and len({shown(seed) for seed in range(6)}) > 1
    method = small.hifi(pairing=3).method
    assert tuple(method.view(patients.subset("train"))._sides[0].tolist()) == shown(3)


def test_cohorts_that_do_not_fit_are_refused(patients, tmp_path):
    with pytest.raises(ValueError, match="no modality 'pd'; it has: t1, t1ce, t2, flair"):
        fit(small.hifi(modalities=("t1", "pd")), patients)
    with pytest.raises(ValueError, match="no subject of the selection set is left to show t2; it needs at least two"):
        UnpairedTwo(patients.select([4]), "t1", "t2")
    with pytest.raises(ValueError, match=r'background of 0; load the cohort with scaling="percentile"'):
        fit(small.hifi(), small.patients(tmp_path, scaling="minmax"))


# -- samples


def sampled(flip_i, flip_j, batch=None, method=None, pixels=0.5):
    method = method or small.hifi().method
    flips = {"flip_i": torch.as_tensor(flip_i).expand(3), "flip_j": torch.as_tensor(flip_j).expand(3)}
    return method.sample((batch or small.pair_of()) | flips | {"pixels": torch.full((3, 4), pixels)})


def test_pictures_and_labels_are_mirrored_together_each_sample_and_side_by_its_own_draw():
    batch, before = small.pair_of(), small.pair_of()
    flips = {"i": torch.tensor([0.1, 0.9, 0.49]), "j": torch.tensor([0.5, 0.0, 0.99])}
    sample = sampled(flips["i"], flips["j"], batch)
    for side, flip in flips.items():
        for name in PICTURES:
            for b in range(3):
                expected = batch[f"{name}_{side}"][b]
                assert torch.equal(sample[f"{name}_{side}"][b], expected.flip(-1) if flip[b] < 0.5 else expected)
        unflipped, flipped = (sampled(f, f)[f"structure_{side}"] for f in (0.9, 0.1))
        chosen = torch.where((flip < 0.5)[:, None, None], flipped, unflipped)
        assert torch.equal(sample[f"structure_{side}"], chosen) and not torch.equal(flipped, unflipped)
    assert all(torch.equal(batch[name], before[name]) for name in before)


@pytest.mark.parametrize("halvings", [1, 2])
def test_label_maps_are_made_small_by_nearest_neighbour(halvings):
    """No label is mixed: a CSF pixel beside white matter is not called grey."""
    method = HiFiSyn(halvings=halvings)
    tissue = torch.tensor([1, 3]).repeat(8)[None, None].expand(2, 16, 16)
    step, small_ones = 2**halvings, method.structure(tissue, torch.zeros_like(tissue))
    assert small_ones.shape == (2, 16 // step, 16 // step) and set(small_ones.unique().tolist()) <= {1, 3}
    rows = torch.arange(256).reshape(1, 16, 16)
    middle = rows[:, step // 2 :: step, step // 2 :: step]
    assert torch.equal(method.structure(rows, torch.zeros_like(rows)), middle)
    assert method.structure(rows, rows).dtype == torch.int64


def test_tumours_lie_over_tissues_where_the_bank_has_slots_for_them():
    tissue, seg = torch.tensor([[[0, 1], [2, 3]]]), torch.tensor([[[0, 1], [2, 4]]])
    large = lambda labels: labels.repeat_interleave(2, 1).repeat_interleave(2, 2)
    names = [WITH_TUMOUR.index(name) for name in ("background", "necrosis", "oedema", "enhancing")]
    answer = lambda items: HiFiSyn(items=items, halvings=1).structure(large(tissue), large(seg)).flatten().tolist()
    assert answer((2, 2, 3, 3, 3, 3, 3)) == names and answer((2, 2, 3, 3)) == [0, 1, 2, 3]


def test_without_annotations_there_are_no_structures():
    sample = sampled(0.9, 0.9, method=small.hifi(annotations=False).method)
    assert sample["structure_i"] is None and sample["structure_j"] is None


@settings(deadline=None)
@example(1 - 2**-24, (216, 216))  # the largest draw below 1
@given(st.floats(0, 1, exclude_max=True, width=32), st.sampled_from([(16, 16), (16, 24), (216, 216)]))
def test_pixels_are_places_of_the_content(draw, size):
    batch = {f"{name}_{side}": torch.zeros(3, 1, *size) for name in ("image", "brain") for side in "ij"}
    batch |= {f"{name}_{side}": torch.zeros(3, *size, dtype=torch.int64) for name in ("seg", "tissue") for side in "ij"}
    pixels, method = sampled(0.9, 0.9, batch, pixels=draw)["pixels"], small.hifi().method
    places = (size[0] >> method.halvings) * (size[1] >> method.halvings)
    assert pixels.dtype == torch.int64 and pixels.min() >= 0 and pixels.max() < places


def test_draws_are_uniform_and_belong_to_their_generator_alone():
    method = small.hifi(queries=300).method
    one, again, other = (method.draws(50, torch.Generator().manual_seed(seed)) for seed in (3, 3, 4))
    assert {name: tuple(value.shape) for name, value in one.items()} == {
        "flip_i": (50,), "flip_j": (50,), "pixels": (50, 300)
    }  # fmt: skip
    assert all(torch.equal(one[name], again[name]) and not torch.equal(one[name], other[name]) for name in one)
    places = method.sample(small.pair_of() | {name: value[:3] for name, value in one.items()})["pixels"]
    assert len(places.unique()) > 60  # nearly all of 64 places are taken by one of 900 draws


# -- training


def test_a_step_reads_the_memory_and_then_writes_it_once(patients, monkeypatch):
    seen = []
    for name in ("affinity", "write"):
        original = getattr(MemoryBank, name)
        monkeypatch.setattr(MemoryBank, name, lambda *a, n=name, f=original: seen.append(n) or f(*a))
    fit(small.hifi(steps=2), patients, watch=Watch({0, 1}, lambda step, run: seen.append("step")))
    critics, generator = ["affinity"] * 2, ["affinity"] * 4
    assert seen == ["step", *critics, *generator, "write"] * 2


@pytest.mark.parametrize(
    ("how", "dropped"),
    [
        (NO_BANK, tuple(small.WITHOUT_CONTRAST)),
        ({"annotations": False} | NO_BANK, ("structure_discrimination", "global_discrimination")),
        ({"annotations": False}, ("structure_discrimination",)),
        ({"learn_memory": True}, ()),
        ({"write": "read", "alpha_p": 0.01, "unit_values": True, "weighting": "numerator", "deformation": "total"}, ()),
    ],
    ids=["backbone", "no map, no bank", "no map", "learnt memory", "as printed"],
)
@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_rows_of_the_ablation_and_printed_forms_train_and_come_back(patients, tmp_path, how, dropped, precision):
    recipe = small.hifi(**{"steps": 2} | how).edit(**dict.fromkeys(dropped, 0))
    start = []
    run = fit(recipe, patients, precision=precision, watch=Watch({0}, lambda _, r: start.append(bank_of(r).clone())))
    assert torch.isfinite(weights(run)).all() and set(run.history.series) == set(recipe.losses) - set(dropped)
    assert torch.equal(bank_of(run), start[0]) == ("items" in how)
    model, images = methods.load(run.save(tmp_path / "hifi.safetensors")), small.pair_of()["image_i"]
    for target in ("t1", "t2"):
        assert torch.equal(model.translate(images, target), run.model.translate(images, target))


def bank_of(run):
    return torch.cat([run.networks["memory"].keys, run.networks["memory"].values.flatten(0, 1)]).detach()


def test_structure_discrimination_without_annotations_is_refused(patients):
    with pytest.raises(LossError, match="structure_discrimination needs annotations; set its weight to 0"):
        fit(small.hifi(annotations=False), patients)


# -- use


def test_scores_of_both_directions_for_every_subject(trained):
    assert Counter((row["direction"], row["subject"]) for row in trained.metrics) == {
        (direction, subject): 1 for direction in ("t1-t2", "t2-t1") for subject in (7, 8, 9)
    }


def test_a_translation_needs_an_image_alone_and_uses_all_slots_and_the_typical_attribute(trained, patients):
    """No labels: what is read is read from every slot."""
    images, networks = small.pair_of()["image_i"], trained.networks
    for target, name in ((1, "t2"), (0, "t1")):
        with torch.no_grad():
            content = networks["content"](images, 1 - target)
            read = networks["memory"].read(networks["memory"].affinity(content), target, content.shape[-2:])
            typical = networks["attribute"].typical[target].expand(3, -1)
            by_hand = networks["generator"](content, read, typical, target) * (images != 0)
        torch.testing.assert_close(trained.model.translate(images, name), by_hand, atol=1e-6, rtol=1e-5)
    bare = replace(patients, subjects=tuple(replace(info, has_tissue=False) for info in patients.subjects))
    assert trained.recipe.method.evaluate(networks, bare.subset("test")) == trained.metrics


def test_a_saved_model_holds_no_critics_but_its_memory_and_typical_attributes(trained):
    names = set(trained.model.state_dict())
    assert {"memory.keys", "memory.values", "attribute.typical"} <= names
    assert {name.split(".")[0] for name in names} == {"content", "attribute", "generator", "memory"}


def test_bad_use_of_a_translator_is_named(trained):
    with pytest.raises(ValueError, match="target='flair' was not learnt; there are: t1, t2"):
        trained.model.translate(torch.rand(1, 1, 16, 16), "flair")
    with pytest.raises(ValueError, match=r"images must be \(N, 1, H, W\)"):
        trained.model.translate(torch.rand(16, 16), "t2")
    with pytest.raises(ValueError, match=r"17 x 16 pixels cannot be halved"):
        trained.model.translate(torch.rand(1, 1, 17, 16), "t2")
