"""Train the teacher, or HiFi-Syn, in its own process: `python -m tests.methods.worker WHICH OUT CACHE`. Started below
torchrun; rank k writes OUT.k."""

import os
import sys

import torch

from tests.methods.small import WORKERS, buffers, fit, patients, weights

which, out, cache = sys.argv[1:]
run = fit(WORKERS[which](), patients(cache))
state = {"weights": weights(run), "buffers": buffers(run), "history": run.history.series}
torch.save(state, f"{out}.{os.environ.get('RANK', '0')}")
