import json
from pathlib import Path

import pytest

from medsyn_core.data.splits import split
from medsyn_core.experiments import cohorts, d2, records
from medsyn_core.experiments.plan import PlanError
from medsyn_core.experiments.plans import papers, plan
from medsyn_core.methods import d2net
from medsyn_core.profiles import Profile, profile

ROOT = Path(__file__).resolve().parents[2]
FOUR = ("spatial_contrast", "frequency_contrast", "feature_distillation", "logit_distillation")
FULL = d2net.recipe("laptop")
DISTANCE, MANY = FULL.method.distance, len(FULL.method.modalities)


def recipe(name, size="laptop"):
    return d2.PLAN.row(name).recipe(size)


def weights(name):
    return {term: found.weight for term, found in recipe(name).losses.items()}


def changed(name, size="laptop"):
    """What of the method's settings differs from the full recipe's."""
    own, full = recipe(name, size).method.settings(), d2net.recipe(size).method.settings()
    return {key: value for key, value in own.items() if value != full[key]}


# -- rows


@pytest.mark.parametrize(
    ("name", "left"),
    [
        ("base", (0, 0, 0, 0)),
        ("spatial", (1, 0, 0, 0)),
        ("frequency", (0, 1, 0, 0)),
        ("sfmc", (1, 1, 0, 0)),
        ("feature", (0, 0, 1, 0)),
        ("logit", (0, 0, 0, 1)),
        ("kd", (0, 0, 1, 1)),
        ("full", (1, 1, 1, 1)),
    ],
)
def test_a_component_is_there_or_not_and_all_else_stays(name, left):
    assert weights(name) == weights("full") | dict(zip(FOUR, left, strict=True))
    assert changed(name) == {}
    assert recipe(name).training == FULL.training and recipe(name).players == FULL.players


def test_the_full_row_is_the_papers_recipe():
    assert recipe("full").config() == FULL.config()
    assert set(weights("full").values()) == {1.0}


def test_without_the_projection_and_without_the_stage():
    assert changed("no-projection") == {"project": False} and weights("no-projection") == weights("full")
    gone = dict.fromkeys(("auxiliary", "consistency", "feature_distillation", "logit_distillation"), 0.0)
    assert weights("no-td") == weights("full") | gone and changed("no-td") == {}


@pytest.mark.parametrize("name", ["multi_kd", "dense_kd"])
def test_an_alternative_stands_in_the_place_of_both_distillations(name):
    row = name.replace("_", "-")
    assert weights(row) == weights("base") | {name: 1.0}
    assert changed(row) == {}
    described = recipe(row).config()["losses"][name]
    assert described["function"] == f"medsyn_core.experiments.d2_alternatives.{name}"
    assert described["player"] == "segmenter"


def test_a_critic_stands_in_the_place_of_both_contrasts():
    terms = {"critic": 1.0, "gradient_penalty": 10.0, "realism": 0.1}
    assert weights("gan") == weights("base") | terms and changed("gan") == {}
    first, second = recipe("gan").players
    assert (first.name, first.networks) == ("critic", ("critic",)) and (second,) == FULL.players
    assert {name: recipe("gan").losses[name].player for name in terms} == {
        "critic": "critic",
        "gradient_penalty": "critic",
        "realism": "segmenter",
    }


@pytest.mark.parametrize(
    ("name", "setting"),
    [
        ("positives-2", {"positives": 2}),
        ("positives-8", {"positives": 8}),
        ("reach-1", {"reach": FULL.method.reach // 2}),
        ("reach-4", {"reach": 2 * FULL.method.reach}),
        ("reach-8", {"reach": 4 * FULL.method.reach}),
        ("layers-1", {"layers": 1}),
        ("layers-4", {"layers": 4}),
        ("level-0", {"frequency_level": 0}),
        ("level-3", {"frequency_level": 3}),
        ("student-half", {"shrink": 2}),
        ("student-quarter", {"shrink": 4}),
    ],
)
def test_a_row_of_one_setting_changes_that_one(name, setting):
    assert changed(name) == setting
    assert weights(name) == weights("full")


@pytest.mark.parametrize("name", list(d2.TERMS))
@pytest.mark.parametrize("weight", [0.0, 0.5, 2.0])
def test_a_weight_is_changed_alone(name, weight):
    row = f"{name}-{weight:g}"
    assert weights(row) == weights("full") | {d2.TERMS[name]: weight}
    assert changed(row) == {}


@pytest.mark.parametrize("size", list(d2net.SIZES))
def test_no_two_rows_of_a_profile_are_the_same_and_all_can_be_paired(size):
    rows = [row for row in d2.PLAN.rows if row.has(size)]
    assert len({row.recipe(size).config_hash for row in rows}) == len(rows)
    for row in rows:
        method = row.recipe(size).method
        positive, negative = method.slice_pairs(len(method.modalities), method.patch)
        assert positive.any(dim=1).all() and negative.any(dim=1).all()


@pytest.mark.parametrize("size", list(d2net.SIZES))
def test_every_number_of_layers_is_a_row_but_the_full_recipes(size):
    own = d2net.recipe(size).method
    found = sorted(row.recipe(size).method.layers for row in d2.LAYERS if row.has(size))
    assert found == [n for n in range(1, own.levels + 2) if n != own.layers]


def test_at_the_papers_size_negatives_are_the_papers():
    counts = {
        row: 2 * recipe(row, "gpu").method.reach * (MANY - 1) for row in ("reach-1", "full", "reach-4", "reach-8")
    }
    assert counts == {"reach-1": 24, "full": 48, "reach-4": 96, "reach-8": 192}


# -- runs


def test_the_ablation_comes_first_fold_by_fold_and_single_runs_last():
    jobs = [(job.row.name, job.seed) for job in d2.PLAN.jobs("laptop")]
    eight = ["full", "base", "sfmc", "kd", "spatial", "frequency", "feature", "logit"]
    assert jobs[:24] == [(name, seed) for seed in range(3) for name in eight]
    assert jobs[24:37] == [
        *((name, 0) for name in ("no-projection", "gan", "multi-kd", "dense-kd", "no-td")),
        *((name, seed) for seed in (1, 2) for name in ("no-projection", "gan", "multi-kd", "dense-kd")),
    ]
    assert {seed for _, seed in jobs[37:]} == {0}
    assert len(jobs) == len(set(jobs)) == 67


def test_rows_of_one_fold_have_no_other():
    assert [job.seed for job in d2.PLAN.jobs("laptop", ["level-0", "full"])] == [0, 1, 2, 0]
    with pytest.raises(PlanError, match=r"no seed 1 of 'level-0' at laptop: it has 1 seed\(s\), at all profiles"):
        d2.PLAN.jobs("laptop", ["level-0"], [1])
    with pytest.raises(PlanError, match=r"no seed 0 of 'layers-6' at laptop: it has 1 seed\(s\), at gpu"):
        d2.PLAN.jobs("laptop", ["layers-6"], [0])
    with pytest.raises(PlanError, match=r"no seed 3 of 'full' at laptop: it has 3 seed\(s\)"):
        d2.PLAN.jobs("laptop", ["full"], [3])


def test_a_seed_is_a_fold_and_folds_test_everybody_once():
    tested = []
    for job in d2.PLAN.jobs("laptop", ["full"]):
        made = split(people(12), d2.PLAN.split(job.seed))
        assert not set(made.train) & set(made.test) and len(made.train) + len(made.test) == 12
        tested += made.test
    assert sorted(tested) == [person.id for person in people(12)]
    assert len({job.data_hash for job in d2.PLAN.jobs("laptop", ["full", "base"])}) == 3


def people(count):
    from medsyn_core.data.load import open_source

    return open_source("phantom", subjects=count, px=16).subjects()


def test_the_data_of_each_fold_can_be_told_without_rendering_them(monkeypatch, tmp_path):
    monkeypatch.setenv("MEDSYN_CACHE", str(tmp_path))
    size = Profile("tiny", subjects=4, px=16, slices=1, seeds=1)
    folds = [d2.PLAN.cohort(size, split=d2.PLAN.split(seed)) for seed in range(3)]
    assert [fold.identity for fold in folds] == [
        d2.PLAN.data_hash(size, split=d2.PLAN.split(seed)) for seed in range(3)
    ]
    assert len({fold.hash for fold in folds}) == 1  # prepared once
    numbers = [fold.subset("test").numbers for fold in folds]
    assert sorted(sum(numbers, ())) == [0, 1, 2, 3]
    assert folds[0].settings["slices"] == "all" and folds[0].settings["scaling"] == "zscore"


def test_volumes_are_coarser_where_a_laptop_has_to_segment_them(monkeypatch):
    asked = {}
    monkeypatch.setattr("medsyn_core.data.load", lambda name, **how: asked.setdefault(how["px"], how["subjects"]))
    for size in ("smoke", "laptop", "gpu"):
        cohorts.load_volumes(profile(size))
    assert asked == {32: 8, 48: 96, 128: 200}


@pytest.mark.parametrize("paper", [paper for paper in papers() if paper != "d2"])
def test_records_of_the_other_papers_still_fit(paper):
    """One training and one reference of each plan, by the hashes that stand in the shipped records."""
    jobs = plan(paper).jobs("laptop", None, [0])
    chosen = [jobs[0], next(job for job in jobs if hasattr(job.row, "recipe"))]
    for job in chosen:
        where = records.path(paper, "laptop", job.row.name, job.seed).relative_to(records.folder())
        record = json.loads((ROOT / "book" / "records" / where).read_text())
        assert (record["config_hash"], record["data_hash"]) == (job.identity()[1], job.data_hash)
