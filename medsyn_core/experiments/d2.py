"""The D²-Net plan: whole volumes of the phantom segmented from any of 15 choices of modalities, three folds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from medsyn_core.data.splits import FOLDS
from medsyn_core.experiments.cohorts import hash_volumes, load_volumes
from medsyn_core.experiments.d2_adversarial import adversarial
from medsyn_core.experiments.d2_alternatives import dense_kd, multi_kd
from medsyn_core.experiments.d2_observer import Keeper
from medsyn_core.experiments.plan import Plan, Row
from medsyn_core.methods import d2net
from medsyn_core.training import Recipe

Weights = Mapping[str, float]

TERMS = {
    "spatial": "spatial_contrast",
    "frequency": "frequency_contrast",
    "reconstruction": "reconstruction",
    "feature": "feature_distillation",
    "logit": "logit_distillation",
}
"""Names of rows -> the loss terms that the paper weighs against each other."""


def only(*names: str) -> Weights:
    """Weights that leave, of both contrasts and both distillations, these alone."""
    return {TERMS[name]: 0.0 for name in ("spatial", "frequency", "feature", "logit") if name not in names}


# -- recipes: from a profile to the recipe


def _edited(profile: str, weights: Weights, settings: Mapping[str, Any]) -> Recipe:
    return d2net.recipe(profile).edit(**weights).configure(**settings)


def _alternative(profile: str, name: str, term: Callable) -> Recipe:
    return d2net.recipe(profile).edit(**only()).add(name, term, player="segmenter")


def _with_critic(profile: str) -> Recipe:
    return adversarial(d2net.recipe(profile).edit(**only()))


def _nearby(profile: str, times: float) -> Recipe:
    whole = d2net.recipe(profile)
    return whole.configure(reach=int(whole.method.reach * times))


def _where(differs: Callable[[dict], bool]) -> tuple[str, ...]:
    """The profiles at whose sizes a row can be made and is not the full recipe's."""
    return tuple(name for name, sizes in d2net.SIZES.items() if differs(sizes))


# -- rows

FOLD = FOLDS["d2net"]
FIRST, SECOND, LAST = range(3)


def _row(name: str, title: str, weights: Weights, keep: tuple[str, ...], turn: int = FIRST, **settings: Any) -> Row:
    """A row of all folds."""
    recipe = partial(_edited, weights=weights, settings=settings)
    return Row(name, title, recipe, seeds=FOLD, turn=turn, observe=partial(Keeper, what=keep) if keep else None)


def _once(name: str, title: str, recipe: Callable[[str], Recipe], profiles: tuple[str, ...] | None = None) -> Row:
    """A row of one fold."""
    return Row(name, title, recipe, seeds=1, turn=LAST, profiles=profiles)


def _changed(name: str, title: str, profiles: tuple[str, ...] | None = None, **settings: Any) -> Row:
    return _once(name, title, partial(_edited, weights={}, settings=settings), profiles)


CODES = ("codes",)
COMPONENTS = (
    _row("full", "D²-Net", {}, ("codes", "features", "shown")),
    _row("base", "neither contrast nor distillation", only(), ("codes", "features")),
    _row("sfmc", "both contrasts (SFMC)", only("spatial", "frequency"), CODES),
    _row("kd", "both distillations (ADT-KD)", only("feature", "logit"), CODES),
    _row("spatial", "spatial contrast", only("spatial"), CODES),
    _row("frequency", "frequency contrast", only("frequency"), CODES),
    _row("feature", "feature distillation", only("feature"), CODES),
    _row("logit", "logit distillation", only("logit"), CODES),
)
"""The rows of the paper's table II."""

NO_TD = dict.fromkeys(("auxiliary", "consistency", "feature_distillation", "logit_distillation"), 0.0)
ALTERNATIVES = (
    _row("no-projection", "D²-Net without E_TM", {}, (), SECOND, project=False),
    Row("gan", "GAN: a critic of the reconstructions", _with_critic, seeds=FOLD, turn=SECOND),
    Row(
        "multi-kd",
        "Multi-KD: features of the same layers",
        partial(_alternative, name="multi_kd", term=multi_kd),
        seeds=FOLD,
        turn=SECOND,
    ),
    Row(
        "dense-kd",
        "Dense-KD: features of all pairs alike",
        partial(_alternative, name="dense_kd", term=dense_kd),
        seeds=FOLD,
        turn=SECOND,
    ),
    Row(
        "no-td",
        "D²-Net without the TD stage",
        partial(_edited, weights=NO_TD, settings={}),
        seeds=1,
        turn=SECOND,
        observe=partial(Keeper, what=("features",)),
    ),
)

POSITIVES = tuple(
    _changed(f"positives-{n}", f"{n} positives", _where(lambda s, n=n: n <= s["distance"]), positives=n)
    for n in (2, 4, 8)
)
NEGATIVES = tuple(
    _once(
        name,
        f"{said} the slices with negatives",
        partial(_nearby, times=times),
        _where(lambda s, times=times: 1 <= s["reach"] * times < s["patch"]),
    )
    for name, said, times in (("reach-1", "half", 0.5), ("reach-4", "twice", 2), ("reach-8", "four times", 4))
)
"""Named after the slices a side at the laptop's size, where the full recipe has 2; the paper's 4, 16 and 32 at its
own, where it has 8."""
LAYERS = tuple(
    _changed(
        f"layers-{n}",
        f"{n} layer{'s' * (n > 1)} distilled",
        _where(lambda s, n=n: n <= s["levels"] + 1 and n != s["layers"]),
        layers=n,
    )
    for n in range(1, max(sizes["levels"] for sizes in d2net.SIZES.values()) + 2)
)
LEVELS = tuple(
    _changed(f"level-{n}", f"frequency contrast of {'the image' if not n else f'maps of layer {n}'}", frequency_level=n)
    for n in range(d2net.D2Net().frequency_level)
)
STUDENTS = (
    _changed("student-half", "student with half the channels", shrink=2),
    _changed("student-quarter", "student with a quarter of the channels", shrink=4),
)
WEIGHED = (0.0, 0.5, 2.0)
WEIGHTS = tuple(
    _once(
        f"{name}-{weight:g}",
        f"{term.replace('_', ' ')} weighted {weight:g}",
        partial(_edited, weights={term: weight}, settings={}),
    )
    for name, term in TERMS.items()
    for weight in WEIGHED
)

PLAN = Plan(
    paper="d2",
    title="D²-Net: three folds of whole volumes, from any choice of modalities",
    rows=(*COMPONENTS, *ALTERNATIVES, *POSITIVES, *NEGATIVES, *LAYERS, *STUDENTS, *LEVELS, *WEIGHTS),
    cohort=load_volumes,
    data_hash=hash_volumes,
    precision="auto",
    split="d2net-{}".format,
    cases="choices of modalities",
)
