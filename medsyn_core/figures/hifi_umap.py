"""How content queries lie in feature space: HiFi-Syn's UMAP, and numbers of the features themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from medsyn_core.experiments.hifi_queries import NEIGHBOURS, accuracy, silhouette
from medsyn_core.figures import style
from medsyn_core.figures.hifi_memory import COLOURS, structure_names
from medsyn_core.figures.picture import Picture
from medsyn_core.figures.point_maps import evenly, scatter
from medsyn_core.figures.tables import Table, listing


class Queries(NamedTuple):
    """Content features of one run: features (N, C), structure of each (N,), subject of each (N,)."""

    features: np.ndarray
    kind: np.ndarray
    subject: np.ndarray

    def some(self, points: int) -> Queries:
        """At most `points` of them, of each structure at most its part; always the same ones."""
        keep = evenly(self.kind, points)
        return Queries(*(values[keep] for values in self))


def embed(features: np.ndarray, neighbours: int) -> np.ndarray:
    """(N, C) -> (N, 2) by UMAP with cosines and one fixed state."""
    import umap

    plane = umap.UMAP(n_neighbors=neighbours, metric="cosine", random_state=0, n_jobs=1)
    return plane.fit_transform(np.asarray(features, np.float32))


@dataclass(frozen=True)
class QueryMaps:
    """HiFi-Syn F9: UMAP of queries by structure: a line a seed, a column a number of neighbours, for each title.

    seen: title -> the queries of each seed; points: how many of them a map shows, at most. Maps are made when first
    asked for, once for picture and table. Raises ValueError for arrays that do not fit, for queries of one structure or
    one subject only, and for titles with different numbers of seeds.
    """

    seen: Mapping[str, Sequence[Queries]]
    neighbours: tuple[int, ...] = (5, 15, 50)
    points: int = 600
    structures: int = 4

    def __post_init__(self) -> None:
        for title, runs in self.seen.items():
            for seed, queries in enumerate(runs):
                self._check(f"{title!r}, seed {seed}", queries)
        if len({len(runs) for runs in self.seen.values()}) != 1 or not all(self.seen.values()):
            counts = ", ".join(f"{title!r} {len(runs)}" for title, runs in self.seen.items())
            raise ValueError(f"seeds differ: {counts}; give each title as many.")

    def _check(self, where: str, queries: Queries) -> None:
        if np.ndim(queries.features) != 2 or len({len(a) for a in queries}) > 1:
            shapes = ", ".join(f"{name} {np.shape(a)}" for name, a in queries._asdict().items())
            raise ValueError(f"{where}: {shapes}; (N, C), (N,) and (N,) are due.")
        for name in ("kind", "subject"):
            if len(np.unique(getattr(queries, name))) < 2:
                raise ValueError(f"{where}: all queries have one {name}; there is nothing to tell apart.")
        count = len(queries.some(self.points).kind)
        if count <= max(self.neighbours):
            raise ValueError(f"{where}: {count} queries have no {max(self.neighbours)} neighbours; give more.")

    @cached_property
    def drawn(self) -> dict[str, list[Queries]]:
        """The queries that are shown."""
        return {title: [queries.some(self.points) for queries in runs] for title, runs in self.seen.items()}

    @cached_property
    def embedded(self) -> dict[str, list[list[np.ndarray]]]:
        """Title -> [seed][neighbours] -> places in the plane, (N, 2)."""
        every = lambda queries: [embed(queries.features, near) for near in self.neighbours]
        return {title: [every(queries) for queries in runs] for title, runs in self.drawn.items()}

    @property
    def guessing(self) -> float:
        """How often a guess would name a query's structure, structures counting alike."""
        return 1 / self.structures

    @cached_property
    def scores(self) -> dict[str, dict[str, np.ndarray]]:
        """Title -> score -> one value a seed: "told", "silhouette", and "kept 5" … the trustworthiness of each map."""
        from sklearn.manifold import trustworthiness

        found = {}
        for title, runs in self.drawn.items():
            whole = [
                queries._replace(features=np.asarray(queries.features, np.float32)) for queries in self.seen[title]
            ]
            found[title] = {
                "told": [accuracy(*queries) for queries in whole],
                "silhouette": [silhouette(queries.features, queries.kind) for queries in whole],
            }
            for k, near in enumerate(self.neighbours):
                found[title][f"kept {near}"] = [
                    trustworthiness(
                        queries.features.astype(np.float32), maps[k], n_neighbors=NEIGHBOURS, metric="cosine"
                    )
                    for queries, maps in zip(runs, self.embedded[title], strict=True)
                ]
        return {title: {name: np.array(values) for name, values in own.items()} for title, own in found.items()}

    def table(self) -> Table:
        """Scores of the features, mean and spread over seeds, then how far each map can be trusted."""
        heads = {"told": "told by neighbours ↑", "silhouette": "silhouette ↑"}
        heads |= {f"kept {near}": f"trustworthiness, {near} ↑" for near in self.neighbours}
        rows = [{"": t} | {name: _spread(own[name]) for name in heads} for t, own in self.scores.items()]
        seeds = len(next(iter(self.drawn.values())))
        under = (
            f"*Mean ± standard deviation over {seeds} seeds. Told by neighbours: how often the {NEIGHBOURS} nearest "
            f"queries of other subjects name a query's structure, structures counting alike (guessing: "
            f"{self.guessing:.2f}). Silhouette: 1 where structures lie apart, 0 where they mix. Both are of the "
            "features, by cosine. Trustworthiness, of the maps with so many neighbours: 1 where neighbours in the map "
            "are neighbours in feature space.*"
        )
        return Table(listing(rows, {"": "method"} | heads, "l" + "r" * len(heads)).markdown, under)

    @style.styled
    def picture(self) -> Picture:
        """The grid, with a legend of the structures."""
        names, wide = structure_names(self.structures), len(self.neighbours)
        seeds = len(next(iter(self.drawn.values())))
        fig = style.figure(0.3 + 1.35 * wide * len(self.drawn), 1.1 + 1.35 * seeds)
        fig.set_dpi(192)  # of the dots, which as drawings would weigh megabytes
        parts = fig.subfigures(1, len(self.drawn), squeeze=False)[0]
        for part, (title, maps) in zip(parts, self.embedded.items(), strict=True):
            part.suptitle(title)
            axes = part.subplots(seeds, wide, squeeze=False)
            for seed, column in np.ndindex(axes.shape):
                ax, places, kind = axes[seed, column], maps[seed][column], self.drawn[title][seed].kind
                scatter(ax, places, [COLOURS[names[s]] for s in kind])
            for ax, near in zip(axes[0], self.neighbours, strict=True):
                ax.set_title(f"{near} neighbours", fontsize=10)
            if part is parts[0]:
                for seed, ax in enumerate(axes[:, 0]):
                    ax.set_ylabel(f"seed {seed}")
        handles = [parts[0].axes[0].plot([], [], "o", color=COLOURS[name], label=name)[0] for name in names]
        fig.legend(handles=handles, loc="outside lower center", ncols=len(names), handletextpad=0.1)
        told = ", ".join(f"“{title}” {own['told'].mean():.2f}" for title, own in self.scores.items())
        return Picture(
            fig,
            alt=f"Maps of up to {self.points} queries a run, points coloured by structure ({', '.join(names)}): "
            f"{seeds} seeds in lines, {', '.join(map(str, self.neighbours))} neighbours in columns. How often the "
            f"nearest in feature space name a query's structure: {told}; guessing: {self.guessing:.2f}",
            caption="HiFi-Syn F9: UMAP of content queries. Distances between clusters and their sizes mean little in "
            "such a map, so each seed is drawn with three numbers of neighbours; the table measures the features.",
        )


def _spread(values: np.ndarray) -> str:
    spread = f" ± {values.std(ddof=1):.2f}" if len(values) > 1 else ""
    return f"{values.mean():.2f}{spread}"
