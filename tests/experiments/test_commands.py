import json
import subprocess
import sys

import pytest

from medsyn_core import __version__
from medsyn_core.__main__ import main
from medsyn_core.experiments import records
from medsyn_core.experiments.plans import papers
from medsyn_core.experiments.plans import plan as find
from tests.experiments.small import written


def test_the_ledgers_as_json(capsys):
    assert main(["equations", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == 48
    assert main(["exhibits", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert len(rows) == 38
    assert {row["state"] for row in rows} == {"not yet"}


def test_the_ledgers_for_people(capsys):
    assert main(["equations"]) == 0
    assert "as printed" in capsys.readouterr().out
    assert main(["exhibits"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 39
    assert lines[0].split() == ["id", "state", "profile", "device", "seeds", "title"]


def test_records_are_listed_with_their_state(plan, capsys):
    records.save(written(plan.jobs("laptop", ["unet"], [0])[0]))
    records.save(written(plan.jobs("laptop", ["unet"], [1])[0], config_hash="0" * 12))
    assert main(["records", "dual", "--profile", "laptop", "--rows", "unet"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert [line.split()[-1] for line in out[1:4]] == ["ok", "stale", "missing"]
    assert "made by other sources" in out[4]
    assert "Re-make it: python -m medsyn_core record dual" in out[5]


def test_a_dry_run_only_says_what_it_would_make(plan, folder, capsys):
    assert main(["record", "dual", "--rows", "unet", "--seeds", "0", "1", "--dry-run"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "would make dual unet seed 0 (laptop) (missing)",
        "would make dual unet seed 1 (laptop) (missing)",
    ]
    assert not folder.exists()


def test_record_makes_them_and_then_has_nothing_to_do(plan, capsys):
    call = ["record", "dual", "--rows", "look-up", "unet", "--seeds", "0", "--device", "cpu"]
    assert main(call) == 0
    assert "[2/2] dual unet seed 0 (laptop)" in capsys.readouterr().out
    assert main(call) == 0
    assert "2 of 2 runs are recorded; 0 to make." in capsys.readouterr().out
    assert main([*call, "--dry-run"]) == 0
    assert capsys.readouterr().out == "nothing to make\n"


def test_a_failing_row_makes_the_command_fail(plan, capsys, monkeypatch):
    def broken(*_, **__):
        raise RuntimeError("no such luck")

    monkeypatch.setattr("medsyn_core.training.Recipe.fit", broken)
    assert main(["record", "dual", "--rows", "copy", "unet", "--seeds", "0"]) == 1
    out = capsys.readouterr().out
    assert "no such luck" in out
    assert "1 of 2 runs failed: dual unet seed 0 (laptop)" in out


def test_show_prints_results_claims_and_the_papers_numbers(plan, capsys):
    for job in plan.jobs("laptop"):
        records.save(written(job))
    assert main(["show", "dual-S3.2"]) == 0
    out = capsys.readouterr().out
    for words in ("dual-S3.2: Attention on and off", "the claims of the paper", "holds here?", "+0.6"):
        assert words in out


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (["show", "dual-T7"], "there is no exhibit 'dual-T7'"),
        (["show", "dual-T1"], "Make it: python -m medsyn_core record dual"),
        (["show", "dual-T1", "--profile", "smoke"], "smoke numbers never reach"),
        (["record", "d3"], "no plan for 'd3'"),
        (["record", "dual", "--rows", "vnet"], "no row 'vnet'"),
        (["record", "dual", "--profile", "huge"], "'huge' is no profile"),
        (["record", "dual", "--jobs", "0"], "--jobs 0 must be at least 1"),
    ],
)
def test_what_cannot_be_done_is_one_line_on_stderr(plan, call, words, capsys):
    assert main(call) == 1
    captured = capsys.readouterr()
    assert words in captured.err
    assert captured.err.startswith("error: ")
    assert "Traceback" not in captured.err


@pytest.mark.parametrize("call", [[], ["paint"], ["record", "--device", "tpu"], ["record", "--seeds", "one"]])
def test_a_wrong_call_exits_with_2(call, capsys):
    with pytest.raises(SystemExit) as caught:
        main(call)
    assert caught.value.code == 2
    assert "usage: python -m medsyn_core" in capsys.readouterr().err


def test_the_commands_about_data_are_there(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["data", "prepare", "--help"])
    assert caught.value.code == 0
    assert "--slices" in capsys.readouterr().out


def test_the_module_runs():
    done = subprocess.run([sys.executable, "-m", "medsyn_core", "version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"{__version__}\n"


def test_a_reader_who_stops_early_is_no_error():
    lines = subprocess.run(
        f"{sys.executable} -m medsyn_core equations --json | head -n 1", shell=True, capture_output=True, text=True
    )
    assert lines.stdout.strip() == "[" and lines.stderr == ""


def test_all_plans_are_meant_where_none_is_named(capsys):
    assert main(["records", "--profile", "gpu", "--rows", "copy", "--seeds", "0"]) == 0
    lines = capsys.readouterr().out.splitlines()
    having = [paper for paper in papers() if "copy" in {row.name for row in find(paper).rows}]
    assert [line.split()[:2] for line in lines[1:]] == [[paper, "copy"] for paper in having]
    assert set(having) < set(papers())


def test_a_row_of_no_plan_at_all_is_an_error(capsys):
    assert main(["records", "--rows", "copy", "vnet"]) == 1
    assert "no plan has a row 'vnet'" in capsys.readouterr().err
