"""How D²-Net's codes and features lie: t-SNE at several perplexities, and silhouettes of what was mapped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

from medsyn_core.data.volume import MODALITIES, NAMES
from medsyn_core.experiments.results import Results
from medsyn_core.figures import style
from medsyn_core.figures.picture import Picture
from medsyn_core.figures.point_maps import evenly, scatter
from medsyn_core.figures.recorded import kept, of_row
from medsyn_core.losses.modality_contrast import amplitude

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CLASSES = {"background": style.GREY, "NCR": style.REGION["NCR"], "ED": style.REGION["ED"], "ET": style.REGION["ET"]}
CODES = {"base": "neither", "spatial": "spatial", "frequency": "frequency", "sfmc": "both"}
"""Rows of figure 6, by what is contrasted."""
FEATURES = {"no-td": "without TD stage", "full": "with TD stage"}
"""Rows of figure 7."""
LIMIT = 3000  # points that silhouettes are taken of


class Sorted(NamedTuple):
    """Vectors of one run: values (n, N), kind (n,) what each is of."""

    values: np.ndarray
    kind: np.ndarray

    def some(self, points: int) -> Sorted:
        """At most `points` of them, of each kind at most its part; always the same ones."""
        keep = evenly(self.kind, points)
        return Sorted(self.values[keep], self.kind[keep])


def caution(perplexities: Sequence[int]) -> str:
    """What a reader must not take from t-SNE."""
    return (
        "t-SNE keeps neighbours and little else: how far groups lie apart, how large and how dense they are and where "
        f"they stand mean nothing, and each perplexity ({', '.join(map(str, perplexities))}) gives another picture of "
        "the same numbers. The silhouettes beside are not taken from the maps but from what was mapped: 1 where a kind "
        "lies apart, 0 where it mixes, below 0 where another kind is nearer. Points are not independent: a subject "
        "gives many."
    )


def embed(values: np.ndarray, perplexity: int) -> np.ndarray:
    """(n, N) -> (n, 2) by t-SNE with cosines and one fixed state."""
    from sklearn.manifold import TSNE

    plane = TSNE(perplexity=perplexity, metric="cosine", init="pca", random_state=0)
    return plane.fit_transform(np.asarray(values, np.float32))


def silhouettes(values: np.ndarray, kind: np.ndarray) -> np.ndarray:
    """Silhouette of every vector among its own kind, by cosine: (n, N) and (n,) -> (n,) in -1 … 1.

    The mean over all of them is what `hifi_queries.silhouette` gives.
    """
    from sklearn.metrics import silhouette_samples

    return silhouette_samples(np.asarray(values, np.float32), kind, metric="cosine")


@dataclass(frozen=True)
class Maps:
    """D²-Net F6 and F7: a line a title, a column a perplexity, and at the right the silhouette of each kind.

    seen: title -> the vectors of a run; names: kind -> its name and colour; spaces: name -> what a silhouette is taken
    in, from the vectors; points: how many a map shows, at most. Maps are made when first asked for. Raises ValueError
    for arrays that do not fit, a kind without name, one kind alone, and too few points for a perplexity.
    """

    seen: Mapping[str, Sorted]
    names: Mapping[str, str]
    figure: str
    what: str
    spaces: Sequence[str] = ("vectors",)
    perplexities: tuple[int, ...] = (5, 30, 80)
    points: int = 320

    def __post_init__(self) -> None:
        for title, run in self.seen.items():
            self._check(title, run)

    def _check(self, title: str, run: Sorted) -> None:
        if np.ndim(run.values) != 2 or np.shape(run.kind) != np.shape(run.values)[:1]:
            raise ValueError(
                f"{title!r}: values {np.shape(run.values)}, kind {np.shape(run.kind)}; (n, N), (n,) are due."
            )
        kinds = np.unique(run.kind)
        if len(kinds) < 2 or kinds.max() >= len(self.names):
            raise ValueError(
                f"{title!r}: kinds {kinds.tolist()}; at least two of 0 … {len(self.names) - 1} are due "
                f"({', '.join(self.names)})."
            )
        count = len(run.some(self.points).kind)
        if count <= 3 * max(self.perplexities):
            raise ValueError(
                f"{title!r}: {count} points are too few for perplexity {max(self.perplexities)}; give more than "
                f"{3 * max(self.perplexities)}."
            )

    @cached_property
    def drawn(self) -> dict[str, Sorted]:
        """The points that are shown."""
        return {title: run.some(self.points) for title, run in self.seen.items()}

    @cached_property
    def embedded(self) -> dict[str, list[np.ndarray]]:
        """Title -> [perplexity] -> places in the plane, (n, 2)."""
        every = lambda run: [embed(run.values, perplexity) for perplexity in self.perplexities]
        return {title: every(run) for title, run in self.drawn.items()}

    @cached_property
    def each(self) -> dict[str, dict[str, np.ndarray]]:
        """Title -> space -> (n,) the silhouette of every vector, of at most `LIMIT`."""
        some = {title: run.some(LIMIT) for title, run in self.seen.items()}
        own = lambda run: {name: silhouettes(SPACES[name](run.values), run.kind) for name in self.spaces}
        return {title: own(run) for title, run in some.items()}

    @cached_property
    def scores(self) -> dict[str, dict[str, np.ndarray]]:
        """Title -> space -> (kinds,) mean silhouette of each kind, nan for one that does not occur."""
        found = {}
        for title, own in self.each.items():
            kind = self.seen[title].some(LIMIT).kind
            mean = lambda each, k, kind=kind: float(each[kind == k].mean()) if (kind == k).any() else np.nan
            found[title] = {
                name: np.array([mean(each, k) for k in range(len(self.names))]) for name, each in own.items()
            }
        return found

    @style.styled
    def picture(self) -> Picture:
        """The grid, silhouettes beside it, a legend of the kinds."""
        wide = len(self.perplexities)
        fig = style.figure(0.4 + 1.5 * wide + 2.3, 0.75 + 1.5 * len(self.seen))
        fig.set_dpi(192)  # of the dots, which as drawings would weigh megabytes
        axes = fig.subplots(len(self.seen), wide + 1, squeeze=False, width_ratios=[1.0] * wide + [1.35])
        colours = list(self.names.values())
        for (*maps, beside), (title, places) in zip(axes, self.embedded.items(), strict=True):
            for ax, flat in zip(maps, places, strict=True):
                scatter(ax, flat, [colours[k] for k in self.drawn[title].kind])
            maps[0].set_ylabel(title)
            self._silhouettes(beside, title)
        for ax, perplexity in zip(axes[0], self.perplexities, strict=False):
            ax.set_title(f"perplexity {perplexity}", fontsize=10)
        axes[0, -1].set_title("silhouette before mapping", fontsize=10)
        for ax in axes[:-1, -1]:
            ax.set_xticklabels([])
        handles = [axes[0, 0].plot([], [], "o", color=colour, label=name)[0] for name, colour in self.names.items()]
        fig.legend(handles=handles, loc="outside lower center", ncols=len(handles), handletextpad=0.1)
        return Picture(
            fig,
            alt=f"Maps of up to {self.points} {self.what} of each of {len(self.seen)} runs, points coloured by "
            f"{', '.join(self.names)}; perplexities {', '.join(map(str, self.perplexities))} in columns. Mean "
            f"silhouettes before mapping: {self._said()}",
            caption=f"D²-Net {self.figure}: t-SNE of {self.what} (seed 0). {caution(self.perplexities)}",
        )

    def _silhouettes(self, ax: Axes, title: str) -> None:
        """A line a space: a dot a kind, and a bar at the mean of all vectors, which the table has."""
        scores = self.scores[title]
        for line, (space, values) in enumerate(scores.items()):
            mean = self.each[title][space].mean()
            lanes = line + np.linspace(-0.2, 0.2, len(values))  # so that no dot hides another
            for value, lane, colour in zip(values, lanes, self.names.values(), strict=True):
                ax.plot(value, lane, "o", color=colour, markersize=6)
            ax.plot([mean] * 2, [line - 0.3, line + 0.3], color="black", linewidth=2, zorder=1)
            ax.text(1.1, line, f"{mean:.2f}", ha="left", va="center", fontsize=9)
        ax.axvline(0, color=style.GREY, linewidth=0.8)
        ax.set(xlim=(-1.05, 1.05), ylim=(len(scores) - 0.5, -0.5), xticks=(-1, 0, 1), yticks=range(len(scores)))
        ax.set_yticklabels(scores, rotation=90, va="center")
        ax.tick_params(axis="y", length=0)
        ax.grid(axis="y", visible=False)

    def _said(self) -> str:
        """Silhouettes in words: the mean over all vectors, then each kind's."""
        told = []
        for title, own in self.scores.items():
            for space, values in own.items():
                each = ", ".join(f"{name} {v:.2f}" for name, v in zip(self.names, values, strict=True))
                told.append(f"“{title}”, {space}: {self.each[title][space].mean():.2f} ({each})")
        return "; ".join(told)


def _spectra(codes: np.ndarray) -> np.ndarray:
    return amplitude(torch.from_numpy(np.asarray(codes, np.float32))).numpy()


SPACES = {"codes": np.asarray, "spectra": _spectra, "features": np.asarray}
"""Where silhouettes are taken: of the vectors as they are, or of their amplitude spectra (d2-3)."""


def code_maps(found: Results, rows: Mapping[str, str] = CODES) -> Maps:
    """D²-Net F6: codes of test slices by modality. rows: row -> title. Raises ExhibitError for what is not kept."""
    names = {NAMES[name]: style.MODALITY[name] for name in MODALITIES}
    runs = {title: of_row(found, row)[0] for row, title in rows.items()}
    seen = {title: Sorted(kept(record, "codes"), kept(record, "code_modality")) for title, record in runs.items()}
    return Maps(seen, names, "F6", "codes of axial slices", ("codes", "spectra"))


def feature_maps(found: Results, rows: Mapping[str, str] = FEATURES) -> Maps:
    """D²-Net F7: features of test voxels by class. rows: row -> title. Raises ExhibitError for what is not kept."""
    runs = {title: of_row(found, row)[0] for row, title in rows.items()}
    seen = {title: Sorted(kept(record, "features"), kept(record, "feature_class")) for title, record in runs.items()}
    return Maps(seen, CLASSES, "F7", "features of voxels", ("features",))
