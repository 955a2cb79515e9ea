"""Several processes: the same arrays, one preparation at a time, nothing lost when one is killed."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from medsyn_core.data.errors import DataError
from medsyn_core.data.store import cache_folder
from medsyn_core.data.workers import default_jobs

from .makers import ToySource, make, reads, same

pytestmark = pytest.mark.usefixtures("own_cache")


def test_processes_give_the_same_arrays(tmp_path):
    log = tmp_path / "log"
    alone = make(ToySource(9))
    together = make(ToySource(9, log=log), cache=tmp_path / "other", jobs=2)
    assert alone.hash == together.hash and same(alone, together)
    assert reads(log) == list(range(9))


def test_error_in_a_process_is_the_same_error(tmp_path):
    with pytest.raises(DataError, match=r"subject toy-2, toy-2.nii.gz: is broken. Mend it."):
        make(ToySource(bad=[2]), jobs=2)
    cohort = make(ToySource(bad=[2]), jobs=2, on_error="skip")
    assert [s["subject"] for s in cohort.skipped] == ["toy-2"] and len(cohort.subjects) == 3


def test_an_error_stops_the_other_processes(tmp_path):
    log = tmp_path / "log"
    with pytest.raises(DataError) as caught:
        make(ToySource(30, bad=[0], log=log, pause=0.1), jobs=2)
    soon = reads(log)
    time.sleep(0.5)
    assert caught.tb is not None  # a notebook, too, keeps the error and with it every frame
    assert len(reads(log)) <= len(soon) + 1 < 10


def test_a_source_of_the_users_own_script_is_prepared_here(tmp_path):
    script = (
        "from tests.data.makers import ToySource\n"
        "from medsyn_core.data import prepare\n"
        "from medsyn_core.data.cut import Settings\n"
        "class Mine(ToySource): pass\n"
        "print(len(prepare(Mine(4), Settings(px=20, slices=1), jobs=2)))\n"
    )
    path = tmp_path / "script.py"
    path.write_text(script)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run([sys.executable, str(path)], capture_output=True, text=True, env=environment, check=True)
    assert done.stdout.strip() == "4"


def test_default_number_of_processes(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(16)), raising=False)
    assert [default_jobs(n) for n in (1, 15, 16, 31, 200)] == [1, 1, 2, 3, 4]
    monkeypatch.setattr(multiprocessing, "current_process", lambda: SimpleNamespace(daemon=True))
    assert default_jobs(200) == 1


def test_a_process_that_dies_says_so(tmp_path, monkeypatch):
    source = ToySource()
    monkeypatch.setattr(ToySource, "key", {"version": 0})
    source.log = str(tmp_path)  # a folder cannot be written to: an error nobody foresaw
    with pytest.raises(RuntimeError, match="a process that prepares subjects stopped"):
        make(source, jobs=2)


SCRIPT = """
import sys
from pathlib import Path
from medsyn_core.data import prepare
from medsyn_core.data.cut import Settings
from tests.data.makers import ToySource
source = ToySource(int(sys.argv[2]), log=Path(sys.argv[1]), pause=float(sys.argv[3]))
cohort = prepare(source, Settings(px=20, slices=3, fov_mm=160.0), jobs=int(sys.argv[4]))
print(cohort.root)
"""


def start(log, count=4, pause=0.05, jobs=1):
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", SCRIPT, str(log), str(count), str(pause), str(jobs)]
    return subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True, env={**os.environ})


def wait_for(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "nothing happened"
        time.sleep(0.01)


def test_two_processes_prepare_once(tmp_path):
    log = tmp_path / "log"
    pair = [start(log, pause=0.2) for _ in range(2)]
    said = [process.communicate(timeout=120)[0] for process in pair]
    assert [process.returncode for process in pair] == [0, 0]
    assert reads(log) == [0, 1, 2, 3]  # each subject once, by whoever came first
    assert said[0].split()[-1] == said[1].split()[-1]


@pytest.mark.parametrize("jobs", [1, 2])
def test_killed_run_goes_on(tmp_path, jobs):
    log = tmp_path / "log"
    process = start(log, count=6, pause=0.3, jobs=jobs)
    wait_for(lambda: len(reads(log)) >= 3)
    process.send_signal(signal.SIGKILL)
    process.wait()
    time.sleep(0.4 if jobs > 1 else 0)  # workers end when their input closes
    assert not [p for p in cache_folder().iterdir() if not p.name.startswith(".")]
    done = len(reads(log))
    cohort = make(ToySource(6, log=log))
    assert len(reads(log)) - done <= 5  # at least one finished subject was not read again
    assert same(cohort, make(ToySource(6), cache=tmp_path / "other"))
