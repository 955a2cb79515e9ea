import dataclasses
from threading import Thread

import numpy as np
import pytest
import torch

from medsyn_core.data.views import Unpaired
from medsyn_core.evaluation import translation_metrics
from medsyn_core.experiments import utad
from medsyn_core.experiments.plan import Reference, in_turn
from medsyn_core.methods import utad as method
from medsyn_core.networks.two_branch import STRUCTURES
from tests.experiments import small

SIDE = 16


@pytest.fixture(scope="module")
def cohort():
    return small.quartets(None)


@pytest.fixture(scope="module")
def test(cohort):
    return utad.everything(cohort, "test")


def run_of(name, cohort, seed=0):
    """A row's run as its plan makes it, with its observer."""
    row = small.UTAD.row(name)
    recipe = row.recipe("laptop")
    if row.teacher:
        recipe = row.taught(small.UTAD.row(row.teacher).recipe("laptop").fit(cohort, seed=seed, progress=False))
    observer = utad.Looker(recipe, cohort, seed)
    return recipe.fit(cohort, seed=seed, watch=observer.watch, progress=False), observer


@pytest.fixture(scope="module")
def student(cohort):
    return run_of("student-wt", cohort)


# -- rows


@pytest.mark.parametrize("name", ["wt", "tc", "et"])
def test_teachers_and_students_of_each_region(name):
    teacher, student = (utad.PLAN.row(f"{kind}-{name}") for kind in ("teacher", "student"))
    assert teacher.recipe("laptop").method.region == student.recipe("laptop").method.region == name.upper()
    assert teacher.recipe("laptop").method.guide == "tumour"
    assert student.teacher == teacher.name
    assert student.recipe("laptop").method.teacher == teacher.recipe("laptop").config_hash


def test_distilling_tumours_changes_two_terms_and_nothing_else():
    plain, ours = (utad.PLAN.row(name).recipe("laptop").config() for name in ("student-wt", "student-wt-tumours"))
    changed = {name for name in ours["losses"] if ours["losses"][name] != plain["losses"].get(name)}
    assert changed == {"distillation", "tumour_distillation"}
    assert {k: v for k, v in ours.items() if k != "losses"} == {k: v for k, v in plain.items() if k != "losses"}


def test_the_longer_rows_have_three_times_the_steps_and_no_other_settings():
    for short, long in (("teacher-wt", "teacher-wt-long"), ("student-wt-tumours", "student-wt-long")):
        short, long = (utad.PLAN.row(name).recipe("laptop") for name in (short, long))
        assert long.training.steps == 3 * short.training.steps
        teacher = {"teacher": long.method.teacher} if short.method.name == "utad-student" else {}
        settings = {name: value for name, value in short.config().items() if name != "method"}
        assert long.configure(steps=short.training.steps).config() == {
            **settings,
            "method": short.config()["method"] | teacher,
        }


def test_ablated_masks_change_the_guide_and_nothing_else():
    whole = utad.PLAN.row("teacher-wt").recipe("laptop").config()
    for guide in ("zeros", "random"):
        other = utad.PLAN.row(f"teacher-{guide}").recipe("laptop").config()
        assert other["method"] == whole["method"] | {"guide": guide}
        assert {k: v for k, v in other.items() if k != "method"} == {k: v for k, v in whole.items() if k != "method"}


def test_the_four_structures_learn_from_one_teacher():
    rows = [row for row in utad.PLAN.rows if getattr(row, "teacher", None) == "teacher-wt"]
    assert {row.recipe("laptop").method.structure for row in rows} == set(STRUCTURES)
    assert len({row.recipe("laptop").method.teacher for row in rows}) == 1


def test_rows_of_the_plan_are_the_papers_recipes_themselves():
    assert utad.PLAN.row("teacher-wt").recipe("gpu").config_hash == method.teacher("gpu").config_hash
    student = method.student(method.teacher("gpu", "ET"))
    assert utad.PLAN.row("student-et").recipe("gpu").config_hash == student.config_hash


# -- references


def test_references_score_every_direction_and_subject(cohort, test):
    psnr = {}
    for row in utad.REFERENCES:
        metrics, arrays = row.score(cohort)
        assert [m["direction"] for m in metrics[::6]] == list(small.TWELVE)
        assert {m["subject"] for m in metrics} == set(cohort.subset("test").numbers)
        assert len(metrics) == 12 * 6
        assert arrays["shown"].shape == (4, SIDE, SIDE) and arrays["shown"].dtype == np.float16
        psnr[row.name] = np.mean([m["psnr"] for m in metrics])
    assert psnr["own-look-up"] > psnr["affine-copy"] > psnr["copy"]  # oracles read the answer


def test_a_copy_is_scored_in_the_direction_it_says(cohort, test):
    metrics, arrays = utad.PLAN.row("copy").score(cohort)
    source, target = (cohort.modalities.index(name) for name in ("t2", "t1ce"))
    keys = ("brain", "seg", "subject")
    expected = translation_metrics(test["images"][:, source], test["images"][:, target], *(test[k] for k in keys))
    assert [m for m in metrics if m["direction"] == "t2-t1ce"] == [{"direction": "t2-t1ce", **m} for m in expected]
    shown = utad.four_slices(test)
    np.testing.assert_array_equal(arrays["images"], test["images"][shown].astype(np.float16))
    np.testing.assert_array_equal(arrays["index"], test["index"][shown])
    for k, (name, _) in enumerate(utad.SHOWN):
        np.testing.assert_array_equal(arrays["shown"][k], arrays["images"][k, cohort.modalities.index(name)])


def test_the_atlas_knows_only_what_training_shows(cohort, test):
    """Each training subject's other modalities may be anything."""
    train = Unpaired(cohort.subset("train"))
    batch = train.batch(range(len(train)))
    images = np.array(cohort.images)
    hidden = np.ones(images.shape[:2], bool)
    hidden[batch["index"], batch["modality"]] = False
    hidden[np.setdiff1d(np.arange(len(images)), batch["index"])] = False  # other sets stay as they are
    assert hidden.any()
    images[hidden] = 0.123

    spoilt = dataclasses.replace(cohort)
    spoilt.__dict__["images"] = images
    assert utad.PLAN.row("atlas").score(spoilt)[0] == utad.PLAN.row("atlas").score(cohort)[0]


# -- what is looked at


def test_a_student_keeps_pictures_frames_and_feature_errors(student, cohort, test):
    run, observer = student
    kept = observer.arrays(run)
    assert sorted(kept) == ["feature_error", "frames", "shown"]
    shown = utad.four_slices(test)
    images = torch.from_numpy(test["images"][shown])
    for s, source in enumerate(cohort.modalities):
        for t, target in enumerate(cohort.modalities):
            expected = run.model.translate(images[:, s : s + 1], target)[:, 0].numpy()
            np.testing.assert_allclose(kept["frames"][s, t], expected, atol=2e-3)
            for k in (k for k, pair in enumerate(utad.SHOWN) if pair == (source, target)):
                np.testing.assert_allclose(kept["shown"][k], kept["frames"][s, t, k], atol=1e-3)


def test_feature_errors_are_those_of_eq_10_over_all_modalities(student, cohort, test):
    run, observer = student
    ours, teacher = run.model.generator, run.networks["teacher"]
    absolute, square = [], []
    mask = torch.from_numpy(test["seg"] > 0)[:, None].float()  # the whole tumour
    with torch.no_grad():
        for k in range(len(test["seg"])):
            for m in range(len(cohort.modalities)):
                image = torch.from_numpy(test["images"][k, m])[None, None]
                off = ours.encode(image, image)[0] - teacher.encode(image, image * mask[k : k + 1])[0]
                absolute.append(off.abs().mean((0, 2, 3)).numpy())
                square.append(off.square().mean((0, 2, 3)).numpy())
    np.testing.assert_allclose(observer.arrays(run)["feature_error"], np.mean(absolute, 0), rtol=1e-4, atol=1e-7)
    assert observer.extra["feature_mae"] == pytest.approx(np.mean(absolute), rel=1e-4)
    assert observer.extra["feature_mse"] == pytest.approx(np.mean(square), rel=1e-4)


def test_a_teacher_is_shown_with_its_mask_and_has_no_feature_error(cohort, test):
    run, observer = run_of("teacher-wt", cohort)
    assert observer.extra == {}
    kept = observer.arrays(run)
    assert sorted(kept) == ["shown"]
    source, target = utad.SHOWN[2]
    k = utad.four_slices(test)[2]
    image = torch.from_numpy(test["images"][k, cohort.modalities.index(source)])[None, None]
    mask = torch.from_numpy(test["seg"][k] > 0)[None, None].float()
    expected = run.model.translate(image, target, mask)[0, 0].numpy()
    np.testing.assert_allclose(kept["shown"][2], expected, atol=2e-3)


def test_only_seed_0_keeps_pictures_and_only_full_students_frames(cohort):
    run, observer = run_of("student-global", cohort)
    assert sorted(observer.arrays(run)) == ["feature_error", "shown"]
    run, observer = run_of("student-wt", cohort, seed=1)
    assert observer.arrays(run) == {} and observer.extra["feature_mae"] > 0


def test_four_slices_are_shown_however_few_have_a_tumour(test):
    few = {name: value.copy() for name, value in test.items()}
    few["seg"][few["subject"] != few["subject"][0]] = 0
    assert len(utad.four_slices(few)) == 4
    assert set(few["subject"][utad.four_slices(few)]) == {few["subject"][0]}


# -- runs


def test_a_student_learns_from_the_run_of_its_teacher_and_seed(cohort):
    (teacher,) = small.UTAD.jobs("laptop", ["teacher-wt"], [1])
    (student,) = small.UTAD.jobs("laptop", ["student-wt"], [1])
    record = teacher.run("cpu")
    assert teacher.folder.exists()
    learnt = student.run("cpu")
    assert student.state() == ("ok", "") and student.folder is None
    assert len(record.metrics) == len(learnt.metrics) == 12 * 6
    trained = teacher.row.recipe("laptop").fit(cohort, seed=1, device="cpu", folder=teacher.folder, progress=False)
    alone = student.row.taught(trained).fit(cohort, seed=1, device="cpu", progress=False)
    assert [m["psnr"] for m in alone.metrics] == pytest.approx([m["psnr"] for m in learnt.metrics], rel=1e-5)


def test_a_student_waits_for_who_else_trains_its_teacher():
    """Made at the same time, on this machine: the later one takes what the first has left."""
    (student,) = small.UTAD.jobs("laptop", ["student-wt"], [2])
    (teacher,) = small.UTAD.jobs("laptop", ["teacher-wt"], [2])
    waiting = Thread(target=student.run, args=("cpu", "32-true"))
    with in_turn(teacher.folder):
        waiting.start()
        waiting.join(1.0)
        assert waiting.is_alive() and not (teacher.folder / "checkpoint.pt").exists()
    waiting.join(60)
    assert student.load().seed == 2 and (teacher.folder / "checkpoint.pt").exists()


def test_references_need_no_training():
    jobs = small.UTAD.jobs("laptop", ["copy", "atlas"])
    assert all(isinstance(job.row, Reference) and job.seed == 0 for job in jobs)
    jobs[0].run("cpu")
    record = jobs[0].load()
    assert record.kind == "reference" and len(record.metrics) == 12 * 6
    assert sorted(record.arrays()) == ["brain", "images", "index", "seg", "shown"]
