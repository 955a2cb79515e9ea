"""The tables of the page of claims."""

from __future__ import annotations

from pathlib import Path

import pytest

from medsyn_core.experiments import claims as found_claims
from medsyn_core.experiments import ledger, records
from medsyn_core.figures import claims, places
from tests.experiments import small
from tests.experiments.small import written

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def judged(tmp_path, monkeypatch):
    """Tiny records of Dual-D, nothing of the others."""
    monkeypatch.setenv("MEDSYN_RECORDS", str(tmp_path / "records"))
    monkeypatch.setenv("MEDSYN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("MEDSYN_PROGRESS", "0")
    monkeypatch.setattr("medsyn_core.experiments.dual_d.PLAN", small.PLAN)
    for job in small.PLAN.jobs("laptop", ["unet", "sgan-global", "sgan-local", "dual"]):
        records.save(written(job, effect=1.0 if job.row.name == "dual" else 0.0))
    monkeypatch.chdir(ROOT / places.LEDGERS)
    return claims.judged()


def lines(table) -> list[list[str]]:
    rows = [line for line in table.markdown.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows[2:]]


def test_the_papers_stand_in_the_books_order(judged):
    assert list(judged) == list(claims.ORDER) and set(judged) == set(ledger.PAPERS)


def test_the_summary_counts_what_the_tables_list(judged):
    rows = {row[0]: [int(cell) for cell in row[1:]] for row in lines(claims.summary(judged))}
    for paper, found in judged.items():
        *kinds, total = rows[ledger.PAPERS[paper]]
        told = [row[1].strip("*").partition(":")[0] for row in lines(claims.answered(found))]
        untested = lines(claims.untested(paper))
        assert kinds == [*(told.count(kind) for kind in found_claims.KINDS[:-1]), len(untested)]
        assert total == sum(kinds) == len(told) + len(untested)
    assert rows["all"] == [sum(column) for column in zip(*(rows[name] for name in ledger.PAPERS.values()), strict=True)]


def test_the_summary_says_how_many_wait_for_records(judged):
    answers = [answer for found in judged.values() for exhibit in found for answer in exhibit.claims]
    waiting = sum(not answer.recorded for answer in answers if not answer.ours)
    assert 0 < waiting < len(answers)
    assert f"{waiting} wait for records" in claims.summary(judged).under


def test_questions_of_our_own_stand_apart(judged):
    texts = {row[0] for row in lines(claims.answered(judged["dual"]))}
    own = {row[0] for row in lines(claims.answered(judged["dual"], ours=True))}
    assert own == {"Attention whose mean is divided out raises the PSNR inside tumours"} and not own & texts


def test_every_line_leads_to_its_exhibit_and_to_a_chapter(judged):
    for paper, found in judged.items():
        for row in lines(claims.answered(found)):
            assert "exhibits.html#" in row[-1] and "../part" in row[-1]
        for row, entry in zip(
            lines(claims.untested(paper)), [u for u in ledger.UNTESTED if u.paper == paper], strict=True
        ):
            assert "../part" in row[-1]
            linked = entry.exhibit is not None and f"exhibits.html#{places.place(entry.exhibit)}" in row[-1]
            assert linked == (entry.exhibit is not None) == ("exhibits.html#" in row[-1])


def test_intervals_stay_on_one_line(judged):
    row = next(row for row in lines(claims.answered(judged["dual"])) if row[0].endswith("better than none"))
    assert row[1] == "**yes**"
    assert row[4].startswith("+1.0") and ",\u00a0" in row[4]


def test_rules_name_the_exhibits_that_they_hold_for(judged):
    text = claims.rules(judged["dual"]).markdown
    assert text.startswith("<details") and text.endswith("</details>")
    assert "- *dual-S3.1*: Profile laptop; cpu" in text
    assert "`python -m medsyn_core record dual-ct --profile laptop" in text
