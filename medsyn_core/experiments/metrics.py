"""The scores that tables print, and what a paper claims of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from medsyn_core.evaluation.lpips import VARIABLES


@dataclass(frozen=True)
class Metric:
    """How a score is written: key in a record's metrics, heading, unit, decimals, whether higher is better,
    the smallest difference worth naming, and what to say where records lack it (empty: they never do).

    scale: what a recorded number is multiplied by to be in the unit; parts: keys whose mean it is, where it is recorded
    as such; headline: whether the log of a training says it.
    """

    key: str
    title: str
    unit: str
    decimals: int
    higher: bool
    smallest: float
    absent: str = ""
    scale: float = 1.0
    parts: tuple[str, ...] = ()
    headline: bool = False

    @property
    def step(self) -> str:
        """The unit of a difference: of per cent, percentage points."""
        return "pp" if self.unit == "%" else self.unit

    def read(self, scores: Mapping[str, float | None]) -> float | None:
        """Its value in one row of a record's metrics, in its unit; None where the row has none."""
        found = [scores[key] for key in self.parts or (self.key,)]
        there = [value for value in found if value is not None]
        return self.scale * sum(there) / len(found) if len(there) == len(found) else None


NO_LPIPS = (
    "LPIPS is not among these scores: it needs the weights of a trained backbone and of its heads, which are not "
    f"shipped. Name both files in {' and '.join(VARIABLES)} and record the rows again."
)
TRANSLATION = tuple(
    m
    for kind, where in (("", ""), ("_brain", ", brain"), ("_tumour", ", tumour"), ("_box", ", tumour box"))
    for m in (
        Metric(f"mae{kind}", f"MAE{where}", "grey levels of 255", 2, False, 0.25),
        Metric(f"psnr{kind}", f"PSNR{where}", "dB", 2, True, 0.1, headline=not kind),
        Metric(f"ssim{kind}", f"SSIM{where}", "", 3, True, 0.005, headline=not kind),
    )
)
SEGMENTATION = tuple(
    m
    for name in ("wt", "tc", "et")
    for m in (
        Metric(f"dice_{name}", f"Dice {name.upper()}", "%", 1, True, 1.0, scale=100, headline=True),
        Metric(f"hd95_{name}", f"HD95 {name.upper()}", "mm", 1, False, 1.0),
        Metric(f"assd_{name}", f"ASSD {name.upper()}", "mm", 1, False, 0.5),
    )
)
MEAN_DICE = Metric("dice", "Dice, mean", "%", 1, True, 1.0, scale=100, parts=("dice_wt", "dice_tc", "dice_et"))
LPIPS = Metric("lpips", "LPIPS", "", 4, False, 0.002, NO_LPIPS)
METRICS = {m.key: m for m in (*TRANSLATION, LPIPS, *SEGMENTATION, MEAN_DICE)}


@dataclass(frozen=True)
class Claim:
    """A paper's claim "row a is better than row b" in one metric. paper: its own numbers, in words.

    It is judged over subjects, paired: where all seeds test the same ones by `significance.RULE`, seeds paired by their
    number; where each seed is a fold with subjects of its own by `folds.RULE`, every subject counted once.

    margin, in the metric's unit: the claim is that a is less than this much worse than b. beyond, another metric: the
    claim is that a's gain over b is larger in `metric` than in this one. directions: of these alone; empty for all.
    than, other directions: the claim is that a's gain over b is larger in `directions` than in these, or, where b is
    empty, that a itself is better in `directions` than in these. where: directions in words, where they are many.
    """

    text: str
    a: str
    b: str
    metric: str
    paper: str
    margin: float = 0.0
    beyond: str | None = None
    directions: tuple[str, ...] = ()
    than: tuple[str, ...] = ()
    where: str = ""

    @property
    def rows(self) -> tuple[str, ...]:
        """Rows that it speaks of; of "best of …" all that may be the best."""
        return (self.a, *self.b.removeprefix("best of ").split(", ")) if self.b else (self.a,)

    @property
    def less(self) -> tuple[str, tuple[str, ...]] | None:
        """Where the claim is that one gain is larger than another, metric and directions of that other one."""
        if self.beyond:
            return self.beyond, self.directions
        return (self.metric, self.than) if self.than and self.b else None

    @property
    def gain(self) -> Claim | None:
        """Where the claim is that one gain is larger than another, the claim that there is the first at all."""
        return replace(self, beyond=None, than=()) if self.less else None
