"""The memory-bank microscope: who answers where and which slots are used while a HiFi-Syn row trains.

Plain HTML over looks that a run left behind: it needs no kernel. What an image loses with a slot is in
`medsyn_core.figures.hifi_ablation`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from medsyn_core.data.volume import NAMES
from medsyn_core.experiments.hifi_queries import DEAD, NEIGHBOURS
from medsyn_core.experiments.results import Results
from medsyn_core.figures import style
from medsyn_core.figures.hifi import kept, of_row
from medsyn_core.figures.hifi_memory import COLOURS, groups, structure_names
from medsyn_core.figures.slider import FrameSlider

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LIMITS = (0.0, 1.1)
MEASURES = ("step", "entropy", "purity")


@dataclass(frozen=True)
class Looks:
    """L looks at a bank of T slots.

    image: (H, W) a slice; structure: (h, w) its structures at the content's size; maps: (L, h, w, T) affinities of its
    pixels, each summing to 1; usage: (L, T) mean affinities of a sample of queries; measures: of each look the step,
    entropy (mean of a read, nats) and purity (part of the nearest queries that lie in a query's own structure); owners:
    (T,) the structure of each slot, negative for common ones; structures: how many there are. Raises ValueError for
    shapes that do not fit and for looks that lack a measure.
    """

    image: np.ndarray
    structure: np.ndarray
    maps: np.ndarray
    usage: np.ndarray
    measures: Sequence[Mapping[str, float]]
    owners: np.ndarray
    structures: int = 4

    def __post_init__(self) -> None:
        count, slots = len(self.measures), len(self.owners)
        due = {"maps": (count, *np.shape(self.structure), slots), "usage": (count, slots)}
        for name, shape in due.items():
            if np.shape(getattr(self, name)) != shape:
                raise ValueError(
                    f"{name} has shape {np.shape(getattr(self, name))}; {count} looks at {slots} slots and a slice of "
                    f"{np.shape(self.structure)} need {shape}."
                )
        for k, measure in enumerate(self.measures):
            if lacking := [name for name in MEASURES if name not in measure]:
                raise ValueError(f"look {k} has no {lacking[0]!r}; the microscope shows {', '.join(MEASURES)}.")

    @property
    def blocks(self) -> dict[str, np.ndarray]:
        """Name of a group of slots -> its slots."""
        return groups(self.owners, self.structures)

    def answers(self, look: int) -> dict[str, np.ndarray]:
        """Group of slots -> how much of each pixel's read it gives, (h, w) in 0 … 1."""
        return {name: self.maps[look][..., slots].sum(axis=-1, dtype=np.float32) for name, slots in self.blocks.items()}

    def dead(self, look: int) -> np.ndarray:
        """Slots that are hardly used."""
        return np.flatnonzero(self.usage[look] < DEAD / len(self.owners))

    def of(self, measure: str) -> np.ndarray:
        """A measure over all looks, (L,)."""
        return np.array([look[measure] for look in self.measures], float)


def recorded(found: Results, row: str = "full") -> FrameSlider:
    """The microscope over a recorded row, seed 0; `found` must have "copy", whose slice is shown, too.

    Raises ExhibitError for rows that are not there or have no memory bank.
    """
    record, shared = of_row(found, row)[0], of_row(found, "copy")[0]
    items = record.config["method"]["items"]
    looks = Looks(
        image=kept(shared, "images")[0, 0].astype(np.float32),
        structure=kept(record, "maps_structure"),
        maps=kept(record, "maps"),
        usage=kept(record, "usage"),
        measures=record.extra["looks"],
        owners=kept(record, "bank"),
        structures=len(items),
    )
    modality = NAMES[record.config["method"]["modalities"][0]]
    return slider(looks, f"The memory bank of “{found.title(row)}” (seed 0), read without labels on a test {modality}.")


def slider(looks: Looks, caption: str) -> FrameSlider:
    """A frame a look. Above: the slice, its structures, and how much each group of slots answers where. Below: how much
    each slot is used, the entropy of reads, and the purity of neighbours, with the look's place in training."""
    steps = looks.of("step").astype(int)
    return FrameSlider(
        [frame(looks, k) for k in range(len(steps))],
        [f"step {step}" for step in steps],
        [said(looks, k) for k in range(len(steps))],
        caption=f"{caption} Entropy: of a read, at most that of reading all slots alike (dashed). Purity: part of a "
        f"query's {NEIGHBOURS} nearest in its own structure. Crosses: slots with less than {DEAD:.0%} of an even use.",
        start=len(steps) - 1,
    )


def said(looks: Looks, look: int) -> str:
    """The alt text of one frame."""
    now, slots, best = looks.measures[look], len(looks.owners), int(looks.usage[look].argmax())
    answers = ", ".join(f"{name} {100 * share.mean():.0f} %" for name, share in looks.answers(look).items())
    owner = next(name for name, own in looks.blocks.items() if best in own)
    most = 100 * looks.usage[look, best]
    return (
        f"Step {int(now['step'])}: a slice and how much of each pixel's read the groups of slots give, on average "
        f"{answers}. The most used of {slots} slots, number {best} ({owner}), gets {most:.0f} %, "
        f"{len(looks.dead(look))} are dead; entropy of a read {now['entropy']:.2f} of at most {np.log(slots):.2f} "
        f"nats; {100 * now['purity']:.0f} % of the nearest queries are of the same structure"
    )


@style.styled
def frame(looks: Looks, look: int) -> Figure:
    """One look; scales and axes are those of all looks, so that frames can be compared."""
    answers = looks.answers(look)
    above = 2 + len(answers)
    fig = style.figure(0.9 + 1.05 * above, 3.9)
    top, bottom = fig.subfigures(2, 1, height_ratios=(1.0, 1.35))
    axes = top.subplots(1, above)
    axes[0].imshow(looks.image, vmin=LIMITS[0], vmax=LIMITS[1])
    axes[0].set_title("slice")
    axes[1].imshow(_painted(looks))
    axes[1].set_title("structures")
    for ax, (name, share) in zip(axes[2:], answers.items(), strict=True):
        shown = ax.imshow(share, cmap=style.CONFIDENCE_MAP, vmin=0, vmax=1)
        ax.set_title(name)
    for ax in axes:
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
        ax.grid(False)
    top.colorbar(shown, ax=axes, label="part of the read", aspect=12).outline.set_visible(False)
    bars, *lines = bottom.subplots(1, 3, width_ratios=(2.2, 1, 1))
    _usage(bars, looks, look)
    steps, even = looks.of("step"), np.log(len(looks.owners))
    for ax, name, most in zip(lines, ("entropy", "purity"), (even, 1.0), strict=True):
        values = looks.of(name)
        ax.plot(steps, values, color=style.BLUE)
        ax.plot(steps[look], values[look], "o", color=style.VERMILION, markersize=8)
        ax.set(title=f"{name} {values[look]:.2f}", xlabel="step", ylim=(0, 1.08 * most))
    lines[0].axhline(even, color=style.GREY, linestyle="--", linewidth=1.2)
    return fig


def _painted(looks: Looks) -> np.ndarray:
    """The slice's structures in colour, (h, w, 3)."""
    from matplotlib.colors import to_rgb

    return np.array([to_rgb(COLOURS[name]) for name in structure_names(looks.structures)])[looks.structure]


def _usage(ax: Axes, looks: Looks, look: int) -> None:
    """A bar a slot in the colour of its structure; a cross on those that are dead."""
    usage, dead, blocks = looks.usage[look], looks.dead(look), looks.blocks
    for name, slots in blocks.items():
        ax.bar(slots, usage[slots], color=COLOURS[name], width=0.8)
    ax.plot(dead, usage[dead] + 0.03 * looks.usage.max(), "x", color=style.VERMILION, markersize=6)
    ax.axhline(1 / len(usage), color=style.GREY, linestyle="--", linewidth=1.2)
    ax.set_xticks([slots.mean() for slots in blocks.values()], blocks, rotation=25, ha="right", rotation_mode="anchor")
    ax.grid(axis="x", visible=False)
    ax.set(title=f"use of each slot, {len(dead)} dead", ylim=(0, 1.05 * float(looks.usage.max())))
