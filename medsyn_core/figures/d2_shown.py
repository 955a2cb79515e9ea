"""D²-Net's segmentations beside images and truth: figures 1 and 5, from the slices that a run keeps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from medsyn_core.data.views import all_subsets
from medsyn_core.data.volume import LABELS, MODALITIES, NAMES, REGIONS
from medsyn_core.experiments.results import Results
from medsyn_core.figures import drawn, style
from medsyn_core.figures.gallery import PARTS, painted
from medsyn_core.figures.picture import Picture
from medsyn_core.figures.recorded import kept, of_row

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

Keep = Sequence[str]
CLEAREST = ("flair", "t1ce", "t2", "t1")
"""Whose image a segmentation is painted on: the first of these that the network saw."""
CASES = (("t1", "t1ce", "t2", "flair"), ("t1ce", "t2", "flair"), ("t1ce", "flair"), ("t1ce",))
"""The cases of the paper's figure 5."""
CELL = 1.25  # inches


def grey(image: np.ndarray, like: np.ndarray | None = None) -> np.ndarray:
    """An image (H, W) of any scale whose background is 0 as 0 … 1: from the 1st to the 99th percentile of what is not
    background, which stays black. like: another image, whose background and percentiles are taken instead."""
    image = np.asarray(image, np.float32)
    like = image if like is None else np.asarray(like, np.float32)
    if not like.any():
        return np.zeros(image.shape)
    low, high = np.percentile(like[like != 0], [1, 99])
    shown = np.clip((image - low) / max(high - low, 1e-6), 0, 1)
    return np.where(like != 0, 0.08 + 0.92 * shown, 0.0)  # the darkest tissue is not quite background


def over(images: np.ndarray, modalities: Keep, keep: Keep, labels: np.ndarray) -> np.ndarray:
    """Labels (H, W) painted on the clearest modality of a choice, (H, W, 3) in 0 … 1; images: (M, H, W)."""
    clearest = next(name for name in CLEAREST if name in keep)
    return painted(grey(images[modalities.index(clearest)]), labels)


def called(keep: Keep) -> str:
    """A choice of modalities as one reads it: "FLAIR, T1ce"."""
    return ", ".join(NAMES[name] for name in CLEAREST if name in keep)


def percents(dice: Sequence[float]) -> str:
    """Dice of WT, TC and ET, 0 … 1, as "WT 81 %, TC 64 %, ET 50 %"."""
    return ", ".join(f"{name} {100 * value:.0f} %" for name, value in zip(REGIONS, dice, strict=True))


@dataclass(frozen=True)
class Shown:
    """One slice of each of S subjects, segmented from every choice of modalities.

    images: (S, M, H, W), background 0; truth: (S, H, W) and labels: (S, C, H, W) in BraTS codes, choices in the order
    of `data.all_subsets`; dice: (S, C, 3) of the whole volumes, WT, TC, ET in 0 … 1; modalities: names of M. Raises
    ValueError for arrays that do not fit.
    """

    images: np.ndarray = field(repr=False)
    truth: np.ndarray = field(repr=False)
    labels: np.ndarray = field(repr=False)
    dice: np.ndarray = field(repr=False)
    modalities: tuple[str, ...] = MODALITIES

    def __post_init__(self) -> None:
        (many, *_), size = np.shape(self.images), np.shape(self.images)[-2:]
        due = {
            "images": (many, len(self.modalities), *size),
            "truth": (many, *size),
            "labels": (many, len(self.subsets), *size),
            "dice": (many, len(self.subsets), len(REGIONS)),
        }
        for name, shape in due.items():
            if np.shape(getattr(self, name)) != shape:
                raise ValueError(f"{name} has shape {np.shape(getattr(self, name))}; {shape} is due beside the images.")
        for name in ("truth", "labels"):
            if unknown := set(np.unique(getattr(self, name)).tolist()) - set(LABELS):
                codes = ", ".join(map(str, LABELS))
                raise ValueError(f"{name} holds {sorted(unknown)}; BraTS codes are {codes} (segmenter.as_codes).")

    def __len__(self) -> int:
        return len(self.images)

    @cached_property
    def subsets(self) -> tuple[tuple[str, ...], ...]:
        """Every choice of modalities, in the order of `labels`."""
        return all_subsets(self.modalities)

    def choice(self, keep: Keep) -> int:
        """The place of a choice among `labels`, whatever order it is named in. Raises ValueError for a modality that
        is not there, and for none at all."""
        if unknown := [name for name in keep if name not in self.modalities]:
            raise ValueError(f"keep={unknown[0]!r} was not shown; there are: {', '.join(self.modalities)}.")
        wanted = tuple(name for name in self.modalities if name in keep)
        if not wanted:
            raise ValueError("keep= is empty; at least one modality must stay.")
        return self.subsets.index(wanted)

    def image(self, subject: int, modality: str) -> np.ndarray:
        """(H, W) in 0 … 1."""
        return grey(self.images[subject, self.modalities.index(modality)])

    def true(self, subject: int) -> np.ndarray:
        """The labels over the clearest modality, (H, W, 3) in 0 … 1."""
        return over(self.images[subject], self.modalities, self.modalities, self.truth[subject])

    def segmented(self, subject: int, keep: Keep) -> np.ndarray:
        """What was segmented from a choice, over the clearest modality of it, (H, W, 3) in 0 … 1."""
        return over(self.images[subject], self.modalities, keep, self.labels[subject, self.choice(keep)])

    def scores(self, subject: int, keep: Keep) -> np.ndarray:
        """(3,) Dice from a choice."""
        return self.dice[subject, self.choice(keep)]


def shown(found: Results, row: str = "full") -> Shown:
    """What a row's seed 0 keeps. Raises ExhibitError where these results have no such row, or it keeps no slices."""
    record = of_row(found, row)[0]
    arrays = (kept(record, f"shown_{name}") for name in ("images", "truth", "labels", "dice"))
    return Shown(*arrays, modalities=tuple(record.data["modalities"]))


# -- figures 1 and 5


def single_modalities(seen: Shown, subject: int = 0) -> Picture:
    """D²-Net F1: one subject's truth, and what is segmented from each modality alone."""
    cases = [(name,) for name in CLEAREST if name in seen.modalities]
    return Picture(
        _figure(seen, [subject], cases),
        alt=f"One test subject: the truth, the {len(cases)} modalities, and below each what is segmented from it "
        f"alone. Dice of the whole volume: {_said(seen, subject, cases)}",
        caption="D²-Net F1: which modality shows which region. Each segmentation saw the one modality it is painted "
        f"on. {NOTE}",
    )


def missing_cases(seen: Shown, subjects: Sequence[int] = (0, 1), cases: Sequence[Keep] = CASES) -> Picture:
    """D²-Net F5: subjects segmented from fewer and fewer modalities."""
    fig = _figure(seen, subjects, cases)
    names = "; ".join(called(keep) for keep in cases)
    said = " ".join(f"Subject {k + 1}: {_said(seen, number, cases)}." for k, number in enumerate(subjects))
    many = f"{len(subjects)} test subject{'s' * (len(subjects) != 1)}"
    return Picture(
        fig,
        alt=f"{many}: of each the truth and its {len(seen.modalities)} modalities, below them "
        f"segmentations from {names}. Dice of the whole volume. {said.removesuffix('.')}",
        caption="D²-Net F5: the same network, from fewer and fewer modalities, each segmentation painted on the first "
        f"of FLAIR, T1ce, T2 and T1 that was there. {NOTE}",
    )


NOTE = (
    "Test subjects of the first fold with most enhancing tumour, so no average ones; the slice with most tumour core. "
    "Dice is of the whole volume."
)


def _said(seen: Shown, subject: int, cases: Sequence[Keep]) -> str:
    return "; ".join(f"{called(keep)}: {percents(seen.scores(subject, keep))}" for keep in cases)


@style.styled
def _figure(seen: Shown, subjects: Sequence[int], cases: Sequence[Keep]) -> Figure:
    """A block a subject: the truth, twice as large; the modalities; below them what was segmented from each case."""
    from matplotlib.patches import Patch

    if wrong := [k for k in subjects if not 0 <= k < len(seen)]:
        raise ValueError(f"subject {wrong[0]} is not shown; there are {len(seen)}, 0 … {len(seen) - 1}.")
    images = [name for name in CLEAREST if name in seen.modalities]
    fig = style.figure(CELL * (2.2 + max(len(images), len(cases))), 0.5 + (2 * CELL + 1.45) * len(subjects))
    for part, subject in zip(fig.subfigures(len(subjects), 1, squeeze=False)[:, 0], subjects, strict=True):
        _block(part, seen, subject, images, cases)
    fig.legend(
        handles=[Patch(color=colour, label=label) for label, (_, colour) in PARTS.items()],
        loc="outside lower left",
        ncols=len(PARTS),
        handlelength=1,
    )
    return fig


def _block(part: SubFigure, seen: Shown, subject: int, images: Sequence[str], cases: Sequence[Keep]) -> None:
    many = max(len(images), len(cases))
    grid = part.add_gridspec(2, many + 2)
    add = lambda where, picture, title: _image(part.add_subplot(where), picture, title)
    add(grid[:, :2], seen.true(subject), "truth").set_anchor("N")
    for column, name in enumerate(images, start=2):
        add(grid[0, column], seen.image(subject, name), NAMES[name])
    for column, keep in enumerate(cases, start=2):
        title = "all four" if len(keep) == len(seen.modalities) == 4 else called(keep).replace(", ", ",\n", 1)
        ax = add(grid[1, column], seen.segmented(subject, keep), f"from {title}")
        ax.set_xlabel("\n".join(percents(seen.scores(subject, keep)).split(", ")), fontsize=9)


def _image(ax: Axes, picture: np.ndarray, title: str) -> Axes:
    drawn.bare(ax).imshow(picture, vmin=0, vmax=1)
    ax.set_title(title, fontsize=10)
    return ax
