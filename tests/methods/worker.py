"""Train the teacher, HiFi-Syn or D²-Net in its own process: `python -m tests.methods.worker WHICH OUT CACHE`. Started
below torchrun; rank k writes OUT.k."""

import os
import sys

import torch

from tests.methods import small, small_clinic, small_d2net
from tests.methods.small import buffers, fit, weights

which, out, cache = sys.argv[1:]
recipe = (small.WORKERS | small_d2net.WORKERS)[which]()
run = fit(recipe, (small_clinic.clinic if which in small_d2net.WORKERS else small.patients)(cache))
state = {"weights": weights(run), "buffers": buffers(run), "history": run.history.series}
torch.save(state, f"{out}.{os.environ.get('RANK', '0')}")
