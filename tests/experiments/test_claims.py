"""The claims of the papers: each once, each with one of four answers, and the numbers of their exhibits."""

from __future__ import annotations

import dataclasses
import re
from functools import partial

import numpy as np
import pytest

from medsyn_core.evaluation import verdict
from medsyn_core.experiments import claims, dual_exhibits, exhibits, hifi, ledger, records
from medsyn_core.experiments.results import METRICS
from tests.experiments import small, small_d2, small_hifi
from tests.experiments.small import written

EFFECTS = {"fcn": -1.0, "unet": 0.0, "sgan-global": 0.3, "sgan-local": 0.32, "dual": 0.6, "dual-attention": 1.2}


@pytest.fixture
def recorded(plan):
    """Every run of the tiny Dual-D plan at the laptop profile; tumours are trusted less from the second look on."""
    looks = [
        {"step": step, "subject": s, "tumour": 0.5 - step / 30 + s / 99, "rest": 0.5}
        for step in (0, 9)
        for s in range(8)
    ]
    for job in plan.jobs("laptop"):
        records.save(written(job, effect=EFFECTS.get(job.row.name, -3.0), extra={"confidence": looks}))
    return plan


def every() -> list[claims.Answer]:
    return [answer for found in claims.tested() for answer in found.claims]


def of(id: str) -> dict[str, claims.Answer]:
    return {answer.text: answer for answer in claims.of_exhibit(id).claims}


def unwrapped(table):
    return table.func if isinstance(table, partial) else table


# -- without a record


def test_every_claim_of_every_exhibit_is_listed_once_although_nothing_is_recorded():
    listed = [(a.exhibit, a.text, a.numbers) for a in every()]
    for id, need in exhibits.needs().items():
        wanted = [(id, claim.text, claim.paper) for claim in need.claims]
        assert [entry for entry in listed if entry in wanted] == wanted
    keys = [(a.exhibit, a.text, a.of, a.score) for a in every()]
    assert len(set(keys)) == len(keys)


def test_what_is_not_recorded_is_not_decided():
    for answer in every():
        assert answer.kind == "not decided" and not answer.recorded
        assert answer.effect == "–"
        assert "(not yet recorded)" not in answer.of


def test_tables_that_judge_by_rules_of_their_own_are_asked_too():
    tables = {unwrapped(table) for need in exhibits.needs().values() for table in need.tables}
    assert {table for table in tables if table.__name__.endswith("claims")} == set(claims.ASKED)
    listed = {answer.exhibit for answer in every()}
    assert {"utad-T3", "hifi-T3", "hifi-F8", "hifi-F9", "dual-F3"} <= listed
    with_claims = {id for id, need in exhibits.needs().items() if need.claims}
    assert with_claims < listed


def test_a_stale_record_leaves_the_claim_without_an_answer(recorded):
    assert of("dual-T1")["U-Net is better than FCN"].answer == "yes"
    job = recorded.jobs("laptop", ["unet"], [1])[0]
    records.save(written(job, config_hash="0" * 12))
    assert of("dual-T1")["U-Net is better than FCN"].answer == exhibits.UNRECORDED
    assert of("dual-S3.2")["Attention raises the PSNR"].recorded  # needs no such row


# -- from records


@pytest.mark.parametrize("id", ["dual-T1", "dual-S3.1", "dual-S3.2"])
def test_the_printed_effect_is_what_the_results_measure(recorded, id):
    found = exhibits.results(id, "laptop")
    for claim, answer in zip(exhibits.needs()[id].claims, claims.of_exhibit(id).claims, strict=True):
        claim = exhibits.resolved(found, claim)
        measured, metric = found.measure(claim), METRICS[claim.metric]
        numbers = [float(x) for x in re.findall(r"[-+]\d+\.\d+", answer.effect)]
        assert numbers == [round(x, metric.decimals) for x in (measured.mean, measured.low, measured.high)]
        assert (answer.kind, answer.n) == (found.judge(claim), str(measured.subjects))
        assert answer.of == f"{found.title(claim.a)} – {found.title(claim.b)}"


def test_answers_of_all_kinds_that_records_can_give(recorded):
    kinds = {answer.text: answer.kind for answer in claims.of_exhibit("dual-S3.1").claims}
    assert kinds["Both discriminators are better than none"] == "yes"
    assert kinds["A local discriminator is better than a global one"] == "no"  # 0.02 dB
    for job in recorded.jobs("laptop", ["dual"], [2]):
        records.save(written(job, effect=-5.0))
    assert of("dual-S3.1")["Both discriminators are better than none"].kind == "not decided"


def test_confidence_is_judged_at_the_first_look_after_training_began(recorded):
    (answer,) = claims.of_exhibit("dual-F3").claims
    found = exhibits.results("dual-F3", "laptop")
    inside, rest = dual_exhibits.confidence(found, "dual-attention", 9)
    assert answer.score.endswith("step 9")
    assert answer.kind == verdict(rest - inside, dual_exhibits.SMALLEST_CONFIDENCE) == "yes"
    assert answer.effect.startswith(f"{np.mean(rest - inside):+.3f} [")


def test_seeds_are_counted_where_they_allow_no_test(monkeypatch):
    monkeypatch.setattr("medsyn_core.experiments.utad.PLAN", small.UTAD)
    rows = ("student-wt", "student-global", "student-no-encoder", "student-no-decoder")
    small.save_utad(rows, features={"student-wt": 0.05})
    for answer in claims.of_exhibit("utad-T3").claims:
        assert (answer.kind, answer.n) == ("yes", "3 of 3")
        assert answer.of == "smallest other – full, each seed"
        assert len(answer.effect.split(", ")) == 3


def test_claims_over_folds_are_answered_as_they_come(monkeypatch):
    monkeypatch.setattr("medsyn_core.experiments.d2.PLAN", small_d2.MADE)
    small_d2.save(["full"], seeds=[0])
    assert not any(answer.recorded for answer in claims.of_exhibit("d2-T2").claims)  # one fold of three
    small_d2.save(["base", "full"], effect={"full": 5.0})
    there = {answer.text: answer for answer in claims.of_exhibit("d2-T2").claims}
    assert [text for text, answer in there.items() if answer.recorded] == ["All of it helps"]
    found = exhibits.results("d2-T2", "laptop")
    (claim,) = (claim for claim in exhibits.needs()["d2-T2"].claims if claim.text == "All of it helps")
    answer = there["All of it helps"]
    assert answer.kind == found.judge(claim) == "yes"
    assert answer.effect.startswith(f"{found.measure(claim).mean:+.1f} pp [") and answer.n == "24"


def test_tissue_is_given_in_per_cent(monkeypatch):
    monkeypatch.setattr(hifi, "PLANS", small_hifi.PLANS)
    rows = ("atlas", "affine-copy", "own-look-up", "real", "baseline", "full")
    small_hifi.save("hifi", rows, tissues={"full": 0.9, "baseline": 0.8})
    answers = claims.of_exhibit("hifi-T3").claims
    assert [answer.score for answer in answers] == ["GM Dice [%]", "GM VS [%]", "WM Dice [%]", "WM VS [%]"]
    for answer in answers:
        assert answer.of == "full – baseline" and answer.kind == "yes"
        assert float(answer.effect.split(" ")[0]) == pytest.approx(10, abs=1.5)


def test_what_stands_under_the_tables_comes_with_the_claims(recorded):
    notes = claims.of_exhibit("dual-T1").notes
    assert notes[0].startswith('A claim "A is better than B"') and notes[-1].startswith("Profile laptop")
    assert claims.of_exhibit("dual-T2").notes[-1] == "Nothing of it can be shown yet."
    assert any("record dual-ct --profile laptop" in note for note in claims.of_exhibit("dual-T2").notes)


# -- counting


def test_counts_add_up_and_leave_out_what_the_papers_do_not_ask(recorded):
    for paper in ledger.PAPERS:
        answers = [answer for found in claims.tested(paper) for answer in found.claims]
        untested = [row for row in ledger.UNTESTED if row.paper == paper]
        counted = claims.counts(answers, untested)
        assert tuple(counted) == claims.KINDS
        assert sum(counted.values()) == len(answers) - sum(a.ours for a in answers) + len(untested)
        assert {answer.kind for answer in answers} <= set(claims.KINDS[:-1])
    own = [answer.text for answer in every() if answer.ours]
    assert "Attention whose mean is divided out raises the PSNR inside tumours" in own
    assert "U-Net is better than FCN" not in own


def test_tested_claims_can_be_had_paper_by_paper():
    whole = [found.exhibit for found in claims.tested()]
    assert whole == [found.exhibit for paper in ledger.PAPERS for found in claims.tested(paper)]


# -- what nothing tests


def test_untested_claims_name_papers_and_exhibits_that_exist():
    ids = {row.id for row in ledger.EXHIBITS}
    for row in ledger.UNTESTED:
        assert row.paper in ledger.PAPERS
        assert row.exhibit is None or (row.exhibit in ids and ledger.paper_of(row.exhibit) == row.paper)
    assert {row.paper for row in ledger.UNTESTED} == set(ledger.PAPERS)


def test_untested_claims_say_where_they_stand_why_and_what_it_would_take():
    for row in ledger.UNTESTED:
        assert re.search(r"abstract|section|conclusion", row.where)
        assert row.why.endswith(".") and row.needed.endswith(".")
        assert not row.text.endswith(".")
        cells = dataclasses.astuple(row)
        assert not any("  " in cell or cell != cell.strip() for cell in cells if cell)


def test_no_claim_is_both_tested_and_untested_or_stands_twice():
    texts = [(row.paper, row.text) for row in ledger.UNTESTED]
    assert len(set(texts)) == len(texts)
    assert not set(texts) & {(ledger.paper_of(answer.exhibit), answer.text) for answer in every()}


def test_what_an_exhibit_would_show_that_nobody_makes_is_not_tested():
    unmade = {row.id for row in ledger.EXHIBITS} - set(exhibits.needs())
    assert unmade <= {row.exhibit for row in ledger.UNTESTED}


def test_an_exhibit_that_asks_nothing_is_asked_about():
    """Every exhibit stands for a claim of its paper: it is tested, or said not to be, or it shows another's answer."""
    asked = {answer.exhibit for answer in every()} | {row.exhibit for row in ledger.UNTESTED}
    assert {row.id for row in ledger.EXHIBITS} - asked == {"utad-F5", "hifi-F4"}
