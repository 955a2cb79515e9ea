import dataclasses
import pickle

import pytest

from medsyn_core.experiments import batch, records
from medsyn_core.experiments.plan import Plan, PlanError, Row
from medsyn_core.experiments.plans import papers
from medsyn_core.experiments.plans import plan as plan_of
from tests.experiments import small


def names(jobs):
    return [(job.row.name, job.seed) for job in jobs]


def test_most_telling_runs_come_first(plan):
    jobs = names(plan.jobs("laptop", ["unet", "copy", "fcn"], [0, 1]))
    assert jobs == [("copy", 0), ("unet", 0), ("fcn", 0), ("unet", 1), ("fcn", 1)]


def test_seeds_follow_the_profile(plan):
    for profile, seeds in (("smoke", 1), ("laptop", 3), ("gpu", 3)):
        assert len(plan.jobs(profile, ["unet"])) == seeds


def test_unknown_rows_papers_and_profiles_are_named(plan):
    with pytest.raises(PlanError, match=r"no row 'resnet'; its rows are: copy, .*unet"):
        plan.jobs("laptop", ["resnet"])
    with pytest.raises(PlanError, match=r"no plan for 'd3'; there are: dual"):
        plan_of("d3")
    with pytest.raises(ValueError, match=r"smoke, laptop, gpu"):
        plan.jobs("big")


def test_a_batch_makes_what_is_missing_and_nothing_twice(plan):
    jobs, lines = plan.jobs("laptop", ["copy", "look-up", "unet"], [0, 1]), []
    assert batch.make(jobs[:3], device="cpu", log=lines.append) == []
    stamps = [job.path.stat().st_mtime_ns for job in jobs[:3]]
    assert batch.make(jobs, device="cpu", log=lines.append) == []
    assert all(job.state() == ("ok", "") for job in jobs)
    assert [job.path.stat().st_mtime_ns for job in jobs[:3]] == stamps
    text = "\n".join(lines)
    assert "0 of 3 runs are recorded; 3 to make." in text
    assert "3 of 4 runs are recorded; 1 to make." in text
    assert "[1/1] dual unet seed 1 (laptop): " in text
    assert "PSNR" in text


def test_a_stale_record_is_made_again(plan):
    (job,) = plan.jobs("laptop", ["unet"], [0])
    records.save(small.written(job, config_hash="0" * 12))
    assert job.state()[0] == "stale"
    batch.make([job], device="cpu", log=lambda line: None)
    record = job.load()
    assert record.config_hash == job.identity()[1]
    assert len(record.history["steps"]) == 4
    assert tuple(row["subject"] for row in record.metrics) == small.cohort(None).subset("test").numbers


def test_a_failing_row_loses_no_other_and_is_reported(plan):
    broken = Row("broken", "broken", small.failing)
    rows = (broken, *plan.rows)
    jobs, lines = dataclasses.replace(plan, rows=rows).jobs("laptop", ["broken", "unet"], [0]), []
    failed = batch.make(jobs, device="cpu", log=lines.append)
    assert names(failed) == [("broken", 0)]
    assert jobs[1].state()[0] == "ok"
    assert any("this row cannot be made" in line for line in lines)
    assert lines[-1] == "1 of 2 runs failed: dual broken seed 0 (laptop)"


def test_a_run_repeats_to_the_digit(plan):
    (job,) = plan.jobs("laptop", ["dual-attention"], [1])
    first, second = job.run("cpu"), job.run("cpu")
    assert first.metrics == second.metrics
    assert first.history["series"] == second.history["series"]
    assert first.extra == second.extra


def test_runs_in_processes_of_their_own_give_the_same_records(plan):
    jobs = plan.jobs("laptop", ["copy", "unet"], [0])
    assert batch.make(jobs, device="cpu", processes=2, log=lambda line: None) == []
    apart = [job.load() for job in jobs]
    assert batch.make(jobs, device="cpu", again=True, log=lambda line: None) == []
    for one, other in zip(apart, (job.load() for job in jobs), strict=True):
        for ours, theirs in zip(one.metrics, other.metrics, strict=True):
            for name in ("mae", "psnr", "ssim_brain"):  # another process may sum in another order
                assert ours[name] == pytest.approx(theirs[name], rel=1e-3, abs=1e-5)


def test_in_processes_of_their_own_teachers_go_before_those_who_wait_for_them():
    jobs = plan_of("utad").jobs("laptop", ["copy", "student-wt", "teacher-wt", "student-et", "teacher-et"], [0, 1])
    order = [job.row.name.split("-")[0] for job in batch.teachers_first(jobs)]
    assert sorted(map(str, batch.teachers_first(jobs))) == sorted(map(str, jobs))
    assert order == sorted(order, key="student".__eq__) and order[-4:] == ["student"] * 4


def test_every_paper_with_a_plan_has_one():
    for paper in papers():
        found = plan_of(paper)
        assert isinstance(found, Plan)
        assert found.paper == paper
        assert len({row.name for row in found.rows}) == len(found.rows)


@pytest.mark.parametrize("paper", papers())
def test_every_run_of_every_plan_reaches_another_process(paper):
    for profile in ("smoke", "laptop", "gpu"):
        jobs = plan_of(paper).jobs(profile)
        assert [job.identity() for job in pickle.loads(pickle.dumps(jobs))] == [job.identity() for job in jobs]
