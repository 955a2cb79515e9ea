"""D²-Net as it is run: resumed, in two processes, saved, and on a folder of files."""

import os
import subprocess
import sys

import pytest
import torch

from medsyn_core import data
from medsyn_core.data.write import write_folder
from medsyn_core.methods import load
from medsyn_core.training import Watch
from tests.methods import small_d2net as small
from tests.methods.small import fit, weights
from tests.methods.small_clinic import Clinic


@pytest.fixture(scope="module")
def trained(clinic):
    """Three steps of the whole recipe."""
    return fit(small.recipe(), clinic)


def test_every_term_is_recorded_and_every_network_moved(clinic, trained):
    start = {}
    keep = lambda step, run: start.update({n: weights_of(net) for n, net in run.networks.items()})
    again = fit(small.recipe(), clinic, watch=Watch({0}, keep))
    assert set(trained.history.series) == set(small.recipe().losses) and len(trained.history.steps) == 3
    assert torch.equal(weights(again), weights(trained))  # the seed decides everything
    for name, network in again.networks.items():
        assert not torch.equal(weights_of(network), start[name]), name
        assert not network.training


def weights_of(network):
    return torch.cat([p.detach().flatten() for p in network.parameters()])


def test_thirty_steps_lower_the_loss(clinic):
    run = fit(small.recipe(steps=30, dropout=0.0), clinic)
    total = torch.tensor(list(run.history.series.values())).sum(dim=0)
    assert total[-5:].mean() < 0.9 * total[:3].mean()


def test_an_interrupted_run_continues_to_the_bit(clinic, trained, tmp_path):
    class Stop(Exception):
        pass

    def stop(step, run):
        raise Stop

    with pytest.raises(Stop):
        fit(small.recipe(), clinic, folder=tmp_path, checkpoint_every=1, watch=Watch({2}, stop))
    resumed = fit(small.recipe(), clinic, folder=tmp_path)
    assert torch.equal(weights(resumed), weights(trained))
    assert resumed.history.series == trained.history.series


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_it_trains_in_every_precision(clinic, precision):
    """At the smallest profile's size: of 2 x 2 x 2 voxels torch's bf16 convolution on a CPU has a random gradient."""
    run = fit(small.recipe(patch=16, steps=1), clinic, precision=precision)
    assert torch.isfinite(weights(run)).all()


# -- two processes


def two_processes(which, tmp_path, cache):
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "-m"]
    command += ["tests.methods.worker", which, tmp_path / "out", cache]
    result = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr[-3000:]
    return [torch.load(tmp_path / f"out.{rank}") for rank in range(2)]


def test_two_processes_hold_identical_weights(clinic_cache, tmp_path):
    first, second = two_processes("d2net", tmp_path, clinic_cache)
    assert torch.equal(first["weights"], second["weights"]) and first["history"] == second["history"]


def test_two_processes_train_as_one_with_the_doubled_batch(clinic, clinic_cache, tmp_path):
    """Without the losses that count a class's voxels over a whole batch, which is each process's own: Dice and both
    cross-entropies. Contrast and reconstruction are means over what is there, here the same in every block."""
    two, start = two_processes("d2net-means", tmp_path, clinic_cache)[0], []
    one = fit(small.WORKERS["d2net-means"](), clinic, watch=Watch({0}, lambda step, run: start.append(weights(run))))
    assert set(two["history"]) == set(small.recipe().losses) - set(small.CLASS_WEIGHTED)
    for name, values in one.history.series.items():
        assert two["history"][name] == pytest.approx(values, abs=1e-5, rel=1e-5), name
    # Adam makes whole steps of gradients that are all rounding, so single weights may differ: measured against the way.
    assert (two["weights"] - weights(one)).norm() < 0.01 * (weights(one) - start[0]).norm()


# -- files


def test_a_saved_model_segments_the_same(clinic, trained, tmp_path):
    model = load(trained.save(tmp_path / "d2net.safetensors"))
    images = clinic.volume(7)["images"]
    for keep in (None, "t1", ("t1ce", "flair")):
        assert torch.equal(model.segment(images, keep), trained.model.segment(images, keep))
    assert not any(module.training for module in model.modules())


def test_a_brats_folder_on_disk(tmp_path):
    """Whole volumes, three folds, labels 1, 2 and 4; one patient has no labels, another no T1ce."""
    write_folder(Clinic(), tmp_path / "BraTS")
    how = {"subjects": "all", "px": 16, "slices": "all", "scaling": "zscore", "jobs": 1}
    cohort = data.load("brats", tmp_path / "BraTS", cache=tmp_path / "cache", split="d2net-1", **how)
    run = fit(small.recipe(steps=1), cohort)
    tested = [k for k in cohort.subset("test").numbers if cohort.subjects[k].labelled]
    cases = sum(2 ** sum(cohort.subjects[k].present) - 1 for k in tested)
    assert len(run.metrics) == cases and {row["subject"] for row in run.metrics} == set(tested)
    assert all(0 <= row[f"dice_{region}"] <= 1 for row in run.metrics for region in ("wt", "tc", "et"))
