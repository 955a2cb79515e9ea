"""When an exhibit's records were made."""

from __future__ import annotations

import json
import subprocess
from datetime import UTC, datetime

import pytest

from medsyn_core.experiments import dates, exhibits, records
from tests.experiments.small import written

ROWS = ["unet", "sgan-global", "sgan-local", "dual"]  # what dual-S3.1 shows


@pytest.fixture
def saved(plan):
    """Where the records of dual-S3.1 are."""
    return [records.save(written(job)) for job in plan.jobs("laptop", ROWS)]


def git(folder, *arguments):
    who = ("-c", "user.name=x", "-c", "user.email=x@example.org")
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True)


def undated(path):
    """The record as it was before it kept its day."""
    plain = json.loads(path.read_text())
    del plain["made"]
    path.write_text(json.dumps(plain))


def commit(folder, day):
    git(folder, "add", ".")
    git(folder, "commit", "-m", "x", f"--date={day}T12:00:00+00:00")


def shown():
    return exhibits.results("dual-S3.1", "laptop")


def test_a_record_keeps_the_day_it_was_saved(saved):
    today = datetime.now(UTC).date().isoformat()
    made = {records.load(path).made for path in saved}
    assert made <= {today, datetime.now(UTC).date().isoformat()}
    assert dates.last(shown(), {}) == (max(made), True)


def test_an_older_record_has_none_and_nothing_is_made_up(saved):
    undated(saved[0])
    assert records.load(saved[0]).made is None
    assert dates.last(shown(), {}) == (None, False)
    assert exhibits.shown("dual-S3.1") is not None  # it counts all the same


def test_an_older_record_has_the_day_of_its_commit(saved, folder):
    for path in saved:
        undated(path)
    git(folder, "init")
    commit(folder, "2001-02-03")
    saved[0].write_text(saved[0].read_text() + "\n")
    commit(folder, "2004-05-06")
    found = dates.committed()
    assert (found[saved[0]], found[saved[1]]) == ("2004-05-06", "2001-02-03")
    assert dates.last(shown(), found) == ("2004-05-06", False)


def test_what_is_not_committed_as_it_is_has_no_day(saved, folder):
    git(folder, "init")
    commit(folder, "2001-02-03")
    undated(saved[0])
    assert saved[0] not in dates.committed() and saved[1] in dates.committed()


def test_a_shallow_history_tells_nothing(saved, folder, tmp_path, monkeypatch):
    git(folder, "init")
    commit(folder, "2001-02-03")
    saved[0].write_text(saved[0].read_text() + "\n")
    commit(folder, "2004-05-06")
    git(tmp_path, "clone", "--depth", "1", folder.as_uri(), "shallow")
    monkeypatch.setenv("MEDSYN_RECORDS", str(tmp_path / "shallow"))
    assert dates.committed() == {}


def test_without_git_or_a_repository_there_is_no_day(saved, monkeypatch, tmp_path):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    assert dates.committed() == {}
    monkeypatch.setenv("PATH", str(tmp_path))
    assert dates.committed() == {}
