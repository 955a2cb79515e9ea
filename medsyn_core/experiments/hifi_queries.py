"""Content pixels as the memory bank is asked by them: a fixed sample, and how well it is sorted by structure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

NEIGHBOURS = 10
DEAD = 0.1
"""A slot is dead that is given less than this share of what it would be given if all were used alike."""
LIMIT = 1000
SLICES = 4
EIGHT = 8


@dataclass(frozen=True)
class Sample:
    """Queries that measures are taken on, fixed by the data: the same for every row, seed and step.

    slices: (S,) places of the slices that they lie in; modality, place, pixel: (Q,) where each is, place being one of
    `slices` by its number there and pixel one of h * w; structure, subject: (Q,) what it is and whose.
    """

    slices: np.ndarray
    modality: np.ndarray
    place: np.ndarray
    pixel: np.ndarray
    structure: np.ndarray
    subject: np.ndarray

    def take(self, values: np.ndarray) -> np.ndarray:
        """(Q, C) of the queries from (modalities, S, h * w, C)."""
        return values[self.modality, self.place, self.pixel]

    def some(self, count: int = EIGHT) -> np.ndarray:
        """Queries of each structure, drawn at random: (structures, count) places in the sample; where a structure has
        fewer, some come twice."""
        rng = np.random.default_rng(0)
        groups = (rng.permutation(np.flatnonzero(self.structure == s)) for s in np.unique(self.structure))
        return np.stack([np.resize(group, count) for group in groups])


def draw(structure: np.ndarray, subject: np.ndarray, modalities: int, limit: int = LIMIT) -> Sample:
    """At most `limit` queries, as many of every structure of every subject in every modality as there are and fit.

    structure: (N, h, w) at the content's size; subject: (N,). They lie in the SLICES slices of a subject that show most
    structures: what is rare, such as a tumour, would else be hardly seen.
    """
    flat = structure.reshape(len(structure), -1)  # (N, h * w)
    kinds = np.array([len(np.unique(row)) for row in flat])
    best = lambda rows: rows[np.argsort(-kinds[rows], kind="stable")][:SLICES]
    slices = np.sort(np.concatenate([best(np.flatnonzero(subject == s)) for s in np.unique(subject)]))
    flat, owner = flat[slices], np.repeat(subject[slices][:, None], flat.shape[1], axis=1)  # (S, h * w) both
    cells = [(s, k) for s in np.unique(owner) for k in np.unique(flat[owner == s])]
    each = max(1, limit // (len(cells) * modalities))
    rng = np.random.default_rng(0)
    found = []
    for modality in range(modalities):
        for s, k in cells:
            own = np.argwhere((owner == s) & (flat == k))  # (many, 2)
            chosen = rng.permutation(own)[:each]
            found += [(modality, *where, k, s) for where in chosen]
    table = rng.permutation(np.array(found))[:limit]  # (Q, 5)
    return Sample(slices, *table.T)


def purity(features: np.ndarray, structure: np.ndarray, neighbours: int = NEIGHBOURS) -> float:
    """Share of each query's nearest other queries, by cosine, that lie in its structure, averaged; 1 is sorted.

    features: (Q, C); structure: (Q,).
    """
    likeness = _unit(features) @ _unit(features).T  # (Q, Q)
    np.fill_diagonal(likeness, -np.inf)
    count = min(neighbours, len(features) - 1)
    nearest = np.argpartition(-likeness, count - 1, axis=1)[:, :count]  # (Q, k)
    return float((structure[nearest] == structure[:, None]).mean())


def accuracy(features: np.ndarray, structure: np.ndarray, subject: np.ndarray, neighbours: int = NEIGHBOURS) -> float:
    """How often a query's nearest neighbours in other subjects name its structure: each structure counts alike.

    features: (Q, C); structure, subject: (Q,), of at least two subjects.
    """
    from sklearn.metrics import balanced_accuracy_score
    from sklearn.model_selection import LeaveOneGroupOut, cross_val_predict
    from sklearn.neighbors import KNeighborsClassifier

    fewest = len(subject) - max(np.bincount(subject))
    judge = KNeighborsClassifier(min(neighbours, fewest), metric="cosine", algorithm="brute")
    guessed = cross_val_predict(judge, features, structure, groups=subject, cv=LeaveOneGroupOut())
    return float(balanced_accuracy_score(structure, guessed))


def silhouette(features: np.ndarray, structure: np.ndarray) -> float:
    """How much nearer, by cosine, queries are to their own structure than to the next, -1 to 1."""
    from sklearn.metrics import silhouette_score

    return float(silhouette_score(features, structure, metric="cosine"))


# -- what a bank answers


def usage(affinity: np.ndarray) -> np.ndarray:
    """Mean affinity of each slot: (Q, T) -> (T,), which sums to 1."""
    return affinity.mean(axis=0)


def dead_slots(affinity: np.ndarray) -> int:
    """How many slots are given less than `DEAD` of an even share."""
    return int((usage(affinity) < DEAD / affinity.shape[1]).sum())


def entropy(affinity: np.ndarray) -> float:
    """Mean entropy of a query's affinities in nats, 0 to log T; (Q, T)."""
    return float(-(affinity * np.log(np.maximum(affinity, np.finfo(np.float32).tiny))).sum(axis=1).mean())


def own_share(affinity: np.ndarray, structure: np.ndarray, owners: Sequence[int]) -> float:
    """Of the affinity that goes to slots of some structure, the share that goes to those of the query's own.

    affinity: (Q, T); structure: (Q,); owners: (T,) the structure of each slot, negative for common ones. Structures
    count alike. A bank that is read evenly gives each structure its share of the slots.
    """
    owners = np.asarray(owners)
    own = (affinity * (owners == structure[:, None])).sum(axis=1)
    shares = own / np.maximum(affinity[:, owners >= 0].sum(axis=1), np.finfo(np.float32).tiny)
    return float(np.mean([shares[structure == s].mean() for s in np.unique(structure)]))


def mean_cosine(keys: np.ndarray) -> float:
    """Mean cosine of every key with every other: 1 where the bank has collapsed; (T, C), T at least 2."""
    cosines = _unit(keys) @ _unit(keys).T
    count = len(keys)
    return float((cosines.sum() - np.trace(cosines)) / (count * (count - 1)))


def _unit(rows: np.ndarray) -> np.ndarray:
    """Rows of length 1; a row of zeros stays one."""
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
