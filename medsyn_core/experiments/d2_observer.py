"""What the figures of D²-Net need of a trained run: codes, features of voxels, and segmented slices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from medsyn_core.data.views import all_subsets
from medsyn_core.data.volume import REGIONS, region
from medsyn_core.methods.d2net_step import CLASSES, D2Trace
from medsyn_core.methods.segmenter import as_classes
from medsyn_core.training import Recipe, Run

KEPT = ("codes", "features", "shown")
EVERY = 3
"""Of the slices that show brain, each third gives its codes: neighbours say nearly the same."""
VOXELS = 400
"""Most voxels of a class whose features are kept."""
SHOWN = 3


class Keeper:
    """Keeps arrays of a run of seed 0 when it is over; `what` of them, see `KEPT`.

    codes: codes (n, N), code_modality and code_subject (n,), of test subjects' whole volumes. features: features (n, C)
    of the student's last layer at voxels inside the brain, from complete images, feature_class (n,) in 0 … 3. shown:
    shown_images (3, M, H, W), shown_truth (3, H, W) and shown_labels (3, 15, H, W) in BraTS codes, one slice of each of
    three subjects and of it what is seen from each choice of modalities, in the order of `all_subsets`; shown_subject
    (3,), shown_dice (3, 15, 3) of their whole volumes, WT, TC and ET.
    """

    watch = None

    def __init__(self, recipe: Recipe, cohort: Any, seed: int, what: Sequence[str] = ()):
        self.method, self.cohort = recipe.method, cohort
        self.what = tuple(what) if seed == 0 else ()
        self.extra: dict = {}

    def arrays(self, run: Run) -> Mapping[str, np.ndarray]:
        """What is kept of the run."""
        makers = {"codes": self._codes, "features": self._features, "shown": self._shown}
        kept: dict[str, np.ndarray] = {}
        for name in self.what:
            kept |= makers[name](run)
        return kept

    def _subjects(self, whole: bool = False) -> list[int]:
        """Numbers of labelled test subjects; whole: of those alone that have all modalities."""
        subjects = ((number, self.cohort.subjects[number]) for number in self.cohort.subset("test").numbers)
        return [number for number, info in subjects if info.labelled and (all(info.present) or not whole)]

    def _volume(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """A subject's images (M, D, H, W) float32 and its labels (D, H, W) in BraTS codes."""
        volume = self.cohort.volume(number)
        return np.asarray(volume["images"], np.float32), np.asarray(volume["seg"])

    @torch.no_grad()  # looking, not training
    def _codes(self, run: Run) -> dict[str, np.ndarray]:
        encoder, found, modalities, subjects = run.networks["modality_encoder"], [], [], []
        device = next(encoder.parameters()).device
        for number in self._subjects():
            images, _ = self._volume(number)
            there = np.flatnonzero(self.cohort.subjects[number].present)
            slices = np.flatnonzero(images.any(axis=(0, 2, 3)))[::EVERY]
            codes, _ = encoder(torch.from_numpy(images[:, slices])[None].to(device))  # (1, M, G, N)
            codes = codes[0].float().cpu().numpy()[there]
            found.append(codes.reshape(-1, codes.shape[-1]))  # (M * G, N), modality by modality
            modalities.append(np.repeat(there, len(slices)))
            subjects.append(np.full(len(there) * len(slices), number))
        return {
            "codes": np.concatenate(found).astype(np.float16),
            "code_modality": np.concatenate(modalities).astype(np.uint8),
            "code_subject": np.concatenate(subjects).astype(np.int16),
        }

    @torch.no_grad()  # looking, not training
    def _features(self, run: Run) -> dict[str, np.ndarray]:
        numbers = self._subjects(whole=True)
        share = -(-VOXELS // len(numbers))
        found: list[list[np.ndarray]] = [[] for _ in range(CLASSES)]
        for number in numbers:
            images, seg = self._volume(number)
            features = self._last_layer(run, images)  # (C, D, H, W)
            classes = as_classes(torch.tensor(seg)).numpy()
            rng = np.random.default_rng([0, number])
            for label, kept in enumerate(found):
                places = np.argwhere((classes == label) & images.any(axis=0))
                some = places[rng.permutation(len(places))[:share]]  # (n, 3)
                kept.append(features[:, *some.T].T)  # (n, C)
        each = [np.concatenate(kept)[:VOXELS] for kept in found]
        return {
            "features": np.concatenate(each).astype(np.float16),
            "feature_class": np.repeat(np.arange(CLASSES), [len(kept) for kept in each]).astype(np.uint8),
        }

    def _last_layer(self, run: Run, images: np.ndarray) -> np.ndarray:
        """Features of the student's last layer over a whole volume of all modalities, (C, D, H, W)."""
        from monai.inferers import sliding_window_inference

        device = next(run.networks["student"].parameters()).device
        everything = torch.ones(1, len(images), device=device)

        def layer(blocks: torch.Tensor) -> torch.Tensor:
            given = {"images": blocks, "present": everything.expand(len(blocks), -1)}
            return D2Trace(run.networks, self.method, given).student.layers[-1]

        volume = torch.from_numpy(images)[None].to(device)
        return sliding_window_inference(volume, (self.method.patch,) * 3, 8, layer, mode="gaussian")[0].cpu().numpy()

    def _shown(self, run: Run) -> dict[str, np.ndarray]:
        subsets, model = all_subsets(self.method.modalities), run.model
        numbers = self._subjects(whole=True)
        size = {number: int(region(self._volume(number)[1], "ET").sum()) for number in numbers}
        chosen = sorted(numbers, key=lambda number: (-size[number], number))[:SHOWN]
        dice = {(row["direction"], row["subject"]): [row[f"dice_{r.lower()}"] for r in REGIONS] for row in run.metrics}
        pictures, truth, labels = [], [], []
        for number in chosen:
            images, seg = self._volume(number)
            place = int(region(seg, "TC").sum(axis=(1, 2)).argmax())
            pictures.append(images[:, place])
            truth.append(seg[place])
            labels.append([model.segment(images, keep)[place].numpy() for keep in subsets])
        return {
            "shown_images": np.stack(pictures).astype(np.float16),
            "shown_truth": np.stack(truth).astype(np.uint8),
            "shown_labels": np.array(labels, np.uint8),
            "shown_subject": np.array(chosen, np.int16),
            "shown_dice": np.array([[dice["+".join(keep), n] for keep in subsets] for n in chosen], np.float16),
        }
