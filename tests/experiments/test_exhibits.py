import dataclasses
import re

import numpy as np
import pytest
from scipy import stats

from medsyn_core.evaluation import RULE
from medsyn_core.experiments import exhibits, ledger, records
from medsyn_core.experiments.results import METRICS, Claim, ExhibitError, Results
from medsyn_core.experiments.tables import Table, p_value
from tests.experiments.small import written

EFFECTS = {"fcn": -1.0, "unet": 0.0, "sgan-global": 0.3, "sgan-local": 0.32, "dual": 0.6, "dual-attention": 1.2}


@pytest.fixture
def recorded(plan):
    """Every run of the laptop profile, with planted differences."""
    for job in plan.jobs("laptop"):
        records.save(written(job, effect=EFFECTS.get(job.row.name, -3.0)))
    return plan


def state(id):
    return next(row for row in ledger.exhibits() if row["id"] == id)


def test_a_table_gives_means_and_both_spreads_of_the_records(recorded):
    table = exhibits.tables("dual-T1", "laptop")[0]
    found = exhibits.results("dual-T1", "laptop")
    values = np.array(found.values("unet", "psnr"))  # (seeds, subjects)
    assert values.shape == (3, 8)
    cell = next(row for row in table.rows if row[0] == "U-Net")[2]
    spreads = values.mean(0).std(ddof=1), values.mean(1).std(ddof=1)
    assert cell == f"{values.mean():.2f} ± {spreads[0]:.2f} ({spreads[1]:.2f})"
    assert table.columns[0:3] == ("method", "MAE [grey levels of 255]", "PSNR [dB]")


def test_p_values_are_paired_with_the_best_baseline(recorded):
    table = exhibits.tables("dual-T1", "laptop")[0]
    found = exhibits.results("dual-T1", "laptop")
    p = {row[0]: row[-1] for row in table.rows}
    assert p["sGAN, global discriminator"] == "–"  # the best of the three
    difference = np.mean(found.values("dual-attention", "psnr"), 0) - np.mean(found.values("sgan-global", "psnr"), 0)
    assert p["dual discriminators + attention"] == p_value(stats.wilcoxon(difference).pvalue)
    assert any("against sGAN, global discriminator" in note for note in table.notes)


def test_tumour_scores_say_how_many_subjects_have_one(recorded):
    table = exhibits.tables("dual-T1", "laptop")[0]
    assert any("over the 7 test subjects" in note for note in table.notes)


def test_provenance_stands_under_every_table_of_ours(recorded):
    for table in exhibits.tables("dual-S3.1", "laptop")[:2]:
        words = "Profile laptop", "cpu", "3 seeds", "8 test subjects", "c0ffee", "torch 2", "32-true", "min of training"
        for word in words:
            assert word in table.notes[-1]
        assert "The code has changed since" in table.notes[-1]


def test_rows_in_another_precision_are_named(recorded):
    found = lambda: exhibits.results("dual-T1", "laptop").provenance()
    assert "torch 2, 32-true; " in found()
    for job in recorded.jobs("laptop", ["unet"]):
        records.save(written(job, precision="bf16-mixed"))
    assert "torch 2, 32-true (bf16-mixed for “U-Net”); " in found()


def test_claims_are_judged_by_the_stated_rule(recorded):
    claims = exhibits.tables("dual-T1", "laptop")[1]
    answers = {row[0]: row[-1] for row in claims.rows}
    assert answers["The full method has a higher PSNR than the best baseline"] == "yes"
    assert answers["The full method has a lower MAE than the best baseline"] == "yes"
    assert answers["U-Net is better than FCN"] == "yes"
    assert claims.notes[0] == RULE
    answers = {row[0]: row[-1] for row in exhibits.tables("dual-S3.1", "laptop")[1].rows}
    assert answers["A local discriminator is better than a global one"] == "no"  # 0.02 dB: too small to name
    answers = {row[0]: row[-1] for row in exhibits.tables("dual-S3.2", "laptop")[1].rows}
    assert answers["Attention whose mean is divided out raises the PSNR inside tumours"] == "no"


def test_a_lower_error_counts_as_better(recorded):
    found = exhibits.results("dual-T1", "laptop")
    assert found.judge(Claim("", "unet", "fcn", "mae", "")) == "yes"
    assert found.judge(Claim("", "fcn", "unet", "mae", "")) == "no"
    assert found.best(("fcn", "unet"), "mae") == "unet"


def test_the_papers_numbers_stand_in_a_table_of_their_own(recorded):
    ours, _, theirs = exhibits.tables("dual-T1", "laptop")
    assert ("U-Net", "28.8 (6.9)", "26.2 (1.8)") in theirs.rows
    assert "28.8" not in ours.text()
    assert "BraTS" in theirs.notes[0]


def test_smoke_numbers_never_reach_a_table(plan):
    for job in plan.jobs("smoke"):
        records.save(written(job))
    with pytest.raises(ExhibitError, match="smoke numbers never reach a results table"):
        exhibits.tables("dual-T1", "smoke")
    assert state("dual-T1")["state"] == ledger.NOT_YET


def test_the_state_follows_the_records(recorded):
    row = state("dual-S3.1")
    assert (row["state"], row["profile"], row["device"], row["seeds"]) == ("recorded at laptop", "laptop", "cpu", 3)
    assert row["page"].startswith("book/")
    assert state("dual-T2")["state"] == ledger.NOT_YET
    records.path("dual", "laptop", "dual", 2).unlink()
    assert state("dual-S3.1")["state"] == ledger.NOT_YET
    assert state("dual-T1")["state"] == "recorded at laptop"  # needs no such row


def test_a_stale_record_takes_the_exhibit_away_and_names_the_command(recorded):
    job = recorded.jobs("laptop", ["unet"], [1])[0]
    records.save(written(job, config_hash="0" * 12))
    assert state("dual-T1")["state"] == ledger.NOT_YET
    with pytest.raises(ExhibitError) as caught:
        exhibits.tables("dual-T1", "laptop")
    assert "1 of 16 records cannot be used" in str(caught.value)
    assert "--rows unet --seeds 1" in str(caught.value)
    assert re.search(
        r"All at once: python -m medsyn_core record dual --profile laptop --rows copy atlas", str(caught.value)
    )


def test_records_of_other_subjects_do_not_mix(recorded):
    job = recorded.jobs("laptop", ["unet"], [1])[0]
    records.save(written(job, subjects=7))
    with pytest.raises(records.RecordError, match=r"unet-seed1\.json was tested on other subjects"):
        exhibits.tables("dual-T1", "laptop")


@pytest.mark.parametrize(
    ("id", "words"),
    [
        ("dual-T9", "there is no exhibit 'dual-T9'"),
        ("hifi-T4", "hifi-T4 is not yet made"),
        ("dual-F4", "figure of images"),
    ],
)
def test_what_cannot_be_shown_is_said(plan, id, words):
    with pytest.raises(ExhibitError, match=words):
        exhibits.tables(id, "laptop")


def test_pictures_are_the_arrays_of_seed_0(plan):
    for job in plan.jobs("laptop", ["copy", "dual"]):
        records.save(written(job), {"translated": np.full((1, 2, 2), job.seed, np.float16)})
    pictures = Results(plan, "laptop", ("copy", "dual")).pictures()
    assert {row: arrays["translated"].max() for row, arrays in pictures.items()} == {"copy": 0, "dual": 0}


def test_scores_fit_the_books_tables(recorded):
    scores = exhibits.results("dual-S3.2", "laptop").scores(["psnr", "psnr_tumour"])
    assert scores["dual discriminators"]["psnr"].seeds == 3
    assert scores["dual discriminators"]["psnr_tumour"].subjects == 7


def test_confidence_is_tabled_over_training(plan):
    for job in plan.jobs("laptop", ["copy", "dual", "dual-attention"]):
        early = [{"step": 0, "subject": s, "tumour": 0.5, "rest": 0.5} for s in range(8)]
        late = [{"step": 9, "subject": s, "tumour": 0.2 + 0.01 * s, "rest": 0.4 + 0.001 * s} for s in range(8)]
        records.save(written(job, extra={"confidence": early + late}))
    (table,) = exhibits.tables("dual-F3", "laptop")
    assert [row[1] for row in table.rows] == ["0", "9", "0", "9"]
    assert [row[-1] for row in table.rows] == ["no", "yes", "no", "yes"]
    assert table.rows[1][2].startswith("0.235 ± ")
    assert table.rows[1][4].startswith("+0.169 [")


def test_every_recordable_exhibit_is_in_the_ledger_and_its_rows_in_the_plan(plan):
    for id, need in exhibits.needs().items():
        assert id in {row.id for row in ledger.EXHIBITS}
        assert set(need.baselines) <= set(need.rows) - set(need.optional)
        assert set(need.optional) <= set(need.rows)
        for claim in need.claims:
            assert set(claim.rows) <= set(need.rows)
        for row in need.rows:
            exhibits.results(id, "laptop").plan.row(row)
        assert set(need.metrics) <= set(METRICS)


def test_a_table_of_the_wrong_width_is_refused():
    with pytest.raises(ValueError, match="every row needs 2 cells"):
        Table("x", "y", ("a", "b"), (("1",),))


def test_p_values_never_vanish():
    assert p_value(1e-9) == "< 0.0001"
    assert p_value(0.0312) == "0.031"


def test_a_record_that_nothing_was_measured_in_is_refused(plan):
    for job in plan.jobs("laptop", ["copy"]):
        records.save(dataclasses.replace(written(job), metrics=[]))
    with pytest.raises(ExhibitError, match="no record has any metrics"):
        Results(plan, "laptop", ("copy",)).values("copy", "psnr")
