"""Tables of what is measured beside image quality: tissue of synthetic T1, and how content and memory tell structures
apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from medsyn_core.evaluation import RULE, compare, summary, verdict
from medsyn_core.experiments import ledger
from medsyn_core.experiments.exhibits import SPREAD, UNRECORDED, footing, in_every_seed
from medsyn_core.experiments.hifi_queries import DEAD, NEIGHBOURS
from medsyn_core.experiments.hifi_tissue import COMPARED
from medsyn_core.experiments.plan import Reference
from medsyn_core.experiments.records import Record
from medsyn_core.experiments.results import Results
from medsyn_core.experiments.tables import ANSWER, Table, p_value, written

# -- tissue of synthetic T1

TISSUE = {
    f"{name.lower()}_{kind}": f"{name} {title}" for name in COMPARED for kind, title in (("dice", "Dice"), ("vs", "VS"))
}
"""Score -> its heading."""
AGAINST = {
    "real": ("_real", "the tissue of the real T1"),
    "labels": ("", "the labels that the phantom's images are made from"),
}
TISSUE_PAPER = {
    "gm_dice": "89.9 against 87.3 for DRIT++ (Table 3)",
    "gm_vs": "97.5 against 94.1 for DRIT++ (Table 3)",
    "wm_dice": "90.3 against 88.3 for DRIT++ (Table 3)",
    "wm_vs": "98.3 against 96.6 for DRIT++ (Table 3)",
}
SMALLEST_POINTS = 1.0
"""Of 100; the smallest difference of Dice or volumetric similarity worth naming."""
HOW = (
    "Synthetic and real T1 are each segmented by themselves, by a Gaussian mixture with a hidden Markov random field "
    "(DIPY), the method of FSL's FAST without its bias field. VS: volumetric similarity."
)


def tissue(found: Results, row: str, score: str) -> np.ndarray:
    """(seeds, subjects) of a score of `hifi_tissue.agreement`, in per cent."""
    return 100 * np.array([[line[score] for line in _lines(record)] for record in found.records[row]])


def _lines(record: Record) -> list[dict]:
    """One dict a subject: a trained row has them beside its metrics, a reference among them."""
    return record.extra.get("tissue") or [m for m in record.metrics if set(TISSUE) <= set(m)]


def tissue_table(id: str, found: Results, against: str, awaited: tuple[str, ...] = ()) -> Table:
    """Dice and volumetric similarity of GM and WM, rows as in the plan; against: of `AGAINST`."""
    ending, words = AGAINST[against]
    rows = []
    for row in found.rows:
        there = row not in found.missing
        cells = (written(summary(tissue(found, row, key + ending)), 1) if there else "–" for key in TISSUE)
        rows.append((found.title(row), *cells))
    first = sum(isinstance(found.plan.row(row), Reference) for row in found.rows)
    rows[first:first] = [(f"{name} (not yet run)", *["–"] * len(TISSUE)) for name in awaited]
    subjects = f"n = {tissue(found, 'full', 'gm_dice').shape[1]} test subjects."
    heads = ("method", *(f"{title} [%]" for title in TISSUE.values()))
    title = f"tissue of T1 from T2, against {words}"
    return Table(id, title, heads, tuple(rows), (HOW, f"{SPREAD} {subjects}", *footing(found)))


def tissue_claims(id: str, found: Results) -> Table:
    """Whether the full method's tissue is nearer to that of the real T1 than its backbone's."""
    rows = []
    for key, title in TISSUE.items():
        words = ("The synthetic T1 of HiFi-Syn keeps more tissue than its backbone's", TISSUE_PAPER[key], title)
        if "baseline" in found.missing:
            rows.append((*words, "–", "–", "–", UNRECORDED))
            continue
        ours, theirs = (tissue(found, row, f"{key}_real") for row in ("full", "baseline"))
        c = compare(ours, theirs)
        measured = f"{c.mean:+.1f} [{c.low:+.1f}, {c.high:+.1f}]"
        rows.append((*words, measured, p_value(c.p), str(c.subjects), verdict(ours - theirs, SMALLEST_POINTS)))
    columns = ("claim", "the paper's numbers [%]", "in", "full – baseline [%, 95 %]", "p", "n", ANSWER)
    smallest = f"Smallest difference worth naming: {SMALLEST_POINTS:g} of 100."
    return Table(id, "the claims of the paper", columns, tuple(rows), (RULE, smallest, *footing(found)))


# -- one number a run


@dataclass(frozen=True)
class Score:
    """How a number of a run is written: key in its `extra` or in its last look, heading, decimals; paper: its own
    words on it, empty where it has none."""

    key: str
    title: str
    decimals: int
    paper: str = ""

    def __call__(self, record: Record) -> float | None:
        """Its value, None where a run has none: no bank, or one without structures."""
        return {**record.extra["looks"][-1], **record.extra}.get(self.key)


AFFINITIES = (
    Score("own_share", "share of its own structure", 3, "brighter on the diagonal with PGD (Fig. 8)"),
    Score("entropy", "entropy [nats]", 2),
    Score("dead", "dead slots", 1),
    Score("key_cosine", "cosine of keys", 3),
)
FEATURES = (
    Score("knn_accuracy", "told by neighbours", 3, "clusters lie apart with PGD (Fig. 9)"),
    Score("silhouette", "silhouette", 3, "clusters lie apart with PGD (Fig. 9)"),
    Score("purity", "purity of neighbours", 3),
)
WITH, WITHOUT = "full", "full-no-pixel"
SEEDS = "Mean (standard deviation over seeds). All on one sample of test queries, the same for every row."
OF_AFFINITIES = (
    "Read as at test time, without labels. Share of its own structure: of the affinity that goes to slots of a "
    "structure, what goes to those of the query's. Dead: given less than "
    f"{DEAD:g} of an even share. Cosine of keys: of each with all others."
)
OF_FEATURES = (
    f"Of the features themselves, by cosine. Told by neighbours: how often the {NEIGHBOURS} nearest queries of other "
    "subjects name a query's structure, structures counting alike. Purity: share of the "
    f"{NEIGHBOURS} nearest queries, whosever, that lie in its structure."
)
SEED_RULE = (
    "One number a run allows no test. Yes: at least three seeds, and PGD is ahead in each of them. No: at least three, "
    "and in none. Not decided: everything else."
)


def of_runs(found: Results, score: Score) -> dict[str, np.ndarray]:
    """Row -> (seeds,) of a score, for the rows that have it."""
    values = {row: [score(record) for record in seeds] for row, seeds in found.records.items()}
    return {row: np.array(numbers) for row, numbers in values.items() if None not in numbers}


def _table(id: str, found: Results, scores: tuple[Score, ...], note: str) -> Table:
    columns = []
    for score in scores:
        values = of_runs(found, score)
        means = {row: written(summary(numbers[:, None]), score.decimals) for row, numbers in values.items()}
        columns.append([means.get(row, "–") for row in found.rows])
    rows = tuple(zip(map(found.title, found.rows), *columns, strict=True))
    title = next(row.title for row in ledger.EXHIBITS if row.id == id)
    return Table(id, title, ("method", *(score.title for score in scores)), rows, (SEEDS, note, *footing(found)))


def _claims(id: str, found: Results, scores: tuple[Score, ...], text: str) -> Table:
    rows = []
    for score in (score for score in scores if score.paper):
        words = (text, score.paper, score.title)
        if WITHOUT in found.missing:
            rows.append((*words, "–", "–", UNRECORDED))
            continue
        values = of_runs(found, score)
        ahead = values[WITH] - values[WITHOUT]  # (seeds,)
        gaps = ", ".join(f"{gap:+.{score.decimals}f}" for gap in ahead)
        rows.append((*words, gaps, f"{(ahead > 0).sum()} of {len(ahead)}", in_every_seed(ahead)))
    columns = ("claim", "the paper", "in", "with – without, each seed", "ahead in", ANSWER)
    return Table(id, "the claim of the paper", columns, tuple(rows), (SEED_RULE, *footing(found)))


def affinity_table(id: str, found: Results) -> Table:
    """How banks are read: on the query's own structure, how evenly, and how alike their keys are."""
    return _table(id, found, AFFINITIES, OF_AFFINITIES)


def affinity_claims(id: str, found: Results) -> Table:
    """Whether PGD makes queries read the slots of their own structure."""
    return _claims(id, found, AFFINITIES, "With PGD, queries read the slots of their own structure more")


def feature_table(id: str, found: Results) -> Table:
    """How well content is sorted by structure."""
    return _table(id, found, FEATURES, OF_FEATURES)


def feature_claims(id: str, found: Results) -> Table:
    """Whether PGD sorts content by structure."""
    return _claims(id, found, FEATURES, "With PGD, content of different structures lies further apart")
