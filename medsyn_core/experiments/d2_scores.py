"""Tables of D²-Net's exhibits: Dice and distances of volumes, costs, and how well codes and features are sorted."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from medsyn_core.data.views import all_subsets
from medsyn_core.data.volume import MODALITIES, NAMES
from medsyn_core.experiments import d2, d2_cost, ledger
from medsyn_core.experiments.exhibits import averaging, footing
from medsyn_core.experiments.hifi_queries import NEIGHBOURS, accuracy, silhouette
from medsyn_core.experiments.metrics import METRICS
from medsyn_core.experiments.results import Results
from medsyn_core.experiments.tables import Table, p_value, written
from medsyn_core.methods import d2net
from medsyn_core.training import Recipe

Column = tuple[str, Callable[[Recipe], str]]
"""A heading, and what stands under it for a row's recipe."""

CHOICES = tuple("+".join(keep) for keep in all_subsets(MODALITIES))
"""The 15 choices of modalities, small ones first, as records name them."""
REGIONS = ("dice_wt", "dice_tc", "dice_et")
DICE = (*REGIONS, "dice")
DISTANCES = ("hd95_wt", "hd95_tc", "hd95_et", "assd_wt", "assd_tc", "assd_et")
EMPTY = (
    "Of a region that neither the answer nor the truth has, Dice is 100 % and the distance 0; of one that only one of "
    "them has, Dice is 0 and the distance the volume's diagonal."
)
FOLDS = (
    "Mean ± standard deviation over test subjects, each tested once, by the training of its fold (standard deviation "
    "over folds of their means)."
)
ONE_FOLD = (
    "Mean ± standard deviation over the test subjects of the first fold. One training a row: a difference between two "
    "rows may be the luck of either."
)


def choice(direction: str) -> str:
    """A choice of modalities as it is printed: "t1+t1ce" becomes "T1, T1ce"."""
    return ", ".join(NAMES.get(name, name) for name in direction.split("+"))


def spread(found: Results) -> str:
    """What a cell holds."""
    return FOLDS if found.seeds is None else ONE_FOLD


# -- scores


def score_table(
    id: str,
    found: Results,
    title: str = "",
    rows: Sequence[str] | None = None,
    metrics: Sequence[str] = DICE,
    against: str = "full",
    awaited: tuple[str, ...] = (),
    columns: tuple[Column, ...] = (),
    order: Callable[[Recipe], int] | None = None,
) -> Table:
    """Rows (default: all) with their scores over all choices of modalities and p of the last score against one of them;
    awaited: titles of the paper's rows that nobody has run; columns: beside the titles; order: of the rows."""
    recipe = lambda row: found.plan.row(row).recipe(found.profile)
    chosen = [row for row in rows or found.rows if row in found.rows]
    chosen = sorted(chosen, key=lambda row: order(recipe(row))) if order else chosen
    scores, last = [METRICS[key] for key in metrics], metrics[-1]
    made = [(f"{name} (not yet run)", *["–"] * (len(columns) + len(scores) + 2)) for name in awaited]
    for row in chosen:
        told = (found.title(row), *(write(recipe(row)) for _, write in columns))
        if row in found.missing:
            made.append((*told, *["–"] * (len(scores) + 2)))
            continue
        cells = (written(found.summary(row, m.key), m.decimals) for m in scores)
        alone = row == against or against in found.missing
        p = "–" if alone else p_value(found.compare(row, against, last).p)
        made.append((*told, *cells, str(found.summary(row, last).subjects), p))
    heads = ("method", *(head for head, _ in columns), *(f"{m.title} [{m.unit}]" for m in scores), "n", "p")
    compared = f"p: two-sided Wilcoxon signed-rank test of {METRICS[last].title} against {found.title(against)}."
    notes = (spread(found), *averaging(found), EMPTY, *([compared] * (len(chosen) > 1)), *footing(found))
    return Table(id, title or ledger_title(id), heads, tuple(made), notes)


def choices_table(id: str, found: Results, title: str, row: str = "full", choices: Sequence[str] = CHOICES) -> Table:
    """Dice of one row from each choice of modalities."""
    cell = lambda key, where: written(found.summary(row, key, where), METRICS[key].decimals)
    rows = tuple((choice(where), *(cell(key, where) for key in DICE)) for where in choices)
    heads = ("from", *(f"{METRICS[key].title} [{METRICS[key].unit}]" for key in DICE))
    count = f"n = {found.summary(row, 'dice').subjects} subjects in each line."
    return Table(id, title, heads, rows, (f"{spread(found)} {count}", EMPTY, *footing(found)))


def ledger_title(id: str) -> str:
    """What the ledger calls an exhibit."""
    return next(row.title for row in ledger.EXHIBITS if row.id == id)


# -- columns of settings


def negatives(recipe: Recipe) -> str:
    """How many negatives an anchor has, where the stack goes on to both sides."""
    return str(2 * recipe.method.reach * (len(recipe.method.modalities) - 1))


def parameters(recipe: Recipe) -> str:
    """Millions of parameters on the way to the answer."""
    return f"{d2_cost.of_answer(recipe)[0] / 1e6:.3f}"


def operations(recipe: Recipe) -> str:
    """Billions of operations of an answer."""
    return f"{d2_cost.of_answer(recipe)[1] / 1e9:.3f}"


OF_SAMPLES: tuple[Column, ...] = (("positives", lambda recipe: str(recipe.method.positives)), ("negatives", negatives))
OF_COST: tuple[Column, ...] = (("parameters [10⁶]", parameters), ("operations [10⁹]", operations))


# -- costs

COUNTED = (
    "Counted by torch.utils.flop_counter, of one block with all modalities: convolutions and matrix products, a "
    "multiplication and an addition being two operations. Answer: from the images to the student's segmentation. Step: "
    "all networks and losses, forwards and backwards."
)


def cost_table(id: str, found: Results) -> Table:
    """Parameters and operations at this profile's size and, of the answer, at the paper's."""
    cost = d2_cost.of_recipe(found.plan.row("full").recipe(found.profile))
    millions, billions = (lambda x: f"{x / 1e6:.3f}"), (lambda x: f"{x / 1e10:.4f}")
    answer = millions(cost.parameters), billions(cost.operations)
    rows = [(f"profile {found.profile}, {cost.patch}³", *answer, millions(cost.trained), billions(cost.step))]
    if found.profile != "gpu":
        paper = d2net.recipe("gpu")
        count, work = d2_cost.of_answer(paper)
        rows.append((f"the paper's size, {paper.method.patch}³", millions(count), billions(work), "–", "–"))
    heads = ("size", "parameters, answer [10⁶]", "operations, answer [10¹⁰]")
    heads += ("parameters, all [10⁶]", "operations, step [10¹⁰]")
    return Table(id, "parameters and operations", heads, tuple(rows), (COUNTED,))


# -- codes and features

OF_CODES = (
    "Codes of whole test volumes, of each third slice that shows brain, after one training each. Silhouette: how much "
    "nearer, by cosine, codes are to their own modality than to the next, -1 to 1. Told by neighbours: how often the "
    f"{NEIGHBOURS} nearest codes of other subjects name a code's modality, modalities counting alike."
)
OF_FEATURES = (
    "The student's last layer at voxels drawn from the test subjects' brains, from complete images, after one training "
    "each. Silhouette: how much nearer, by cosine, features are to their own class than to the next, -1 to 1."
)


def codes_table(id: str, found: Results) -> Table:
    """How well codes are sorted by modality."""
    rows = []
    for row in found.rows:
        if row in found.missing:
            rows.append((found.title(row), "–", "–", "–"))
            continue
        kept = found.records[row][0].arrays()
        codes, modality = kept["codes"].astype(np.float32), kept["code_modality"]
        told = accuracy(codes, modality, kept["code_subject"])
        rows.append((found.title(row), f"{silhouette(codes, modality):.3f}", f"{told:.3f}", str(len(codes))))
    heads = ("method", "silhouette", "told by neighbours", "codes")
    return Table(id, ledger_title(id), heads, tuple(rows), (OF_CODES, *footing(found)))


def features_table(id: str, found: Results) -> Table:
    """How well features of voxels are sorted by class."""
    rows = []
    for row in found.rows:
        if row in found.missing:
            rows.append((found.title(row), "–", "–"))
            continue
        kept = found.records[row][0].arrays()
        score = silhouette(kept["features"].astype(np.float32), kept["feature_class"])
        rows.append((found.title(row), f"{score:.3f}", str(len(kept["features"]))))
    return Table(id, ledger_title(id), ("method", "silhouette", "voxels"), tuple(rows), (OF_FEATURES, *footing(found)))


# -- weights


def by_weight(name: str) -> dict[float, str]:
    """Weight of a loss of `d2.TERMS` -> the row that was trained with it, the others weighing 1; ascending."""
    own = {weight: f"{name}-{weight:g}" for weight in d2.WEIGHED}
    return dict(sorted((own | {1.0: "full"}).items()))


def weights_table(id: str, found: Results) -> Table:
    """Mean Dice against the weight of each loss."""
    of = lambda row: "–" if row in found.missing else written(found.summary(row, "dice"), METRICS["dice"].decimals)
    rows = tuple((term.replace("_", " "), *map(of, by_weight(name).values())) for name, term in d2.TERMS.items())
    heads = ("weight of", *(f"{weight:g}" for weight in by_weight("spatial")))
    title = f"{METRICS['dice'].title} [{METRICS['dice'].unit}] against the weight of each loss"
    count = f"n = {found.summary('full', 'dice').subjects} subjects; the other losses weigh 1."
    return Table(id, title, heads, rows, (f"{spread(found)} {count}", *averaging(found), EMPTY, *footing(found)))
