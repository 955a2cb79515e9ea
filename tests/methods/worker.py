"""Train the teacher in its own process: `python -m tests.methods.worker OUT CACHE`. Started below torchrun."""

import os
import sys

import torch

from tests.methods.small import fit, patients, teacher, weights

run = fit(teacher(guide="random").configure(steps=3), patients(sys.argv[2]))
if int(os.environ.get("RANK", "0")) == 0:
    torch.save({"weights": weights(run), "history": run.history.series}, sys.argv[1])
