"""The memory-bank microscope: what HiFi-Syn's content and memory look like while a row trains, and when it is over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import permutations
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from medsyn_core.experiments import hifi_queries as queries
from medsyn_core.experiments import hifi_tissue
from medsyn_core.experiments.references import everything, four_slices
from medsyn_core.training import Recipe, Run, Watch, in_parts

LOOKS = 9
"""Looks at a run of seed 0, the first before it and the last after it; of other seeds the last alone."""


class Microscope:
    """Looks at a fixed sample of test queries, which have no labels when the bank is read.

    extra: "looks", a dict a look (step, purity, and of a bank entropy, dead and key_cosine); of the end "knn_accuracy",
    "silhouette", of a bank with structures "own_share", and with `tissue` the "tissue" of synthetic T1 (see
    `hifi_tissue.agreement`). arrays: the sampled queries; for seed 0 also four pictures in both directions, and of a
    bank its usage, its affinity maps of one slice, its slots' structures and the affinities of eight queries a
    structure.
    """

    def __init__(self, recipe: Recipe, cohort: Any, seed: int, tissue: bool = False):
        self.method, self.cohort, self.tissue = recipe.method, cohort, tissue
        self.last, self.first = recipe.training.steps, seed == 0
        looks = {round(part * self.last) for part in np.linspace(0, 1, LOOKS)} if self.first else {self.last}
        self.watch = Watch(tuple(sorted(looks)), self.look)
        self.extra: dict = {"looks": []}
        self.test = everything(cohort, "test", self.method.modalities)
        self.shown = four_slices(self.test)
        labels = (torch.from_numpy(self.test[name]) for name in ("tissue", "seg"))
        self.structure = replace(self.method, annotations=True).structure(*labels).numpy()  # (N, h, w)
        self.sample = queries.draw(self.structure, self.test["subject"], len(self.method.modalities))
        self._usage: list[np.ndarray] = []
        self._maps: list[np.ndarray] = []
        self._kept: dict[str, np.ndarray] = {}

    def look(self, step: int, run: Run) -> None:
        """Measure the sample before this step."""
        read = [self._read(run, m, self.sample.slices) for m in range(len(self.method.modalities))]
        features, affinity = (self.sample.take(np.stack(values)) for values in zip(*read, strict=True))
        bank = run.networks["memory"]
        scores: dict = {"step": step, "purity": queries.purity(features, self.sample.structure)}
        if affinity.shape[1]:
            scores |= {
                "entropy": queries.entropy(affinity),
                "dead": queries.dead_slots(affinity),
                "key_cosine": queries.mean_cosine(bank.keys.detach().float().cpu().numpy()),
            }
            self._usage.append(queries.usage(affinity))
            self._maps.append(self._map(run) if self.first else np.empty(0))
        self.extra["looks"].append(scores)
        if step == self.last:
            self._finish(run, features, affinity)

    def _finish(self, run: Run, features: np.ndarray, affinity: np.ndarray) -> None:
        sample, owners = self.sample, run.networks["memory"].structure.cpu().numpy()
        self.extra["knn_accuracy"] = queries.accuracy(features, sample.structure, sample.subject)
        self.extra["silhouette"] = queries.silhouette(features, sample.structure)
        if (owners >= 0).any():
            self.extra["own_share"] = queries.own_share(affinity, sample.structure, owners)
        if self.tissue:
            pair = hifi_tissue.SOURCE, hifi_tissue.TARGET
            self.extra["tissue"] = hifi_tissue.agreement(self._translated(run, *pair, slice(None)), self.cohort)
        self._kept = {
            "queries": features.astype(np.float16),  # (Q, C)
            "query_structure": sample.structure.astype(np.uint8),
            "query_subject": sample.subject.astype(np.int32),
            "query_modality": sample.modality.astype(np.uint8),
        }
        if self.first:
            self._keep(run, affinity, owners)

    def arrays(self, run: Run) -> Mapping[str, np.ndarray]:
        """What was kept."""
        return self._kept

    def _keep(self, run: Run, affinity: np.ndarray, owners: np.ndarray) -> None:
        shown = [self._translated(run, s, t, self.shown) for s, t in permutations(self.method.modalities, 2)]
        self._kept["shown"] = np.stack(shown).astype(np.float16)  # (directions, 4, H, W)
        if len(owners):
            some = self.sample.some()  # (structures, 8)
            self._kept |= {
                "bank": owners.astype(np.int8),  # (T,)
                "usage": np.stack(self._usage).astype(np.float32),  # (looks, T)
                "maps": np.stack(self._maps).astype(np.float16),  # (looks, h, w, T)
                "maps_structure": self.structure[self.shown[0]].astype(np.uint8),  # (h, w)
                "eight": some.astype(np.int32),
                "eight_affinity": affinity[some].astype(np.float16),  # (structures, 8, T)
            }

    def _map(self, run: Run) -> np.ndarray:
        """(h, w, T): who answers where in the first slice shown, of the first modality."""
        _, affinity = self._read(run, 0, self.shown[:1])
        return affinity[0].reshape(*self.structure.shape[1:], -1)

    @torch.no_grad()  # looking, not training
    def _read(self, run: Run, modality: int, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Content (n, h * w, C) of slices of one modality and its affinity to the slots (n, h * w, T), no labels."""
        content, memory = run.networks["content"], run.networks["memory"]

        class Reader(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.networks = nn.ModuleList((content, memory))

            def forward(self, image: Tensor) -> Tensor:
                z = content(image, modality)  # (B, C, h, w)
                return torch.cat([z.flatten(2).transpose(1, 2), memory.affinity(z)], dim=-1)  # (B, h * w, C + T)

        images = torch.from_numpy(self.test["images"][places, modality])[:, None]
        both = in_parts(Reader(), 32, images).numpy()
        slots = len(memory.structure)
        return both[..., : both.shape[-1] - slots], both[..., both.shape[-1] - slots :]

    def _translated(self, run: Run, source: str, target: str, places: np.ndarray | slice) -> np.ndarray:
        """(n, H, W) translations of test slices."""
        images = self.test["images"][places, self.method.modalities.index(source)]
        return run.model.translate(torch.from_numpy(images)[:, None], target)[:, 0].numpy()
