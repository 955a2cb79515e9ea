"""The commands of Part VI, as they are printed: run one after the other, at the smallest sizes, on a processor.

A folder written by the phantom stands in for each download, two processes for two cards, and small scripts for SLURM's
own commands. What the chapters start from their cells runs where they are executed.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import torch
from safetensors.torch import load_file

from medsyn_core.data.store import cache_folder
from medsyn_core.experiments.plans import plan

ROOT = Path(__file__).resolve().parents[2]
STEPS = 60
"""Of the trainings: many enough to be stopped in the middle."""

SBATCH = """#!/bin/bash
# What SLURM does: takes the job's sizes from the script and runs its body, once for each task of an array.
set -eu
first=1 last=1 script=${!#}
[[ $1 == --array=* ]] && { span=${1#--array=}; span=${span%%%*}; first=${span%-*}; last=${span#*-}; }
bash -n "$script"
asked() { sed -n "s/^#SBATCH --$1=//p" "$script"; }
nodes=$(asked nodes) each=$(asked ntasks-per-node)
[[ -z $each ]] || export SLURM_NTASKS_PER_NODE=$each
export SLURM_JOB_ID=77 SLURM_GPUS_ON_NODE=2 SLURM_CPUS_PER_TASK=8 SLURM_NODELIST=localhost SLURM_JOB_NAME=medsyn
export SLURM_NNODES=${nodes:-1} SLURM_NTASKS=$((${nodes:-1} * ${each:-1})) SLURM_PROCID=0 SLURM_LOCALID=0 SLURM_NODEID=0
for task in $(seq "$first" "$last"); do SLURM_ARRAY_TASK_ID=$task bash "$script"; done
"""
SRUN = """#!/bin/bash
[[ $1 == --* ]] && shift
pids=()
for task in $(seq 0 $((SLURM_NTASKS - 1))); do
    SLURM_PROCID=$task SLURM_NODEID=$task "$@" &
    pids+=($!)
done
for pid in "${pids[@]}"; do wait "$pid" || exit 1; done
"""
SCONTROL = """#!/bin/bash
echo "$@" >> scontrol.log
"""


def cells(chapter: str, kind: str) -> list[str]:
    notebook = json.loads((ROOT / "book" / "part6" / f"{chapter}.ipynb").read_text(encoding="utf-8"))
    return ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == kind]


def blocks(chapter: str) -> list[str]:
    return re.findall(r"^```bash\n(.*?)^```", "\n".join(cells(chapter, "markdown")), flags=re.S | re.M)


class Desk:
    """A folder to work in, where a chapter's commands mean what they mean to a reader, only smaller."""

    def __init__(self, home: Path):
        self.home, self.cache = home, cache_folder().parent
        tools, activate = home / "tools", home / ".venv" / "bin" / "activate"
        for name, text in (("sbatch", SBATCH), ("srun", SRUN), ("scontrol", SCONTROL)):
            (tools / name).parent.mkdir(exist_ok=True)
            (tools / name).write_text(text)
            (tools / name).chmod(0o755)
        activate.parent.mkdir(parents=True)
        activate.write_text(f'export PATH="{tools}:{Path(sys.executable).parent}:$PATH"\n')
        search = os.pathsep.join([str(tools), str(Path(sys.executable).parent), os.environ["PATH"]])
        settings = {"MEDSYN_PROFILE": "smoke", "MEDSYN_PROGRESS": "0", "OMP_NUM_THREADS": "1", "PATH": search}
        self.environment = {**os.environ, **settings, "CUDA_VISIBLE_DEVICES": ""}

    def smaller(self, text: str) -> str:
        """The text of a block with this folder's paths, a processor for the card, and few steps."""
        text = text.replace("/data/", f"{self.home}/data/").replace("/scratch/records", f"{self.home}/records")
        text = text.replace("/scratch/medsyn", str(cache_folder()))  # the template is there already
        text = re.sub(r"(MEDSYN_PROFILE=|--profile |\$4 == \")gpu", r"\1smoke", text)
        text = re.sub(r"--subjects \d+", "--subjects 3", text.replace("--device cuda", "--device cpu"))
        return re.sub(r"(train\.py \S+ \d+) \d{4,}", rf"\1 {STEPS}", text)

    def run(self, text: str) -> str:
        """Run a block; its output. A block that fails fails the test with all that it said."""
        command = ["bash", "-eu", "-o", "pipefail", "-c", self.smaller(text)]
        done = subprocess.run(command, cwd=self.home, env=self.environment, capture_output=True, text=True)
        assert done.returncode == 0, f"{text}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
        return done.stdout

    def weights(self, name: str) -> torch.Tensor:
        saved = load_file(self.home / "runs" / name / "model.safetensors")
        return torch.cat([weight.flatten() for weight in saved.values()])


def take(found: list[str], *words: str) -> str:
    """The one block that holds all these words; it is taken out of the list, so that what is left was not run."""
    (block,) = [block for block in found if all(word in block for word in words)]
    found.remove(block)
    return block


# -- Your own data


def test_commands_for_your_own_data(tmp_path):
    desk, found = Desk(tmp_path), blocks("your_data")
    written = desk.run(take(found, "data write"))
    assert re.findall(r"(\d+) subjects written to (\S+)", written) == [
        ("3", f"{tmp_path}/data/practice{which}") for which in ("", "-ixi", "-own")
    ]
    for download, stand_in in (("BraTS2020", "practice"), ("IXI", "practice-ixi"), ("mine", "practice-own")):
        (tmp_path / "data" / stand_in).rename(tmp_path / "data" / download)
    assert desk.run(take(found, "data check")).count("3 subjects: 3 can be prepared, 0 cannot.") == 3
    assert desk.run(take(found, "data prepare")).startswith("Cohort(brats")
    assert found == []


# -- Bigger machines


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    """With train.py of the chapter's cell in it, and a training by the chapter's torchrun that nobody disturbed."""
    desk = Desk(tmp_path_factory.mktemp("machines"))
    (cell,) = [text for text in cells("bigger_machines", "code") if text.startswith("%%writefile")]
    head, body = cell.split("\n", 1)
    assert head == "%%writefile {home}/train.py"
    (desk.home / "train.py").write_text(body)
    said = desk.run(take(blocks("bigger_machines"), "torchrun", "train.py runs/two-cards"))
    assert said.count(f"{STEPS} steps on cpu") == 2
    return desk


def script(desk: Desk, name: str) -> Path:
    """A job script of the chapter, written down under the name that its second line gives it."""
    text = take(blocks("bigger_machines"), "#!/bin/bash", f"# {name}:")
    for directive in re.findall(r"^#SBATCH.*$", text, flags=re.M):
        assert re.fullmatch(r"#SBATCH --[a-z-]+(=[\w:@-]+)?", directive), directive
    (desk.home / name).write_text(desk.smaller(text))
    return desk.home / name


def test_no_block_is_forgotten():
    """Each block is a job script, or has a test of this file that takes it by one of these words."""
    taken = ("torchrun --stand", "sbatch ", "is_available", "runs.txt", "teacher-wt", "uniq -c")
    for block in blocks("bigger_machines"):
        assert block.startswith("#!/bin/bash\n# ") or any(word in block for word in taken), block


def test_a_job_that_is_stopped_goes_back_into_the_queue_and_ends_at_the_same_weights(desk):
    script(desk, "train.sbatch")
    submit = take(blocks("bigger_machines"), "sbatch train.sbatch")
    checkpoint = desk.home / "runs" / "cluster" / "checkpoint.pt"
    job = subprocess.Popen(["bash", "-c", submit], cwd=desk.home, env=desk.environment, stdout=subprocess.DEVNULL)
    while job.poll() is None and not (checkpoint.exists() and torch.load(checkpoint)["step"] > 0):
        time.sleep(0.02)
    family = psutil.Process(job.pid).children(recursive=True)
    (body,) = [process for process in family if process.cmdline() == ["bash", "train.sbatch"]]
    body.send_signal(signal.SIGUSR1)  # as the script asks for, shortly before its time is up
    psutil.wait_procs([body], 60)
    for process in family:  # and then SLURM ends whatever is left of the job
        if process.is_running():
            process.kill()
    job.wait(60)
    stopped = torch.load(checkpoint)["step"]
    assert 0 < stopped < STEPS and not (checkpoint.parent / "model.safetensors").exists()
    assert (desk.home / "scontrol.log").read_text() == "requeue 77\n"
    desk.run(submit)
    assert torch.equal(desk.weights("cluster"), desk.weights("two-cards"))


def test_tasks_on_two_nodes_train_as_two_cards(desk):
    script(desk, "nodes.sbatch")
    desk.run(take(blocks("bigger_machines"), "sbatch nodes.sbatch"))
    assert torch.equal(desk.weights("nodes"), desk.weights("two-cards"))


@pytest.fixture(scope="module")
def sweep(desk):
    """The desk with the chapter's list of runs, and a function that makes some of them by a block."""
    exports, *_ = (block := take(blocks("bigger_machines"), "awk", "> runs.txt")).splitlines()
    desk.run(block)
    listed = (desk.home / "runs.txt").read_text().splitlines()
    jobs = plan("dual").jobs("smoke")
    assert listed == [f"{job.row.name} {job.seed}" for job in jobs if job.row.name != "copy"]
    left = iter(listed)

    def make(block: str, count: int) -> str:
        runs = [next(left) for _ in range(count)]
        (desk.home / "runs.txt").write_text("".join(f"{run}\n" for run in runs))
        records = [desk.home / "records" / "dual" / "smoke" / f"{run.replace(' ', '-seed')}.json" for run in runs]
        assert not any(record.exists() for record in records)
        said = desk.run(f"{exports}\n{block}")
        assert all(record.exists() for record in records)
        return said

    return make


def test_a_job_array_makes_a_run_a_task_and_nothing_twice(desk, sweep):
    script(desk, "sweep.sbatch")
    submit = take(blocks("bigger_machines"), "sbatch --array")
    assert sweep(submit, 2).count("1 to make") == 2
    listed = desk.home / "runs.txt"
    listed.write_text(listed.read_text().splitlines(keepends=True)[0])
    assert "1 of 1 runs are recorded; 0 to make" in desk.run(submit)


def test_xargs_gives_each_worker_a_card(desk, sweep):
    assert sweep(take(blocks("bigger_machines"), "xargs"), 2).count("1 to make") == 2


@pytest.mark.skipif(not shutil.which("parallel"), reason="GNU parallel is not installed")
def test_gnu_parallel_makes_each_line_once(desk, sweep):
    block = take(blocks("bigger_machines"), "parallel --jobs")
    assert sweep(block, 1).count("1 to make") == 1
    assert desk.run(block) == ""  # --resume: all of them stand in the log


def test_teachers_are_made_first_and_students_are_left(desk, sweep):
    exports = take(blocks("bigger_machines"), "awk", "> runs.txt").splitlines()[0]
    desk.run(exports + "\n" + take(blocks("bigger_machines"), "teacher-wt"))
    left = (desk.home / "students.txt").read_text()
    assert "student-wt 0" in left and "teacher-zeros 0" in left and "teacher-wt 0" not in left


def test_what_is_recorded_is_counted(desk, sweep):
    counted = desk.run(take(blocks("bigger_machines"), "uniq -c"))
    assert re.search(r"\d+ missing", counted) and re.search(r"\d+ ok", counted) and "utad-T1" in counted


def test_one_run_on_a_workstation(desk, sweep):
    block = take(blocks("bigger_machines"), "is_available")
    assert torch.__version__ in desk.run("export MEDSYN_RECORDS=/scratch/records\n" + block)
    assert (desk.home / "records" / "dual" / "smoke" / "dual-attention-seed0.json").exists()
