"""A short training that can be stopped at any step and keeps the best networks that it has seen."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from torch import Tensor

from medsyn_core.experiments.metrics import METRICS, Metric
from medsyn_core.training import Recipe, Run, Watch

LOOKS, SUBJECTS = 5, 2
HEADLINES = ("psnr", "dice")


class _Stopped(Exception):
    """Leaves a run from its watch, between two steps."""


class Trial:
    """One training of a recipe, scored on a few validation subjects; the networks with the best score are kept.

    looks: how often they are scored, evenly over the run, its untrained start and its end included; subjects: the first
    so many of the validation set, always the same. The score is the mean over their directions of PSNR, or of Dice
    where the method segments. The training is the recipe's own, to the bit: looking changes nothing.

    step: steps done; metric: what is scored; scores: (step, score) of every look; best: the best of them; run: what is
    trained, with the best networks in it once `train` is over. Raises ValueError for a cohort without validation set.
    """

    def __init__(
        self, recipe: Recipe, cohort: Any, seed: int = 0, looks: int = LOOKS, subjects: int = SUBJECTS
    ) -> None:
        self.recipe, self.cohort, self.seed = recipe, cohort, seed
        held = cohort.subset("val")
        self.held = cohort.select(held.numbers[:subjects], "val")
        steps = recipe.training.steps
        self.places = {round(k * steps / max(looks - 1, 1)) for k in range(looks)} | {0, steps}
        self.step, self.scores = 0, []
        self.metric: Metric | None = None
        self.run: Run | None = None
        self._kept: dict[str, dict[str, Tensor]] = {}
        self._asked = threading.Event()

    def stop(self) -> None:
        """Ask for the end, from any thread: it comes before the next step, after a last look."""
        self._asked.set()

    @property
    def stopped(self) -> bool:
        """Whether the end was asked for."""
        return self._asked.is_set()

    @property
    def best(self) -> tuple[int, float] | None:
        """(step, score) of the networks that are kept; of equal ones the first; None before the first look."""
        sign = 1 if self.metric is None or self.metric.higher else -1
        return max(self.scores, key=lambda look: sign * look[1], default=None)

    def train(self, tell: Callable[[Trial], Any] = lambda trial: None, precision: str = "32-true") -> Run:
        """Train until the end or until `stop`, and give back the run with the best networks.

        tell: is called with this trial before every step and at the end. What the training raises is raised, with the
        best networks so far in `run`.
        """

        def look(step: int, run: Run) -> None:
            self.step, self.run = step, run
            if step in self.places or self.stopped:
                self._score(run)
            tell(self)
            if self.stopped:
                raise _Stopped

        every = Watch(range(self.recipe.training.steps + 1), look)
        try:
            self.recipe.fit(self.cohort, self.seed, precision=precision, progress=False, watch=every)
        except _Stopped:
            pass  # asked for: what it has learnt until now is the answer
        finally:
            for name, state in self._kept.items():
                self.run.networks[name].load_state_dict(state)
        return self.run

    def _score(self, run: Run) -> None:
        rows = run.recipe.method.evaluate(run.networks, self.held)
        if self.metric is None:
            self.metric = next(m for m in map(METRICS.get, HEADLINES) if set(m.parts or (m.key,)) <= set(rows[0]))
        values = [self.metric.read(row) for row in rows]
        self.scores.append((self.step, sum(values) / len(values)))
        if self.best == self.scores[-1]:
            self._kept = {
                name: {key: value.detach().clone() for key, value in network.state_dict().items()}
                for name, network in run.networks.items()
            }
