import dataclasses

import numpy as np
import pytest

from medsyn_core.experiments import exhibits, ledger, records, utad_exhibits
from medsyn_core.experiments.results import METRICS, Claim, ExhibitError, Results
from tests.experiments import small

T1 = utad_exhibits.T1
EVERY = tuple(dict.fromkeys((*T1.rows, *utad_exhibits.STRUCTURES)))
FIRST = (*utad_exhibits.REFERENCES, "teacher-wt")  # without these nothing is shown
EFFECTS = {"copy": -3.0, "atlas": -2.0, "teacher-wt": 2.0, "student-wt": 1.5, "teacher-random": -1.0}


@pytest.fixture(autouse=True)
def plan(monkeypatch):
    """The tiny plan in place of UTAD-Net's."""
    monkeypatch.setattr("medsyn_core.experiments.utad.PLAN", small.UTAD)
    return small.UTAD


def state(id):
    return next(row for row in ledger.exhibits() if row["id"] == id)


def cells(table):
    return {row[0]: row[1:] for row in table.rows}


# -- directions are averaged before anything is counted


def test_subjects_are_counted_not_directions():
    small.save_utad(FIRST)
    found = exhibits.results("utad-T1", "laptop")
    values = np.array(found.values("teacher-wt", "psnr"))
    assert values.shape == (3, 8)
    rows = found.records["teacher-wt"][1].metrics
    assert len(rows) == 12 * 8
    assert values[1, 5] == pytest.approx(np.mean([m["psnr"] for m in rows if m["subject"] == 5]))
    assert found.summary("teacher-wt", "psnr").subjects == 8
    assert found.compare("teacher-wt", "copy", "psnr").subjects == 8


def test_a_direction_can_be_looked_at_alone():
    small.save_utad(FIRST)
    found = exhibits.results("utad-T1", "laptop")
    assert found.directions == small.TWELVE
    (seed, *_) = found.values("teacher-wt", "psnr_box", "t2-flair")
    rows = [m for m in found.records["teacher-wt"][0].metrics if m["direction"] == "t2-flair"]
    assert seed == [m["psnr_box"] for m in rows]
    assert found.summary("teacher-wt", "psnr_box", "t2-flair").subjects == 7  # one has no tumour
    with pytest.raises(ExhibitError, match=r"nothing was scored in direction 't1-ct'; there are: t1-t1ce, "):
        found.values("teacher-wt", "psnr", "t1-ct")


def test_a_subject_is_averaged_over_the_directions_that_have_a_value(plan):
    small.save_utad(["copy"])
    (job,) = plan.jobs("laptop", ["copy"])
    record = job.load()
    gone = [m | {"psnr": None} if m["subject"] == 2 and m["direction"] != "t1-t2" else m for m in record.metrics]
    gone = [m | {"psnr": None} if m["subject"] == 3 else m for m in gone]
    records.save(dataclasses.replace(record, metrics=gone))
    found = Results(plan, "laptop", ("copy",))
    (values,) = found.values("copy", "psnr")
    assert values[2] == next(m["psnr"] for m in gone if m["subject"] == 2 and m["direction"] == "t1-t2")
    assert values[3] is None
    assert found.summary("copy", "psnr").subjects == 7


def test_the_average_over_directions_is_said_under_the_tables():
    small.save_utad(FIRST)
    results, whole, box, claims, theirs = exhibits.tables("utad-T1", "laptop")
    assert any("averaged over 12 directions first" in note for note in results.notes)
    assert any("averaged over 12 directions first" in note for note in claims.notes)
    assert not any("averaged" in note for table in (whole, box, theirs) for note in table.notes)


def test_every_direction_has_a_line_of_its_own():
    small.save_utad(FIRST)
    found = exhibits.results("utad-T1", "laptop")
    _, whole, box, *_ = exhibits.tables("utad-T1", "laptop")
    assert len(whole.rows) == len(box.rows) == 12
    place = whole.columns.index("teacher, WT mask")
    row = next(row for row in whole.rows if row[0] == "FLAIR → T1ce")
    assert row[place].startswith(f"{found.summary('teacher-wt', 'psnr', 'flair-t1ce').mean:.2f} ± ")
    assert all(row[whole.columns.index("student, WT teacher (not yet recorded)")] == "–" for row in whole.rows)
    assert "n = 8 subjects" in whole.notes[0] and "n = 7 subjects" in box.notes[0]


# -- rows that are not there yet


def test_what_is_recorded_is_shown_and_the_rest_named_with_its_command():
    small.save_utad((*FIRST, "student-wt", "teacher-zeros"))
    table = exhibits.tables("utad-T1", "laptop")[0]
    shown = cells(table)
    mean = exhibits.results("utad-T1", "laptop").summary("teacher-wt", "psnr").mean
    assert shown["teacher, WT mask"][1].startswith(f"{mean:.2f} ± ")
    assert set(shown["teacher, ET mask (not yet recorded)"]) == {"–"}
    assert [row[0] for row in table.rows][4:9] == [f"{name} (not yet run)" for name in utad_exhibits.BASELINES]
    assert set(shown["ResViT (not yet run)"]) == {"–"}
    rows = (
        "teacher-tc teacher-et student-tc student-et student-wt-tumours teacher-wt-long student-wt-long teacher-random"
    )
    assert f"python -m medsyn_core record utad --profile laptop --rows {rows}" in table.text()


def test_the_state_counts_the_rows():
    small.save_utad(FIRST)
    assert state("utad-T1")["state"] == "recorded at laptop, 5 of 20 rows"
    assert state("utad-T1")["page"] == "book/part2/utad_net.ipynb"
    assert state("utad-T3")["state"] == state("utad-T2")["state"] == ledger.NOT_YET
    small.save_utad(EVERY)
    assert state("utad-T1")["state"] == "recorded at laptop, 15 of 20 rows"  # five baselines have no plan
    assert state("utad-T3")["state"] == state("utad-F5")["state"] == "recorded at laptop"


def test_without_a_required_row_nothing_is_shown():
    small.save_utad((*utad_exhibits.REFERENCES, "student-wt"))
    assert state("utad-T1")["state"] == ledger.NOT_YET
    with pytest.raises(ExhibitError, match=r"teacher-wt-seed0\.json has not been recorded yet"):
        exhibits.tables("utad-T1", "laptop")


def test_a_row_without_all_seeds_is_not_there_yet(plan):
    small.save_utad((*FIRST, "student-wt"))
    records.path("utad", "laptop", "student-wt", 2).unlink()
    found = exhibits.results("utad-T1", "laptop")
    assert "student-wt" in found.missing and "student-wt" not in found.records
    assert state("utad-T1")["state"] == "recorded at laptop, 5 of 20 rows"


@pytest.mark.parametrize("seeds", [(0,), (0, 1, 2)], ids=["of an unfinished row", "of a whole row"])
def test_a_stale_record_of_an_optional_row_stays_an_error(plan, seeds):
    small.save_utad(FIRST)
    for job in plan.jobs("laptop", ["teacher-et"], seeds):
        records.save(small.written(job, directions=small.TWELVE, config_hash="0" * 12))
    with pytest.raises(ExhibitError, match=r"teacher-et-seed0\.json was made with config 000000000000"):
        exhibits.tables("utad-T1", "laptop")
    assert state("utad-T1")["state"] == ledger.NOT_YET


def test_a_damaged_record_of_an_optional_row_stays_an_error(plan):
    small.save_utad((*FIRST, "student-wt"))
    records.path("utad", "laptop", "student-wt", 1).write_text("{}")
    with pytest.raises(ExhibitError, match=r"student-wt-seed1\.json is damaged"):
        exhibits.tables("utad-T1", "laptop")
    assert state("utad-T1")["state"] == ledger.NOT_YET


def test_the_profile_with_most_rows_is_named(plan):
    small.save_utad(FIRST)
    for job in plan.jobs("gpu", (*FIRST, "teacher-tc")):
        records.save(small.written(job, directions=small.TWELVE))
    assert state("utad-T1")["state"] == "recorded at gpu, 6 of 20 rows"


# -- scores


def test_lpips_has_a_column_only_where_records_have_it(plan):
    small.save_utad(FIRST)
    table = exhibits.tables("utad-T1", "laptop")[0]
    assert "LPIPS" not in table.columns
    (note,) = (note for note in table.notes if "LPIPS" in note)
    assert "MEDSYN_LPIPS_BACKBONE" in note and "MEDSYN_LPIPS_HEADS" in note
    for job in plan.jobs("laptop", FIRST):
        record = job.load()
        scored = [m | {"lpips": 0.01 * (1 + m["subject"])} for m in record.metrics]
        records.save(dataclasses.replace(record, metrics=scored))
    table = exhibits.tables("utad-T1", "laptop")[0]
    place = table.columns.index("LPIPS")
    assert all(row[place].startswith("0.0450 ± ") for row in table.rows if "not yet" not in row[0])
    assert not any("LPIPS" in note for note in table.notes)


def test_p_values_compare_with_the_teacher():
    small.save_utad((*FIRST, "student-wt"), effects=EFFECTS)
    table = exhibits.tables("utad-T1", "laptop")[0]
    p = {name: row[-1] for name, row in cells(table).items()}
    assert p["teacher, WT mask"] == "–" and p["student, WT teacher"] == "0.0078"  # the least of eight subjects
    assert any("against teacher, WT mask" in note for note in table.notes)
    assert any("over the 7 test subjects" in note for note in table.notes)


# -- claims


def answers(metric="psnr"):
    claims = next(t for t in exhibits.tables("utad-T1", "laptop") if t.title == "the claims of the paper")
    title = METRICS[metric].title
    return {row[0]: row[-1] for row in claims.rows if row[3] == title}


def test_claims_of_rows_that_are_missing_are_not_decided():
    small.save_utad((*FIRST, "teacher-zeros"), effects=EFFECTS)
    claims = next(t for t in exhibits.tables("utad-T1", "laptop") if t.title == "the claims of the paper")
    masks, *_, random = (row for row in claims.rows if row[3] == "PSNR" and "map" in row[2])
    assert masks[-1] == "yes" and masks[4].startswith("+2.00 dB [")
    assert random[-1] == "not decided: not recorded yet" and random[4:7] == ("–", "–", "–")
    assert "teacher, random map (not yet recorded)" in random[2]


def test_planted_effects_are_found():
    small.save_utad(EVERY, effects=EFFECTS, boxes={"teacher-wt": 1.0})
    found = answers()
    assert found["The tumour's mask helps the teacher"] == "yes"
    assert found["A random map hurts more than a map of zeros"] == "yes"
    assert found["The teacher is better than its student"] == "yes"  # by half a decibel ...
    assert found["The student comes close to its teacher: it is less than 0.75 dB worse"] == "yes"  # ... and close
    assert found["The student is better than copying the source and than the atlas"] == "yes"
    box = answers("psnr_box")
    assert box["The student comes close to its teacher in the tumour box: it is less than 0.75 dB worse"] == "no"


@pytest.mark.parametrize(("effect", "answer"), [(0.0, "yes"), (-0.5, "yes"), (-0.75, "not decided"), (-1.5, "no")])
def test_close_is_a_question_of_the_margin(effect, answer):
    small.save_utad((*FIRST, "student-wt"), effects={"student-wt": effect})
    found = exhibits.results("utad-T1", "laptop")
    claim = next(c for c in T1.claims if c.margin and c.metric == "psnr")
    assert found.judge(claim) == answer


@pytest.mark.parametrize(
    ("effect", "box", "answer"),
    [
        (0.5, 1.0, "yes"),
        (0.5, 0.0, "no"),  # the same gain everywhere
        (0.5, -0.3, "no"),  # a smaller one inside
        (-2.0, 1.0, "no"),  # a loss that is smaller inside is no gain
    ],
)
def test_a_gain_sits_in_the_box_only_if_it_is_one_and_larger_there(effect, box, answer):
    small.save_utad((*FIRST, "teacher-zeros"), effects={"teacher-wt": effect}, boxes={"teacher-wt": box})
    found = exhibits.results("utad-T1", "laptop")
    (claim,) = (c for c in T1.claims if c.beyond)
    assert found.judge(claim) == answer
    assert found.measure(claim).mean == pytest.approx(box, abs=0.02)
    assert found.measure(claim).subjects == 7  # only those that have a box


def test_a_margin_is_in_the_direction_of_the_metric():
    small.save_utad((*FIRST, "student-wt"), effects={"student-wt": -0.5})
    found = exhibits.results("utad-T1", "laptop")
    assert found.judge(Claim("", "student-wt", "teacher-wt", "mae", "", margin=0.75)) == "yes"
    assert found.judge(Claim("", "student-wt", "teacher-wt", "mae", "", margin=0.25)) == "no"


# -- features of the student's structures


@pytest.mark.parametrize(
    ("full", "answer"), [((1, 1, 1), "yes"), ((3, 3, 3), "no"), ((1, 3, 1), "not decided"), ((2, 2, 2), "no")]
)
def test_the_smallest_feature_error_is_judged_seed_by_seed(plan, full, answer):
    small.save_utad(utad_exhibits.STRUCTURES)
    for job in plan.jobs("laptop", utad_exhibits.STRUCTURES):
        error = 0.1 * (full[job.seed] if job.row.name == "student-wt" else 2)
        extra = {"feature_mae": error, "feature_mse": error**2}
        records.save(dataclasses.replace(job.load(), extra=extra), small.utad_arrays(job))
    ours, claim, theirs = exhibits.tables("utad-T3", "laptop")
    assert [row[-1] for row in claim.rows] == [answer, answer]
    errors = 0.1 * np.array(full)
    assert cells(ours)["student, WT teacher"][0] == f"{errors.mean():.4f} ({errors.std(ddof=1):.4f})"
    assert cells(theirs)["only global branch"] == ("0.2514", "0.2229")


@pytest.mark.parametrize(("errors", "digits"), [([0.05, 0.25], 4), ([0.0124], 5), ([204.4, 3.0], 1), ([0.0], 4)])
def test_feature_errors_have_four_digits_whatever_their_scale(errors, digits):
    assert utad_exhibits.decimals({"a": np.array(errors)}) == digits


def test_two_seeds_decide_nothing():
    assert exhibits.in_every_seed([1.0, 1.0]) == "not decided"


def test_structures_that_are_missing_leave_the_claim_open():
    small.save_utad(("student-wt", "student-global"))
    ours, claim, _ = exhibits.tables("utad-T3", "laptop")
    assert cells(ours)["student, without local encoder (not yet recorded)"] == ("–", "–")
    assert {row[-1] for row in claim.rows} == {"not decided: not recorded yet"}
    assert "--rows student-no-encoder student-no-decoder" in ours.text()


def test_figures_of_images_send_to_their_page():
    with pytest.raises(ExhibitError, match=r"utad-F3 is a figure of images: see book/part2/utad_net\.ipynb"):
        exhibits.tables("utad-F3", "laptop")


def test_every_row_of_the_plan_stands_in_an_exhibit(plan):
    assert {row.name for row in plan.rows} == {row for need in utad_exhibits.NEEDS.values() for row in need.rows}
