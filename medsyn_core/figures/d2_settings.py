"""Dice against settings of D²-Net, one setting a panel: figure 8, and tables III, VI, VIII and IX as pictures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from medsyn_core.evaluation import compare
from medsyn_core.experiments import d2
from medsyn_core.experiments.d2_scores import by_weight
from medsyn_core.experiments.results import ExhibitError, Results
from medsyn_core.figures import style
from medsyn_core.figures.picture import Picture
from medsyn_core.training import Recipe

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Cases = Mapping[float | str, Sequence[float]]
"""A setting's value -> Dice in % of each test subject, always the same subjects in the same order."""
LOSSES = {
    "spatial_contrast": r"$L_{sc}$",
    "frequency_contrast": r"$L_{fc}$",
    "reconstruction": r"$L_{rec}$",
    "feature_distillation": r"$L_{kd\_feature}$",
    "logit_distillation": r"$L_{kd\_logit}$",
}
"""The losses of figure 8, as the paper writes them."""
ONE_SEED = (
    "One seed each: how much another training of the same recipe would differ is not in these pictures. Bars: 95 % "
    "interval of the mean difference from the ringed value over test subjects, whose differences are paired."
)


def cases(found: Results, setting: Callable[[Recipe], float | str], rows: Sequence[str] | None = None) -> Cases:
    """What recorded rows (default: all) say of one setting, such as `lambda recipe: recipe.method.layers`: its values,
    ascending where they are numbers, and the first seed's Dice of each subject."""
    made = {setting(found.plan.row(row).recipe(found.profile)): row for row in rows or found.records}
    order = sorted(made) if all(isinstance(value, int | float) for value in made) else list(made)
    return {value: found.values(made[value], "dice")[0] for value in order}


def weighed(found: Results) -> dict[str, Cases]:
    """What recorded rows say of the weight of each loss, as `weights` takes it; a row that is not recorded is left
    out, and so is a loss with nothing to compare. Raises ExhibitError where that is all of them."""
    every = {
        term: {w: found.values(row, "dice")[0] for w, row in by_weight(name).items() if row in found.records}
        for name, term in d2.TERMS.items()
    }
    several = {term: values for term, values in every.items() if len(values) > 1}
    if not several:
        raise ExhibitError(f"no loss is recorded at another weight than the recipe's; make them: {found.command()}.")
    return several


def weights(values: Mapping[str, Cases], chosen: float = 1.0) -> Picture:
    """D²-Net F8: mean Dice of the three regions against the weight of each loss, the others staying at 1.

    values: loss -> weight -> Dice in % of each test subject, over all choices of modalities. Raises ValueError as
    `settings` does.
    """
    return settings(
        values,
        dict.fromkeys(values, chosen),
        caption=f"D²-Net F8: Dice against the weight of each loss, the other weights being {chosen:g}. {ONE_SEED}",
        titles=LOSSES,
        label="weight",
    )


@style.styled
def settings(
    values: Mapping[str, Cases],
    chosen: Mapping[str, float | str],
    *,
    caption: str,
    titles: Mapping[str, str] | None = None,
    label: str = "",
) -> Picture:
    """A panel a setting: the mean of each of its values, the recipe's own ringed; all panels share their scale.

    values: setting -> its cases; chosen: setting -> the value to ring and to compare with; titles: of panels that are
    not called as the setting; label: below each panel. Numbers stand where they belong on their axis, words side by
    side. Raises ValueError where a chosen value is not there, or its subjects are not those of the others.
    """
    if not values:
        raise ValueError("values is empty; give at least one setting.")
    titles = {name: (titles or {}).get(name, name) for name in values}
    wide = 2 if len(values) == 4 else min(len(values), 3)
    high = -(-len(values) // wide)
    fig = style.figure(0.5 + 2.3 * wide, 0.3 + 2.2 * high)
    axes = fig.subplots(high, wide, sharey=True, squeeze=False)
    for ax in axes.flat[len(values) :]:
        ax.remove()
    told = []
    for ax, (name, found) in zip(axes.flat, values.items(), strict=False):
        told.append(f"{name.replace('_', ' ')} {_panel(ax, name, found, chosen[name])}")
        ax.set(title=titles[name], xlabel=label)
    for ax in axes[:, 0]:
        ax.set_ylabel("mean Dice [%]")
    return Picture(
        fig,
        alt=f"Mean Dice in % against {len(values)} settings of D²-Net, one seed; in brackets how much more than at the "
        f"recipe's own value, which is ringed, and the 95 % interval of that. {'. '.join(told)}",
        caption=caption,
    )


def _panel(ax: Axes, name: str, values: Cases, chosen: float | str) -> str:
    """One setting's dots; what it says in words."""
    if chosen not in values:
        raise ValueError(f"{name!r} has no value {chosen!r}; it has {', '.join(map(str, values))}.")
    own, lines = values[chosen], []
    numbers = all(isinstance(value, int | float) for value in values)
    places = list(values) if numbers else range(len(values))
    means = [float(np.mean(found)) for found in values.values()]
    ax.plot(places, means, color=style.GREY, linewidth=1, zorder=1)
    for place, mean, (value, found) in zip(places, means, values.items(), strict=True):
        if len(found) != len(own):
            raise ValueError(f"{name!r}: {value} has {len(found)} subjects, {chosen} has {len(own)}; give the same.")
        ring = value == chosen
        ax.plot(place, mean, "o", color=style.BLUE, markersize=6)
        said = f"{value}: {mean:.1f}"
        if ring:
            ax.plot(place, mean, "o", markersize=13, markerfacecolor="none", color=style.VERMILION)
            said += " (ringed)"
        else:
            against = compare([list(found)], [list(own)])
            low, high = (np.mean(own) + end for end in (against.low, against.high))
            ax.plot([place] * 2, [low, high], color=style.BLUE, linewidth=2, alpha=0.6)
            said += f" ({against.mean:+.1f}, {against.low:+.1f} to {against.high:+.1f})"
        lines.append(said)
    turned = {} if numbers else {"rotation": 30, "ha": "right", "rotation_mode": "anchor"}
    ax.set_xticks(list(places), [f"{v:g}" if numbers else v for v in values], **turned)
    ax.margins(x=0.15, y=0.15)
    return ", ".join(lines)
