import dataclasses

import numpy as np
import pytest

from medsyn_core.data.views import all_subsets
from medsyn_core.experiments import d2_exhibits, d2_published, d2_scores, exhibits, folds, ledger, records
from medsyn_core.experiments.metrics import METRICS, Claim, Metric
from medsyn_core.experiments.results import ExhibitError
from tests.experiments import small_d2

CHOICES = d2_scores.CHOICES
FULL = "D²-Net"


@pytest.fixture(autouse=True)
def plan(monkeypatch):
    """The plan with made-up data in place of D²-Net's."""
    monkeypatch.setattr("medsyn_core.experiments.d2.PLAN", small_d2.MADE)


def state(id):
    return next(row for row in ledger.exhibits() if row["id"] == id)


def table(id, title):
    return next(t for t in exhibits.tables(id, "laptop") if title in t.title)


def row_of(table, name):
    return next(dict(zip(table.columns, row, strict=True)) for row in table.rows if row[0] == name)


def answers(id):
    """Claim -> what is said of it."""
    return {row[0]: row[-1] for row in table(id, "the claims").rows}


# -- folds


def test_every_subject_counts_once_and_a_fold_is_a_seed():
    small_d2.save(["full"])
    found = exhibits.results("d2-T1", "laptop")
    values = found.values("full", "dice_wt", "t1+t2")
    assert [len(fold) for fold in values] == [8, 8, 8]
    own = [{m["subject"]: m["dice_wt"] for m in r.metrics if m["direction"] == "t1+t2"} for r in found.records["full"]]
    assert values == [[100 * of[k] for k in sorted(of)] for of in own]
    summary = found.summary("full", "dice_wt", "t1+t2")
    assert (summary.subjects, summary.seeds) == (24, 3)
    assert summary.sd_subjects == pytest.approx(np.concatenate(values).std(ddof=1))
    assert "3 folds" in found.provenance() and "8 test subjects a fold, 16 trained on" in found.provenance()


def test_the_same_fold_has_the_same_subjects_in_every_row():
    small_d2.save(["full", "base"])
    job = small_d2.MADE.jobs("laptop", ["base"], [1])[0]
    few = [m for m in job.load().metrics if m["subject"] != 1]
    records.save(dataclasses.replace(job.load(), metrics=few))
    with pytest.raises(records.RecordError, match=r"-seed1\.json was tested on other subjects.*--seeds 1"):
        exhibits.tables("d2-T2", "laptop")


def test_the_mean_dice_is_that_of_three_regions_and_15_choices():
    small_d2.save(["full"])
    found = exhibits.results("d2-T1", "laptop")
    regions = [found.summary("full", key).mean for key in ("dice_wt", "dice_tc", "dice_et")]
    assert found.summary("full", "dice").mean == pytest.approx(np.mean(regions))
    single = [found.summary("full", "dice", where).mean for where in CHOICES]
    assert found.summary("full", "dice").mean == pytest.approx(np.mean(single))


def test_a_metric_of_parts_has_none_where_one_of_them_has_none():
    metric = Metric("x", "", "", 1, True, 0.0, scale=100, parts=("a", "b"))
    assert metric.read({"a": 0.5, "b": 0.25}) == 37.5
    assert metric.read({"a": 0.5, "b": None}) is None
    assert METRICS["psnr"].read({"psnr": 20.0}) == 20.0


# -- tables


def test_t1_lists_15_choices_and_awaits_six_baselines():
    small_d2.save(["full"], t1ce={"full": 30.0})
    choices = table("d2-T1", "from each choice")
    assert [row[0] for row in choices.rows][:5] == ["T1", "T1ce", "T2", "FLAIR", "T1, T1ce"]
    assert len(choices.rows) == 15 and choices.columns[1:] == (
        "Dice WT [%]",
        "Dice TC [%]",
        "Dice ET [%]",
        "Dice, mean [%]",
    )
    found = exhibits.results("d2-T1", "laptop")
    summary = found.summary("full", "dice_et", "t1+t1ce")
    cell = row_of(choices, "T1, T1ce")["Dice ET [%]"]
    assert cell == f"{summary.mean:.1f} ± {summary.sd_subjects:.1f} ({summary.sd_seeds:.1f})"
    assert "n = 24 subjects" in choices.notes[0]
    means = table("d2-T1", "means over all 15")
    assert [row[0] for row in means.rows] == [*(f"{name} (not yet run)" for name in d2_published.BASELINES), FULL]
    assert row_of(means, "HeMIS (not yet run)")["Dice WT [%]"] == "–" and row_of(means, FULL)["n"] == "24"
    assert any("averaged over 15 choices of modalities first" in note for note in means.notes)
    row = state("d2-T1")
    assert (row["state"], row["device"], row["seeds"]) == ("recorded at laptop, 1 of 7 rows", "cpu", 3)


def test_choices_are_named_as_records_name_them():
    assert list(CHOICES) == ["+".join(keep) for keep in all_subsets(("t1", "t1ce", "t2", "flair"))]
    assert len(d2_exhibits.WITH_T1CE) == 8 and len(d2_exhibits.WITHOUT_T1CE) == 7 and len(d2_exhibits.FEW) == 10
    assert set(d2_exhibits.CASES) <= set(CHOICES) and d2_exhibits.ALL == "t1+t1ce+t2+flair"


def test_a_row_that_is_not_recorded_says_so():
    small_d2.save(["full", "base"])
    made = table("d2-T2", "Ablation")
    gone = row_of(made, "both contrasts (SFMC) (not yet recorded)")
    assert set(gone.values()) == {"both contrasts (SFMC) (not yet recorded)", "–"}
    assert row_of(made, FULL)["p"] == "–" and row_of(made, "neither contrast nor distillation")["p"] != "–"
    command = "python -m medsyn_core record d2 --profile laptop --rows spatial frequency sfmc feature logit kd"
    assert any(command in note for note in made.notes)
    assert state("d2-T2")["state"] == "recorded at laptop, 2 of 8 rows"
    assert answers("d2-T2")["Distillation helps"] == "not decided: not recorded yet"
    assert state("d2-T4")["state"] == "recorded at laptop, 1 of 2 rows"
    assert state("d2-T5")["state"] == ledger.NOT_YET  # nothing without the row that alternatives stand beside


def test_rows_of_one_fold_stand_beside_that_fold_alone():
    small_d2.save(["full"], seeds=[0])
    small_d2.save(["positives-2", "reach-4"], effect={"positives-2": 5.0})
    made = table("d2-T3", "positive and negative")
    assert row_of(made, FULL)["n"] == "8"
    assert "first fold" in made.notes[0] and "may be the luck" in made.notes[0] and " 1 fold; " in made.notes[-1]
    assert "(" not in row_of(made, FULL)["Dice WT [%]"]  # no spread between folds
    counts = {row[0].split(" (not")[0]: row[1:3] for row in made.rows}
    own = small_d2.MADE.row("full").recipe("laptop").method
    assert counts[FULL] == ("1", str(6 * own.reach)) and counts["2 positives"] == ("2", str(6 * own.reach))
    assert counts["twice the slices with negatives"] == ("1", str(12 * own.reach))
    row = state("d2-T3")
    assert (row["state"], row["seeds"]) == ("recorded at laptop, 3 of 7 rows", 1)
    assert state("d2-T2")["state"] == ledger.NOT_YET  # two folds of the full row are missing


def test_layers_are_listed_in_their_order_with_those_of_the_profile():
    small_d2.save(["full"], seeds=[0])
    small_d2.save(["layers-1", "layers-3", "layers-4"])
    assert [row[1] for row in table("d2-T6", "layers").rows] == ["1", "2", "3", "4"]
    assert state("d2-T6")["state"] == "recorded at laptop"
    names = exhibits.results("d2-T6", "gpu").rows
    assert set(names) == {"full", "layers-1", "layers-2", "layers-3", "layers-5", "layers-6"}


def test_distances_are_in_millimetres_and_costs_are_counted():
    small_d2.save(["full", "base"], effect={"full": 10.0})
    made = table("d2-T7", "distances")
    found = exhibits.results("d2-T7", "laptop")
    assert row_of(made, FULL)["HD95 WT [mm]"].startswith(f"{found.summary('full', 'hd95_wt').mean:.1f} ±")
    assert [row[0] for row in made.rows[:6]] == [f"{name} (not yet run)" for name in d2_published.BASELINES]
    cost = table("d2-T7", "parameters and operations")
    patch = small_d2.MADE.row("full").recipe("laptop").method.patch
    assert [row[0] for row in cost.rows] == [f"profile laptop, {patch}³", "the paper's size, 128³"]
    assert float(cost.rows[1][1]) > float(cost.rows[0][1]) > 0 and cost.rows[1][3:] == ("–", "–")


def test_a_compressed_student_is_listed_with_what_it_costs():
    small_d2.save(["full"], seeds=[0])
    small_d2.save(["student-half", "student-quarter"])
    sizes = [float(row[1]) for row in table("d2-T9", "compressed").rows]
    assert sizes == sorted(sizes, reverse=True) and len(set(sizes)) == 3


def test_weights_are_tabled_by_loss():
    assert d2_scores.by_weight("logit") == {0.0: "logit-0", 0.5: "logit-0.5", 1.0: "full", 2.0: "logit-2"}
    small_d2.save(["full"], seeds=[0])
    small_d2.save(["spatial-0"], effect={"spatial-0": -20.0})
    made = table("d2-F8", "against the weight")
    assert made.columns == ("weight of", "0", "0.5", "1", "2") and len(made.rows) == 5
    line = row_of(made, "spatial contrast")
    assert line["0.5"] == line["2"] == "–" and float(line["1"][:4]) - float(line["0"][:4]) == pytest.approx(20, abs=1)
    assert len({row[3] for row in made.rows}) == 1  # one full recipe for all
    assert state("d2-F8")["state"] == "recorded at laptop, 2 of 16 rows"


def test_codes_and_features_are_scored_as_they_are_sorted():
    small_d2.save(["base", "spatial"], seeds=[0], apart={"base": 0.2, "spatial": 2.0})
    made = table("d2-F6", "Modality codes")
    base, spatial = row_of(made, "neither contrast nor distillation"), row_of(made, "spatial contrast")
    assert float(spatial["silhouette"]) > 0.8 > float(base["silhouette"])
    assert float(spatial["told by neighbours"]) == 1.0 > float(base["told by neighbours"])
    assert spatial["codes"] == "96" and row_of(made, "frequency contrast (not yet recorded)")["silhouette"] == "–"
    small_d2.save(["full"], seeds=[0], apart={"full": 2.0})
    small_d2.save(["no-td"], apart={"no-td": 0.0})
    made = table("d2-F7", "features")
    assert float(row_of(made, FULL)["silhouette"]) > 0.8
    assert abs(float(row_of(made, "D²-Net without the TD stage")["silhouette"])) < 0.2
    assert row_of(made, FULL)["voxels"] == "40"


def test_one_modality_alone_is_tabled_and_pictures_are_sent_to_their_page():
    small_d2.save(["full"])
    made = table("d2-F1", "Dice from one modality")
    assert [row[0] for row in made.rows] == ["T1", "T1ce", "T2", "FLAIR", "T1, T1ce, T2, FLAIR"]
    with pytest.raises(ExhibitError, match=r"d2-F5 is a figure of images: see book/part3/d2net\.ipynb"):
        exhibits.tables("d2-F5", "laptop")


# -- claims


def test_claims_are_judged_over_subjects_and_folds():
    effects = {"spatial": 3.0, "frequency": 3.0, "sfmc": 6.0, "feature": 2.0, "logit": 2.0, "kd": 2.1, "full": 8.0}
    small_d2.save(d2_exhibits.COMPONENTS, effect=effects)
    found = answers("d2-T2")
    assert found["Both contrasts help"] == "yes"
    assert found["Frequency contrast helps on top of spatial"] == "yes"
    assert found["Distillation helps on top of both contrasts"] == "yes"
    assert found["Distilling features and logits is better than features alone"] == "no"  # 0.1 points: too few
    assert found["Distillation helps most where modalities are missing"] == "no"  # as much everywhere
    claims = table("d2-T2", "the claims")
    assert claims.notes[0] == folds.RULE
    assert "Dice, mean 1 pp" in claims.notes[1] and "pp: percentage points." in claims.notes
    said = {row[0]: row for row in claims.rows}
    assert said["Both contrasts help"][1] == "60.2 against 46.1 % (Table II)"
    assert said["Both contrasts help"][4].startswith("+6.0 pp [") and said["Both contrasts help"][6] == "24"


def test_folds_that_disagree_decide_nothing():
    small_d2.save(d2_exhibits.COMPONENTS, effect={"kd": 3.0}, fold={"kd": -4.0})
    assert answers("d2-T2")["Distillation helps"] == "not decided"


def test_distillation_may_help_most_where_modalities_are_missing():
    small_d2.save(d2_exhibits.COMPONENTS, effect={"full": 2.0}, few={"full": 5.0})
    claims = table("d2-T2", "the claims")
    line = next(row for row in claims.rows if row[0].startswith("Distillation helps most"))
    assert line[-1] == "yes" and line[3] == "Dice, mean, at most two modalities – all four"
    assert line[4].startswith("+5.")
    assert any("one gain is larger than another" in note for note in claims.notes)
    small_d2.save(["full"], effect={"full": -9.0}, few={"full": 5.0})
    assert answers("d2-T2")["Distillation helps most where modalities are missing"] == "no"  # it harms everywhere


def test_enhancing_tumour_is_judged_with_and_without_t1ce():
    small_d2.save(["full"], t1ce={"full": 30.0})
    (line,) = table("d2-T1", "the claims").rows
    assert line[-1] == "yes" and line[2] == FULL and line[4].startswith("+30.") and line[6] == "24"
    assert line[1] == "67.4 against 13.6 % (means of Table I)"
    small_d2.save(["full"])
    assert answers("d2-T1")["Enhancing tumour depends on T1ce"] == "no"


def test_less_of_an_error_is_better_in_a_claim_about_directions():
    small_d2.save(["full"], few={"full": -30.0})  # 3 mm further away
    found = exhibits.results("d2-T7", "laptop")
    near = Claim("", "full", "", "hd95_wt", "", directions=(d2_exhibits.ALL,), than=d2_exhibits.FEW)
    assert found.judge(near) == "yes" and found.measure(near).mean == pytest.approx(-3.0, abs=0.05)
    assert found.judge(dataclasses.replace(near, directions=near.than, than=near.directions)) == "no"


def test_alternatives_and_the_projection_are_judged():
    effects = {"gan": 2.0, "sfmc": 4.0, "kd": 5.0, "multi-kd": 2.0, "dense-kd": 3.0, "feature": 3.2}
    small_d2.save(d2_exhibits.T5.rows, effect=effects)
    found = answers("d2-T5")
    assert found["ADT-KD is better than distilling the same layers"] == "yes"
    assert found["ADT-KD is better than distilling all pairs alike"] == "yes"
    assert found["Of features alone, weights by affinity are better than all pairs alike"] == "no"  # 0.2 points
    assert found["Contrast is better than a critic"] == found["A critic is better than an auto-encoder alone"] == "yes"
    assert [len(table("d2-T5", title).rows) for title in ("modality disent", "distillation, without")] == [3, 4]
    assert state("d2-T5")["state"] == "recorded at laptop"
    small_d2.save(["full", "no-projection"], effect={"full": 3.0})
    assert answers("d2-T4") == {"The projection E_TM helps": "yes"}


# -- the paper's own numbers


def test_the_papers_tables_are_whole():
    for id, need in d2_exhibits.NEEDS.items():
        if need.published:
            heads, rows = need.published
            assert {len(row) for row in rows} == {len(heads)}, id
            assert need.published_note.startswith("Table ")
    heads, rows = d2_published.ROBUSTNESS
    assert [row[0] for row in rows] == [
        f"{name}, {region}" for region in ("WT", "TC", "ET") for name in (*d2_published.BASELINES, FULL)
    ]
    off = {row[0]: abs(np.mean([float(x) for x in row[1:16]]) - float(row[16])) for row in rows}
    assert {name for name, by in off.items() if by > 0.06} == {"HeMIS, WT"}  # the slip that the note names


def test_the_papers_rows_have_their_own_means():
    tables = (d2_published.SAMPLES, d2_published.PROJECTION, d2_published.LAYERS, d2_published.LEVELS)
    for _, rows in (*tables, d2_published.COMPONENTS, d2_published.STUDENTS):
        for row in rows:
            *three, mean = (float(cell.split(" ")[0]) for cell in row[1:5])
            assert np.mean(three) == pytest.approx(mean, abs=0.11), row[0]


def test_every_row_of_the_plan_stands_in_an_exhibit():
    shown = {row for need in d2_exhibits.NEEDS.values() for row in need.rows}
    assert shown == {row.name for row in small_d2.MADE.rows}
    assert list(d2_exhibits.NEEDS) == [row.id for row in ledger.EXHIBITS if row.id.startswith("d2-")]
