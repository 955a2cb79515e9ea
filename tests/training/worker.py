"""Train the toy in its own process: `python -m tests.training.worker OUT [FOLDER]`. Started by the tests below
torchrun and kill."""

import os
import sys

import torch

from medsyn_core.training import Watch
from tests.training.toy import Images, recipe, weights

out, folder = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None
pause = float(os.environ.get("TOY_PAUSE", "0"))
told = lambda step, run: (print(f"step {step}", flush=True), __import__("time").sleep(pause))
run = recipe(steps=20, batch_size=8).fit(
    Images(), progress=False, device="cpu", folder=folder, checkpoint_every=2, watch=Watch(range(20), told)
)
if int(os.environ.get("RANK", "0")) == 0:
    torch.save({"weights": weights(run), "l1": run.history.series["l1"]}, out)
