"""Which samples a turn sees: a function of the seed and of the turn's number, so that a resumed run needs no
memory."""

from __future__ import annotations

import numpy as np
import torch

_SAMPLES, _DRAWS, _TORCH = 0, 1, 2  # purposes: each has its own stream of random numbers


def _entropy(seed: int, *key: int) -> int:
    return int(np.random.SeedSequence([seed, *key]).generate_state(1, np.uint64)[0] >> np.uint64(1))


class Sampler:
    """Endless shuffled passes over `length` samples, cut into batches of `size`; batch t never depends on batch
    t - 1.

    Raises ValueError if there are no samples.
    """

    def __init__(self, length: int, size: int, seed: int):
        if length < 1:
            raise ValueError("the training subset has no samples; give the cohort more subjects or another split")
        self.length, self.size, self.seed = length, size, seed
        self._epoch, self._order = -1, np.arange(0)

    def __call__(self, turn: int) -> np.ndarray:
        """Indices (size,) of the turn-th batch, counted from 0."""
        places = range(turn * self.size, (turn + 1) * self.size)
        return np.array([self._permutation(place // self.length)[place % self.length] for place in places])

    def _permutation(self, epoch: int) -> np.ndarray:
        if epoch != self._epoch:
            self._order = np.random.default_rng(_entropy(self.seed, _SAMPLES, epoch)).permutation(self.length)
            self._epoch = epoch
        return self._order


def draws_generator(seed: int, turn: int) -> torch.Generator:
    """The generator of one turn's per-sample draws (the whole batch's, whatever the number of processes)."""
    return torch.Generator().manual_seed(_entropy(seed, _DRAWS, turn))


def torch_seed(seed: int, turn: int, rank: int) -> int:
    """What torch's global generator is set to before a turn: a dropout layer differs between processes and
    repeats after a resume."""
    return _entropy(seed, _TORCH, turn, rank)
