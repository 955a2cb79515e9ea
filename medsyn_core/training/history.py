"""What a run writes down at each step."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field


@dataclass
class History:
    """Unweighted loss values by term, one value a step (the last of the step's turns).

    series: term -> values, one for each entry of `steps`; seconds: wall time spent so far, resumed runs added up.
    """

    steps: list[int] = field(default_factory=list)
    series: dict[str, list[float]] = field(default_factory=dict)
    seconds: float = 0.0

    def record(self, step: int, values: dict[str, float]) -> None:
        """Append the values of one step; every step has the same terms."""
        self.steps.append(step)
        for name, value in values.items():
            self.series.setdefault(name, []).append(value)

    def last(self, window: int = 20) -> dict[str, float]:
        """The mean of each term over its last `window` steps."""
        return {name: sum(v[-window:]) / len(v[-window:]) for name, v in self.series.items() if v}

    def as_dict(self, points: int | None = None) -> dict:
        """Plain data; with `points`, each series is averaged over that many stretches of the run."""
        if points is None or len(self.steps) <= points:
            return {"steps": list(self.steps), "series": {k: list(v) for k, v in self.series.items()}}
        edges = [round(i * len(self.steps) / points) for i in range(points + 1)]
        spans = list(itertools.pairwise(edges))
        mean = lambda v: [sum(v[a:b]) / (b - a) for a, b in spans]
        return {"steps": [self.steps[b - 1] for _, b in spans], "series": {k: mean(v) for k, v in self.series.items()}}
