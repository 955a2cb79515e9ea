"""HiFi-Syn as it is run: the memory through checkpoints and processes, and real-looking folders."""

import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from medsyn_core import data
from medsyn_core.methods import load
from medsyn_core.training import Watch
from tests.data.makers import write_ixi
from tests.methods import small
from tests.methods.small import buffers, fit, weights


def bank(run):
    return run.networks["memory"].keys.clone(), run.networks["memory"].values.clone()


def test_a_run_writes_its_memory_and_its_typical_attributes(patients):
    start = []
    run = fit(small.hifi(), patients, watch=Watch({0}, lambda step, run: start.append((*bank(run), buffers(run)))))
    keys, values = bank(run)
    assert not torch.equal(keys, start[0][0]) and not torch.equal(values, start[0][1])
    torch.testing.assert_close(keys.norm(dim=1), torch.ones(len(keys)))
    assert run.networks["attribute"].typical.abs().sum(dim=1).gt(0).all()


def test_an_interrupted_run_continues_with_its_memory_to_the_bit(patients, tmp_path):
    class Stop(Exception):
        pass

    def stop(step, run):
        raise Stop

    whole = fit(small.hifi(), patients)
    with pytest.raises(Stop):
        fit(small.hifi(), patients, folder=tmp_path, checkpoint_every=1, watch=Watch({3}, stop))
    resumed = fit(small.hifi(), patients, folder=tmp_path)
    assert torch.equal(weights(resumed), weights(whole)) and torch.equal(buffers(resumed), buffers(whole))


def two_processes(which, tmp_path, cache):
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "-m"]
    command += ["tests.methods.worker", which, tmp_path / "out", cache]
    result = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr[-3000:]
    return [torch.load(tmp_path / f"out.{rank}") for rank in range(2)]


def test_two_processes_hold_identical_memories(tmp_path, patients_cache):
    first, second = two_processes("hifi", tmp_path, patients_cache)
    assert torch.equal(first["buffers"], second["buffers"]) and torch.equal(first["weights"], second["weights"])


def test_two_processes_write_the_memory_of_one_with_the_doubled_batch(tmp_path, patients, patients_cache):
    """Contrast compares within a process's share of the batch, so it is left out: everything else is a mean."""
    two = two_processes("hifi-without-contrast", tmp_path, patients_cache)[0]
    one = fit(small.WORKERS["hifi-without-contrast"](), patients)
    for name, values in one.history.series.items():
        assert two["history"][name] == pytest.approx(values, abs=1e-4, rel=1e-3), name
    assert (two["buffers"] - buffers(one)).norm() < 0.01 * buffers(one).norm()


def test_a_saved_model_translates_in_three_lines_without_labels(patients, tmp_path):
    run = fit(small.hifi(), patients)
    path = run.save(tmp_path / "hifi.safetensors")
    images = torch.from_numpy(patients.images[:3, 0].astype(np.float32))[:, None]
    model = load(path)
    answer = model.translate(images, "t2")
    torch.testing.assert_close(answer, run.model.translate(images, "t2"))
    assert answer.shape == images.shape and not answer[images == 0].any()


def test_an_ixi_folder_on_disk(tmp_path):
    """Tissue classes come with the folder or are estimated from T1."""
    write_ixi(tmp_path / "ixi", 6)
    cohort = data.load("ixi", tmp_path / "ixi", px=16, slices=3, jobs=1, cache=tmp_path / "cache", split=(4, 0, 2))
    assert all(info.has_tissue for info in cohort.subjects)
    run = fit(small.hifi(items=(2, 2, 3, 3), common=10), cohort)
    assert {row["direction"] for row in run.metrics} == {"t1-t2", "t2-t1"} and len(run.history.steps) == 4


def test_without_tissue_labels_the_way_out_is_named(patients):
    bare = [replace(info, has_tissue=False) if info.id == "p-1" else info for info in patients.subjects]
    cohort = replace(patients, subjects=tuple(bare))
    with pytest.raises(ValueError, match=r"p-1.*configure\(annotations=False\)"):
        fit(small.hifi(), cohort)
    run = fit(small.hifi(annotations=False).edit(structure_discrimination=0), cohort)
    assert run.model.translate(torch.rand(1, 1, 16, 16), "t2").shape == (1, 1, 16, 16)


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ({"modalities": ("t1", "t1")}, "from t1 to itself"),
        ({"tau_pixel": 0.0}, "tau_pixel=0.0 must be positive"),
        ({"tau_memory": -1.0}, "tau_memory=-1.0 must be positive"),
        ({"alpha_p": 2.0}, "alpha_p=2.0 must be between 0 and 1"),
        ({"alpha_s": -1.0}, "alpha_s=-1.0 must be 0 or more"),
        ({"items": (-1, 2, 3, 3)}, "items=.* must be 0 or more each"),
        ({"common": -3}, "common=-3 must be 0 or more"),
        ({"queries": 0}, "queries=0 must be at least 1"),
        ({"halvings": -1}, "halvings=-1 must be 0 or more"),
    ],
)
def test_settings_that_cannot_be_are_refused(wrong, word):
    with pytest.raises(ValueError, match=word):
        small.hifi(**wrong)


def test_asking_for_more_pixels_than_there_are_takes_each_once():
    method = small.hifi(queries=10**4).method
    batch = small.pair_of()
    done = method.sample({**batch, **method.draws(len(batch["image_i"]), torch.Generator().manual_seed(0))})
    height, width = (size // 2**method.halvings for size in batch["image_i"].shape[-2:])
    for pixels in done["pixels"]:
        assert pixels.tolist() == list(range(height * width))
