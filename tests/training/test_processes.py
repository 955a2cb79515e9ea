"""Runs outside this process: two of them sharing a batch, and one that is killed."""

import os
import signal
import subprocess
import sys

import pytest
import torch

ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
WORKER = "tests.training.worker"


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    out = tmp_path_factory.mktemp("one") / "out.pt"
    subprocess.run([sys.executable, "-m", WORKER, out], check=True, env=ENVIRONMENT, capture_output=True)
    return torch.load(out)


def test_two_processes_give_the_weights_of_one_with_the_doubled_batch(tmp_path, unbroken):
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "-m", WORKER]
    result = subprocess.run([*launcher, tmp_path / "out.pt"], env=ENVIRONMENT, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr[-3000:]
    two = torch.load(tmp_path / "out.pt")
    torch.testing.assert_close(two["weights"], unbroken["weights"], atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(two["l1"], unbroken["l1"], atol=1e-5, rtol=1e-4)


def test_kill_9_then_resume_gives_the_weights_of_an_unbroken_run(tmp_path, unbroken):
    command = [sys.executable, "-m", WORKER, tmp_path / "out.pt", tmp_path / "run"]
    victim = subprocess.Popen(command, env=ENVIRONMENT | {"TOY_PAUSE": "0.05"}, stdout=subprocess.PIPE, text=True)
    for line in victim.stdout:
        if line == "step 9\n":
            victim.send_signal(signal.SIGKILL)
            break
    assert victim.wait() == -signal.SIGKILL
    assert not (tmp_path / "out.pt").exists()
    resumed = subprocess.run(command, check=True, env=ENVIRONMENT, capture_output=True, text=True)
    first = int(resumed.stdout.split()[1])
    assert 0 < first <= 9, "it should have continued from a checkpoint"
    again = torch.load(tmp_path / "out.pt")
    assert torch.equal(again["weights"], unbroken["weights"])
    assert again["l1"] == unbroken["l1"]
