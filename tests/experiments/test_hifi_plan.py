import dataclasses
import json
from functools import partial

import numpy as np
import pytest
import torch

from medsyn_core.evaluation import PSNR_CEILING, translation_metrics
from medsyn_core.experiments import hifi, hifi_microscope, references
from medsyn_core.experiments.plan import Reference, Row
from medsyn_core.methods import hifi_syn
from tests.experiments import small_hifi

PGD, SGD, GGD = (f"{name}_discrimination" for name in ("pixel", "structure", "global"))
TAUS = {"tau_pixel", "tau_structure", "tau_global"}
PLAN = small_hifi.PLANS["hifi"]


@pytest.fixture(scope="module")
def cohort():
    return small_hifi.rings("ixi")


@pytest.fixture(scope="module")
def test(cohort):
    return references.everything(cohort, "test", ("t1", "t2"))


def run_of(name, seed=0, plan=PLAN):
    """A row's run as its plan makes it, with its observer."""
    cohort, recipe = plan.cohort(None), plan.row(name).recipe("laptop")
    observer = plan.observe(recipe, cohort, seed)
    return recipe.fit(cohort, seed=seed, device="cpu", watch=observer.watch, progress=False), observer


@pytest.fixture(scope="module")
def full():
    return run_of("full")


# -- rows


@pytest.mark.parametrize(
    ("row", "losses", "structures", "common", "annotations"),
    [
        ("full", {PGD, SGD, GGD}, 10, 10, True),
        ("baseline", set(), 0, 0, True),
        ("pixel", {PGD}, 10, 10, True),
        ("pixel-no-bank", {PGD}, 0, 0, True),
        ("pixel-no-map", {PGD}, 0, 20, False),
        ("pixel-structure", {PGD, SGD}, 10, 10, True),
        ("full-no-pixel", {SGD, GGD}, 10, 10, True),
        ("full-sharp", {PGD, SGD, GGD}, 10, 10, True),
    ],
)
def test_rows_differ_in_discriminations_bank_and_map_alone(row, losses, structures, common, annotations):
    recipe, whole = hifi.PLAN.row(row).recipe("laptop"), hifi_syn.recipe("laptop")
    assert {name for name in (PGD, SGD, GGD) if recipe.losses[name].weight} == losses
    method = recipe.method
    assert (sum(method.items), method.common, method.annotations) == (structures, common, annotations)
    changed = {name for name, value in method.settings().items() if value != whole.method.settings()[name]}
    assert changed <= (TAUS if row == "full-sharp" else {"items", "common", "annotations"})
    if row == "full-sharp":
        assert changed and {getattr(method, name) for name in TAUS} == {0.1}
    assert (recipe.players, recipe.training) == (whole.players, whole.training)
    others = {name: term for name, term in recipe.losses.items() if name not in (PGD, SGD, GGD)}
    assert others == {name: whole.losses[name] for name in others}


@pytest.mark.parametrize("paper", hifi.PLANS)
def test_the_full_row_is_the_papers_recipe_itself(paper):
    method = hifi.PLANS[paper].row("full").recipe("gpu").method
    tumour = small_hifi.KINDS[paper] == "glioma"
    whole = hifi_syn.recipe("gpu", method.modalities, tumour)
    assert hifi.PLANS[paper].row("full").recipe("gpu").config_hash == whole.config_hash
    assert len(method.items) == (7 if tumour else 4)
    assert set(method.modalities) <= set(small_hifi.rings(small_hifi.KINDS[paper]).modalities)


def test_no_two_plans_translate_alike():
    pairs = {(small_hifi.KINDS[p], hifi.PLANS[p].row("full").recipe("gpu").method.modalities) for p in hifi.PLANS}
    assert pairs == {
        ("ixi", ("t1", "t2")),
        ("ukb", ("t1", "flair")),
        *(("glioma", ("t1", other)) for other in ("t2", "t1ce", "flair")),
    }
    assert {plan.precision for plan in hifi.PLANS.values()} == {"auto"}


# -- references


def test_references_score_both_directions_of_every_subject(cohort):
    psnr = {}
    for row in PLAN.rows:
        if isinstance(row, Reference):
            metrics, arrays = row.score(cohort)
            assert [m["direction"] for m in metrics] == ["t1-t2"] * 6 + ["t2-t1"] * 6
            assert {m["subject"] for m in metrics} == set(cohort.subset("test").numbers)
            assert arrays["shown"].shape == (2, 4, 16, 16) and arrays["shown"].dtype == np.float16
            psnr[row.name] = np.mean([m["psnr"] for m in metrics])
    assert psnr["real"] == PSNR_CEILING
    assert psnr["real"] > psnr["own-look-up"] > psnr["copy"]


def test_a_pair_of_a_larger_cohort_is_scored_and_shown_in_its_directions():
    plan, cohort = small_hifi.PLANS["hifi-flair"], small_hifi.rings("glioma")
    metrics, arrays = plan.row("copy").score(cohort)
    every = references.everything(cohort, "test")
    t1, flair = (every["images"][:, cohort.modality(name)] for name in ("t1", "flair"))
    keys = (every[key] for key in ("brain", "seg", "subject"))
    expected = [{"direction": "flair-t1", **m} for m in translation_metrics(flair, t1, *keys)]
    assert [m for m in metrics if m["direction"] == "flair-t1"] == expected
    shown = references.four_slices(every)
    assert arrays["images"].shape == (4, 2, 16, 16)
    np.testing.assert_array_equal(arrays["images"][:, 1], flair[shown].astype(np.float16))
    np.testing.assert_array_equal(arrays["shown"][1], arrays["images"][:, 1])  # from flair
    np.testing.assert_array_equal(arrays["shown"][0], arrays["images"][:, 0])
    np.testing.assert_array_equal(arrays["tissue"], every["tissue"][shown])


def test_the_atlas_knows_only_what_training_on_this_pair_shows():
    """Of four modalities each subject shows one of the two, and the other may be anything."""
    plan, cohort = small_hifi.PLANS["hifi-t1ce"], small_hifi.rings("glioma")
    view = plan.row("full").recipe("laptop").method.view(cohort.subset("train"))
    batch = view.batch(range(len(view)))
    images = np.array(cohort.images)
    hidden = np.ones(images.shape[:2], bool)
    for side, name in (("i", "t1"), ("j", "t1ce")):
        hidden[batch[f"index_{side}"].numpy(), cohort.modality(name)] = False
    hidden[np.setdiff1d(np.arange(len(images)), cohort.subset("train").indices)] = False  # other sets stay as they are
    assert hidden.any()
    images[hidden] = 0.123
    spoilt = dataclasses.replace(cohort)
    spoilt.__dict__["images"] = images
    assert plan.row("atlas").score(spoilt)[0] == plan.row("atlas").score(cohort)[0]


def test_what_a_reference_was_made_with_is_in_its_identity():
    hashes = {
        (paper, job.row.name): job.identity()[1]
        for paper, plan in hifi.PLANS.items()
        for job in plan.jobs("laptop", ["copy", "atlas"])
    }
    assert len({hashes["hifi-t2", "copy"], hashes["hifi-flair", "copy"], hashes["hifi-t2", "atlas"]}) == 3


def test_tissue_is_told_of_t1_alone_and_never_of_a_copied_t2(cohort):
    for name in ("atlas", "real", "copy"):
        metrics, _ = PLAN.row(name).score(cohort)
        told = [m for m in metrics if "gm_dice" in m]
        assert {m["direction"] for m in told} == ({"t2-t1"} if name != "copy" else set())
    real = [m for m in PLAN.row("real").score(cohort)[0] if m["direction"] == "t2-t1"]
    assert all(m["gm_dice_real"] == m["wm_vs_real"] == 1 for m in real)
    assert all(m["wm_dice"] > 0.9 for m in real)
    for row in small_hifi.PLANS["hifi-t2"].rows:
        if isinstance(row, Reference):
            assert not any("gm_dice" in m for m in row.score(small_hifi.rings("glioma"))[0])


# -- the microscope


def test_seed_0_is_looked_at_nine_times_and_others_when_they_are_over(full):
    run, observer = full
    steps = [look["step"] for look in observer.extra["looks"]]
    assert len(steps) == hifi_microscope.LOOKS and steps[0] == 0 and steps[-1] == run.recipe.training.steps
    assert np.ptp(np.diff(steps)) <= 1
    _, observer = run_of("full", seed=1)
    assert [look["step"] for look in observer.extra["looks"]] == [run.recipe.training.steps]
    assert set(observer.extra) == {"looks", "knn_accuracy", "silhouette", "own_share", "tissue"}
    assert sorted(observer.arrays(None)) == ["queries", "query_modality", "query_structure", "query_subject"]


def test_queries_are_the_content_where_the_sample_says(full, test):
    run, observer = full
    sample, kept = observer.sample, observer.arrays(run)
    for k in (0, 7, len(sample.pixel) - 1):
        modality, place = int(sample.modality[k]), sample.slices[sample.place[k]]
        image = torch.from_numpy(test["images"][place, modality])[None, None]
        with torch.no_grad():
            content = run.networks["content"](image, modality)[0].flatten(1)[:, sample.pixel[k]].numpy()
        np.testing.assert_allclose(kept["queries"][k], content, rtol=2e-3, atol=2e-3)
        assert kept["query_subject"][k] == test["subject"][place]
        assert kept["query_structure"][k] == observer.structure[place].flatten()[sample.pixel[k]]
        assert kept["query_modality"][k] == modality


def test_maps_and_affinities_are_read_without_labels(full, test):
    run, observer = full
    kept, bank = observer.arrays(run), run.networks["memory"]
    place = references.four_slices(test)[0]
    with torch.no_grad():
        content = run.networks["content"](torch.from_numpy(test["images"][place, 0])[None, None], 0)
        expected = bank.affinity(content)[0].reshape(*content.shape[2:], -1)
    np.testing.assert_allclose(kept["maps"][-1], expected, atol=2e-3)
    assert kept["maps"].shape == (9, 8, 8, 20) and kept["maps_structure"].shape == (8, 8)
    some, names = kept["eight"], kept["query_structure"]
    assert all(len(set(names[row])) == 1 for row in some) and names[some[:, 0]].tolist() == [0, 1, 2, 3]
    queries = torch.from_numpy(kept["queries"][some].astype(np.float32)).flatten(0, 1)  # (32, C)
    again = (bank.similarity(queries) / bank.temperature).softmax(dim=-1).reshape(4, 8, -1)
    np.testing.assert_allclose(kept["eight_affinity"], again, atol=2e-2)
    np.testing.assert_array_equal(kept["bank"], [0] * 2 + [1] * 2 + [2] * 3 + [3] * 3 + [-1] * 10)
    np.testing.assert_allclose(kept["usage"].sum(axis=1), 1, rtol=1e-5)


def test_pictures_are_the_translations_of_the_slices_shown(full, test):
    run, observer = full
    shown = references.four_slices(test)
    pictures = observer.arrays(run)["shown"]
    for direction, (source, target) in enumerate((("t1", "t2"), ("t2", "t1"))):
        images = torch.from_numpy(test["images"][shown, ("t1", "t2").index(source)])[:, None]
        np.testing.assert_allclose(pictures[direction], run.model.translate(images, target)[:, 0], atol=2e-3)


def test_a_row_without_a_bank_keeps_no_affinities():
    run, observer = run_of("baseline")
    assert set(observer.extra["looks"][0]) == {"step", "purity"} and "own_share" not in observer.extra
    assert not {"maps", "usage", "bank", "eight"} & set(observer.arrays(run))


def test_structures_are_known_to_the_observer_where_training_does_not_see_them():
    run, observer = run_of("pixel-no-map")
    assert set(observer.arrays(run)["query_structure"]) == {0, 1, 2, 3}
    assert set(observer.arrays(run)["bank"]) == {-1} and "own_share" not in observer.extra
    assert {"entropy", "dead", "key_cosine"} < set(observer.extra["looks"][0])


def test_looking_changes_nothing(full, cohort):
    run, _ = full
    alone = run.recipe.fit(cohort, seed=0, device="cpu", progress=False)
    assert alone.history.series == run.history.series


def test_tumours_are_structures_of_their_own_and_no_tissue_is_segmented():
    run, observer = run_of("full", plan=small_hifi.PLANS["hifi-t2"])
    assert hifi_syn.WITH_TUMOUR.index("oedema") in observer.arrays(run)["query_structure"]
    assert observer.arrays(run)["usage"].shape == (9, 38)
    assert "tissue" not in observer.extra


# -- runs


def test_a_record_comes_back_whole_and_small(monkeypatch):
    (job,) = PLAN.jobs("laptop", ["full"], [0])
    job.run("cpu")
    record = job.load()
    assert job.state() == ("ok", "")
    assert [m["direction"] for m in record.metrics] == ["t1-t2"] * 6 + ["t2-t1"] * 6
    assert len(record.extra["tissue"]) == 6 and json.dumps(record.extra)
    assert sum(a.nbytes for a in record.arrays().values()) < 300_000


def test_arrays_of_the_largest_recipe_stay_below_two_megabytes():
    recipe = hifi_syn.recipe("gpu", ("t1", "flair"), tumour=True)
    side, slots = 128 // 2**recipe.method.halvings, sum(recipe.method.items) + recipe.method.common
    maps = hifi_microscope.LOOKS * side**2 * slots * 2
    queries = hifi_microscope.queries.LIMIT * recipe.method.channels * 2
    shown = 2 * 4 * 128**2 * 2
    assert maps + queries + shown < 2_000_000


def test_rows_can_be_sent_to_other_processes():
    import pickle

    for plan in hifi.PLANS.values():
        again = pickle.loads(pickle.dumps(plan))
        for row in plan.rows:
            if isinstance(row, Row):
                assert again.row(row.name).recipe("smoke").config_hash == row.recipe("smoke").config_hash
        assert isinstance(again.observe, partial)
