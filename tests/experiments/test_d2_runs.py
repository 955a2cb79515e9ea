import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from medsyn_core.data.views import all_subsets
from medsyn_core.data.volume import region
from medsyn_core.evaluation import dice
from medsyn_core.experiments import batch, d2_cost, d2_observer, records
from medsyn_core.experiments.d2_alternatives import dense_kd, multi_kd
from medsyn_core.methods.d2net_step import D2Trace
from tests.experiments import small, small_d2

MODALITIES = ("t1", "t1ce", "t2", "flair")
SUBSETS = all_subsets(MODALITIES)


@pytest.fixture(scope="module")
def cohort():
    return small_d2.balls()


@pytest.fixture(scope="module")
def run(cohort):
    recipe = small_d2.PLAN.row("full").recipe("laptop")
    return recipe.fit(cohort, device="cpu", progress=False)


@pytest.fixture(scope="module")
def kept(run, cohort):
    return d2_observer.Keeper(run.recipe, cohort, 0, d2_observer.KEPT).arrays(run)


# -- what is kept


def test_codes_are_those_of_whole_volumes(run, cohort, kept):
    numbers = cohort.subset("test").numbers
    assert set(kept["code_subject"]) == set(numbers) and set(kept["code_modality"]) == {0, 1, 2, 3}
    images = torch.tensor(np.asarray(cohort.volume(numbers[1])["images"], np.float32))
    shown = [k for k in range(images.shape[1]) if images[:, k].any()]
    trace = D2Trace(run.networks, run.recipe.method, {"images": images[None], "present": torch.ones(1, 4)})
    with torch.no_grad():
        expected = trace.modality.codes[0, 2, shown[::3]].numpy()  # (G, N) of the third modality
    own = (kept["code_subject"] == numbers[1]) & (kept["code_modality"] == 2)
    assert kept["codes"].dtype == np.float16
    np.testing.assert_allclose(kept["codes"][own], expected, atol=2e-3)


def test_features_are_those_of_voxels_of_their_class(run, cohort, kept, monkeypatch):
    label = kept["feature_class"]
    assert set(label) == {0, 1, 2, 3} and len(label) == len(kept["features"])
    keeper = d2_observer.Keeper(run.recipe, cohort, 0, ("features",))
    volumes = {n: keeper._volume(n) for n in cohort.subset("test").numbers}

    def code(run, images):  # a feature that tells where it is from
        seg = next(seg for own, seg in volumes.values() if np.array_equal(own, images))
        return np.stack([seg, images.any(axis=0), images[0]])

    monkeypatch.setattr(keeper, "_last_layer", code)
    found = keeper.arrays(run)
    codes = np.array([0, 1, 2, 4])[found["feature_class"]]
    np.testing.assert_array_equal(found["features"][:, 0], codes)
    assert found["features"][:, 1].all()  # inside the brain
    again = keeper.arrays(run)
    np.testing.assert_array_equal(found["features"], again["features"])


def test_a_class_has_no_more_voxels_than_are_kept(run, cohort, monkeypatch):
    monkeypatch.setattr(d2_observer, "VOXELS", 10)
    found = d2_observer.Keeper(run.recipe, cohort, 0, ("features",)).arrays(run)
    assert list(np.bincount(found["feature_class"])) == [10, 10, 10, 10]


def test_the_last_layer_of_a_volume_is_the_students(run, cohort):
    keeper = d2_observer.Keeper(run.recipe, cohort, 0)
    images, _ = keeper._volume(cohort.subset("test").numbers[0])
    block = np.pad(images, ((0, 0), (0, 16 - images.shape[1]), (0, 0), (0, 0)))
    with torch.no_grad():
        given = {"images": torch.tensor(block)[None], "present": torch.ones(1, 4)}
        expected = D2Trace(run.networks, run.recipe.method, given).student.layers[-1][0].numpy()
        found = keeper._last_layer(run, block)  # one block covers it
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_pictures_are_what_the_model_says_of_each_choice(run, cohort, kept):
    shown = kept["shown_subject"]
    assert len(shown) == 3 and set(shown) <= set(cohort.subset("test").numbers)
    seg = [np.asarray(cohort.volume(int(n))["seg"]) for n in shown]
    sizes = [(s == 4).sum() for s in seg]
    assert sizes == sorted(sizes, reverse=True)
    for k, number in enumerate(shown):
        place = int(region(seg[k], "TC").sum(axis=(1, 2)).argmax())
        np.testing.assert_array_equal(kept["shown_truth"][k], seg[k][place])
        volume = cohort.volume(int(number))["images"]
        np.testing.assert_allclose(kept["shown_images"][k], volume[:, place], atol=1e-2)
        for c in (0, 7, 14):
            answer = run.model.segment(volume, SUBSETS[c]).numpy()
            np.testing.assert_array_equal(kept["shown_labels"][k, c], answer[place])
            whole = [dice(region(answer, name), region(seg[k], name)) for name in ("WT", "TC", "ET")]
            np.testing.assert_allclose(kept["shown_dice"][k, c], whole, atol=1e-3)


def test_other_seeds_and_other_rows_keep_nothing(run, cohort):
    assert d2_observer.Keeper(run.recipe, cohort, 1, d2_observer.KEPT).arrays(run) == {}
    rows = {row.name: row.observe.keywords["what"] for row in small_d2.PLAN.rows if row.observe}
    assert set(rows) == {"full", "base", "sfmc", "kd", "spatial", "frequency", "feature", "logit", "no-td"}
    assert {name for name, what in rows.items() if "features" in what} == {"full", "base", "no-td"}
    assert {name for name, what in rows.items() if "codes" in what} == set(rows) - {"no-td"}
    assert {name for name, what in rows.items() if "shown" in what} == {"full"}


# -- a batch of it


def test_each_seed_trains_and_tests_on_its_fold(folder):
    jobs, lines = small_d2.PLAN.jobs("laptop", ["spatial"], [0, 1]), []
    assert batch.make(jobs, device="cpu", log=lines.append) == []
    found = [job.load() for job in jobs]
    assert [job.state() for job in jobs] == [("ok", "")] * 2
    assert [record.data["split"]["name"] for record in found] == ["d2net-0", "d2net-1"]
    subjects = [{row["subject"] for row in record.metrics} for record in found]
    assert [len(own) for own in subjects] == [3, 3] and not subjects[0] & subjects[1]
    assert len(found[0].metrics) == 3 * 15
    assert "codes" in found[0].arrays() and found[1].arrays() == {}
    assert "Dice WT" in lines[-1] and "Dice ET" in lines[-1] and "45 rows" in lines[-1]
    assert "PSNR" not in lines[-1]


def test_a_record_of_another_fold_is_stale(folder):
    first, second = small_d2.MADE.jobs("laptop", ["full"], [0, 1])
    records.save(small_d2.written(first))
    assert first.state()[0] == "ok"
    moved = small_d2.written(second, fold=0.0)
    records.save(type(moved)(**(vars(moved) | {"data_hash": first.data_hash})))
    assert second.state()[0] == "stale"


def test_the_log_says_what_a_record_has(folder):
    record = small.written(small.PLAN.jobs("laptop", ["unet"], [0])[0])
    assert batch._scores(record).startswith("PSNR ") and " dB, SSIM 0." in batch._scores(record)
    dice_of = {"dice_wt": 0.5, "dice_tc": 0.25, "dice_et": 0.125, "hd95_wt": 9.0}
    two = type(record)(**(vars(record) | {"metrics": [{"subject": 0, **dice_of}, {"subject": 1, **dice_of}]}))
    assert batch._scores(two) == "Dice WT 50.0 %, Dice TC 25.0 %, Dice ET 12.5 % over 2 rows"


# -- alternatives


@pytest.fixture
def trace():
    """A step with three layers, on blocks of noise."""
    torch.manual_seed(0)
    method = small_d2.PLAN.row("full").recipe("laptop").configure(layers=3).method
    images, labels = torch.randn(2, 4, 16, 16, 16), torch.randint(0, 4, (2, 16, 16, 16))
    return D2Trace(method.networks({}), method, {"images": images, "labels": labels, "present": torch.ones(2, 4)})


def squares(ours, theirs):
    """Mean square between a student's map (B, C, ...) and each class of the teacher's (B, K, C, ...), by loops."""
    each = [(ours[b] - theirs[b, k]).square().mean().item() for b in range(2) for k in range(4)]
    return sum(each) / len(each)


def test_multi_kd_compares_the_same_layers(trace):
    ours, theirs = trace.student_bank.features, trace.teacher_bank.features
    assert len(ours) == 3
    expected = sum(squares(x, y) for x, y in zip(ours, theirs, strict=True))
    assert multi_kd(trace).item() == pytest.approx(expected, rel=1e-4)


def test_dense_kd_compares_all_pairs_alike(trace):
    theirs = trace.teacher_bank.features
    each = [[squares(trace.resized[t][s], theirs[t]) for s in range(3)] for t in range(3)]
    assert dense_kd(trace).item() == pytest.approx(sum(sum(row) / 3 for row in each), rel=1e-4)


@pytest.mark.parametrize("term", [multi_kd, dense_kd])
def test_student_and_teacher_learn_from_each_other_whatever_the_affinity(trace, term):
    term(trace).backward()
    for name in ("student", "teacher"):
        moved = [w.grad.abs().sum() for w in trace._networks[name].parameters() if w.grad is not None]
        assert sum(moved) > 0
    assert "affinities" not in vars(trace)


def test_a_compressed_student_has_the_same_layers():
    torch.manual_seed(0)
    method = small_d2.PLAN.row("student-half").recipe("laptop").method
    given = {"images": torch.randn(1, 4, 16, 16, 16), "present": torch.ones(1, 4)}
    assert multi_kd(D2Trace(method.networks({}), method, given)).item() > 0


# -- costs


def test_an_answer_is_counted_without_computing_it():
    recipe = small_d2.PLAN.row("full").recipe("laptop")
    model = recipe.method.untrained_model()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(torch.ones(1, 4, 16, 16, 16), torch.ones(1, 4))
    assert d2_cost.of_answer(recipe) == (sum(w.numel() for w in model.parameters()), counter.get_total_flops())


def test_a_smaller_student_costs_less_and_a_step_more_than_an_answer():
    full, half, quarter = (
        d2_cost.of_answer(small_d2.PLAN.row(name).recipe("laptop"))
        for name in ("full", "student-half", "student-quarter")
    )
    assert full[0] > half[0] > quarter[0] and full[1] > half[1] > quarter[1]
    cost = d2_cost.of_recipe(small_d2.PLAN.row("full").recipe("laptop"))
    assert (cost.parameters, cost.operations) == full and cost.patch == 16
    assert cost.step > 3 * cost.operations and cost.trained > cost.parameters
    fewer = d2_cost.of_recipe(small_d2.PLAN.row("no-td").recipe("laptop"))
    assert fewer.step < cost.step


def test_the_papers_size_is_about_the_papers():
    from medsyn_core.methods import d2net

    paper = d2net.recipe("gpu")
    assert sum(map(d2_cost._count, paper.method.networks({}).values())) == pytest.approx(5.1e6, rel=0.05)
    assert d2_cost.of_answer(paper)[1] == pytest.approx(4.2e10, rel=0.1)
