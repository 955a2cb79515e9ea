import numpy as np
import pytest
import torch

from medsyn_core import data
from medsyn_core.experiments import dual_d, records
from medsyn_core.experiments.plan import Reference, Row
from medsyn_core.experiments.plans import papers
from medsyn_core.experiments.plans import plan as find_plan
from medsyn_core.methods.dual_d import DualD
from medsyn_core.profiles import Profile, profile
from tests.experiments import small

GLOBAL = {"global_adversarial", "global_critic", "gradient_penalty"}
LOCAL = {"local_adversarial", "local_discriminator"}


@pytest.mark.parametrize(
    ("row", "terms"),
    [
        ("fcn", {"synthesis"}),
        ("unet", {"synthesis"}),
        ("sgan-global", {"synthesis"} | GLOBAL),
        ("sgan-local", {"synthesis"} | LOCAL),
        ("dual", {"synthesis"} | GLOBAL | LOCAL),
        ("dual-attention", {"difficult_region"} | GLOBAL | LOCAL),
        ("dual-attention-strong", {"difficult_region"} | GLOBAL | LOCAL),
        ("dual-attention-even", {"difficult_region_normalised"} | GLOBAL | LOCAL),
    ],
)
def test_rows_are_edits_of_one_recipe(row, terms):
    recipe = dual_d.PLAN.row(row).recipe("laptop")
    assert {name for name, term in recipe.losses.items() if term.weight} == terms
    assert recipe.method.generator == ("fcn" if row == "fcn" else "unet")
    assert recipe.training == dual_d.PLAN.row("dual-attention").recipe("laptop").training


def test_the_full_method_is_the_papers_recipe_itself():
    from medsyn_core.methods import dual_d as method

    assert dual_d.PLAN.row("dual-attention").recipe("gpu").config_hash == method.recipe("gpu").config_hash


def test_slices_to_show_are_the_widest_of_the_larger_tumours():
    seg = np.zeros((9, 8, 8), np.uint8)
    for place, width in enumerate([1, 4, 2, 0, 0, 0, 6, 7, 5]):
        seg[place, 0, :width] = 2
    test = {"seg": seg, "subject": np.array([0, 0, 0, 1, 1, 1, 2, 2, 2])}
    assert dual_d.tumour_slices(test).tolist() == [7, 1]  # subject 1 has none
    assert dual_d.tumour_slices(test, count=1).tolist() == [7]


def test_references_score_every_test_subject_and_the_oracle_reads_the_answer():
    cohort = small.cohort(None)
    psnr = {}
    for row in dual_d.PLAN.rows:
        if isinstance(row, Reference):
            metrics, arrays = row.score(cohort)
            assert tuple(m["subject"] for m in metrics) == cohort.subset("test").numbers
            assert arrays["translated"].dtype == np.float16
            psnr[row.name] = np.mean([m["psnr"] for m in metrics])
    assert psnr["look-up"] > psnr["atlas"] > psnr["copy"]  # t2 is 1.2 - t1 outside tumours
    assert psnr["affine-copy"] > psnr["copy"]


def test_pictures_of_rows_and_of_what_they_are_seen_beside_agree(plan):
    for job in plan.jobs("laptop", ["copy", "dual-attention"], [0, 1]):
        job.run("cpu")
    copy, first, second = (j.load() for j in plan.jobs("laptop", ["copy", "dual-attention"], [0, 1]))
    beside, shown = copy.arrays(), first.arrays()
    test = dual_d.paired_slices(small.cohort(None), DualD())
    chosen = dual_d.tumour_slices(test)
    np.testing.assert_array_equal(beside["target"], test["target"][chosen].astype(np.float16))
    np.testing.assert_array_equal(beside["index"], test["index"][chosen])
    assert shown["translated"].shape == beside["source"].shape == beside["seg"].shape
    assert sorted(shown) == [
        "confidence-000000",
        "confidence-000001",
        "confidence-000002",
        "confidence-000004",
        "translated",
    ]
    assert second.arrays() == {}  # pictures are kept of seed 0 only


def test_confidence_is_measured_inside_and_outside_tumours(plan):
    cohort, recipe = small.cohort(None), plan.row("dual").recipe("laptop")
    observer = dual_d.Confidence(recipe, cohort, seed=0)
    run = recipe.fit(cohort, device="cpu", progress=False, watch=observer.watch)
    rows = [row for row in observer.extra["confidence"] if row["step"] == 4]
    test = dual_d.paired_slices(cohort, DualD())
    tumours = {int(s) for s in np.unique(test["subject"]) if (test["seg"][test["subject"] == s] > 0).any()}
    assert {row["subject"] for row in rows} == tumours
    judge = run.networks["local_discriminator"]
    for row in rows:
        inside, rest = [], []
        for k in np.flatnonzero(test["subject"] == row["subject"]):
            with torch.no_grad():
                source = torch.from_numpy(test["source"][k])[None, None]
                m = torch.sigmoid(judge(run.model(source)))[0, 0].numpy()
            for y, x in np.argwhere(test["brain"][k]):
                (inside if test["seg"][k, y, x] else rest).append(m[y, x])
        assert row["tumour"] == pytest.approx(np.mean(inside), abs=1e-5)
        assert row["rest"] == pytest.approx(np.mean(rest), abs=1e-5)


def test_a_row_without_local_discriminator_is_not_looked_at(plan):
    observer = dual_d.Confidence(plan.row("unet").recipe("laptop"), small.cohort(None), seed=0)
    assert observer.watch is None
    assert observer.extra == {}


def test_looking_changes_nothing(plan):
    cohort, recipe = small.cohort(None), plan.row("dual-attention").recipe("laptop")
    observer = dual_d.Confidence(recipe, cohort, seed=0)
    watched = recipe.fit(cohort, device="cpu", progress=False, watch=observer.watch)
    alone = recipe.fit(cohort, device="cpu", progress=False)
    assert watched.history.series == alone.history.series


def test_one_real_record_from_phantom_to_file(monkeypatch, own_cache):
    monkeypatch.setenv("MEDSYN_CACHE", own_cache)  # the phantom is worth keeping between runs of the tests
    monkeypatch.setenv("MEDSYN_PROFILE", "smoke")
    size = profile()
    (job,) = dual_d.PLAN.jobs("smoke", ["dual-attention"])
    expected = dual_d.PLAN.data_hash(size)
    job.run("cpu")
    record = job.load()  # neither stale nor damaged
    assert job.state() == ("ok", "")
    cohort = dual_d.PLAN.cohort(size)
    assert record.data_hash == expected == cohort.identity
    assert isinstance(cohort, data.Cohort)
    assert len(record.metrics) == len(cohort.split.test)
    assert record.history["steps"]
    assert record.extra["confidence"]
    assert record.path == records.path("dual", "smoke", "dual-attention", 0)
    assert record.path.stat().st_size + record.path.with_suffix(".safetensors").stat().st_size < 60_000


@pytest.mark.parametrize("name", papers())
def test_the_data_of_a_plan_can_be_told_without_rendering_them(name, monkeypatch, tmp_path):
    monkeypatch.setenv("MEDSYN_CACHE", str(tmp_path))
    tiny = Profile("tiny", subjects=4, px=16, slices=1, seeds=1)
    known = find_plan(name).data_hash(tiny)
    assert all(path.name.startswith("template") for path in tmp_path.iterdir())
    cohort = find_plan(name).cohort(tiny)
    assert cohort.identity == known
    row = next(row for row in find_plan(name).rows if isinstance(row, Row))
    settings = row.recipe("smoke").method.settings()
    wanted = settings.get("modalities") or (settings["source"], settings["target"])
    assert set(wanted) <= set(cohort.modalities)


def test_slices_without_tumours_are_chosen_by_the_brain():
    seg = np.zeros((4, 4, 4), np.uint8)
    brain = np.zeros((4, 4, 4), bool)
    brain[1], brain[2] = True, True
    brain[0, 0] = brain[3, 0] = True
    chosen = dual_d.tumour_slices({"seg": seg, "brain": brain, "subject": np.array([0, 0, 1, 1])})
    assert chosen.tolist() == [1, 2]
