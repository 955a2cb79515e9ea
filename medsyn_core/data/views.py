"""What a training loop sees of a cohort: paired, unpaired, or incomplete slices as torch tensors."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from .cohort import Cohort, Subset
from .splits import rank


class _View(Dataset):
    """Slices by place in the view. `batch(indices)` is one fancy read an array; `view[i]` is that without its batch
    axis."""

    def __init__(self, cohort: Cohort, rows: np.ndarray) -> None:
        self._cohort, self._rows = cohort, rows

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, i: int) -> dict[str, Tensor]:
        if not -len(self) <= i < len(self):
            raise IndexError(f"slice {i} of a view of {len(self)}")
        return {name: value[0] for name, value in self.batch([i]).items()}

    def batch(self, indices: Sequence[int] | Tensor) -> dict[str, Tensor]:
        raise NotImplementedError

    def _common(self, rows: np.ndarray) -> dict[str, Tensor]:
        """brain (B, 1, H, W) float 0/1, seg and tissue (B, H, W), subject and index (B,), the last four int64."""
        cohort = self._cohort
        return {
            "brain": torch.from_numpy(cohort.brain[rows].astype(np.float32)[:, None]),  # (B, 1, H, W)
            "seg": torch.from_numpy(cohort.seg[rows].astype(np.int64)),
            "tissue": torch.from_numpy(cohort.tissue[rows].astype(np.int64)),
            "subject": torch.from_numpy(cohort.subject[rows].astype(np.int64)),
            "index": torch.from_numpy(rows.astype(np.int64)),
        }

    def _images(self, rows: np.ndarray, modalities: int | np.ndarray | slice) -> Tensor:
        """(B, 1, H, W) float32 of one modality (a number, or one a row); (B, M, H, W) of all for a slice."""
        picked = self._cohort.images[rows, modalities].astype(np.float32)
        return torch.from_numpy(picked if picked.ndim == 4 else picked[:, None])  # (B, H, W) -> (B, 1, H, W)


def _rows(subset: Subset, wanted: Sequence[int]) -> np.ndarray:
    return subset.indices[np.isin(subset.cohort.subject[subset.indices], list(wanted))]


class Paired(_View):
    """Slices of the subjects that have both modalities.

    Keys: source, target, brain (B, 1, H, W) float32; seg, tissue (B, H, W), subject, index (B,) int64, where
    index is the slice's place in the cohort. Raises ValueError if no subject has both.
    """

    def __init__(self, subset: Subset, source: str, target: str) -> None:
        cohort = subset.cohort
        self.source, self.target = cohort.modality(source), cohort.modality(target)
        both = [
            k
            for k in subset.numbers
            if cohort.subjects[k].present[self.source] and cohort.subjects[k].present[self.target]
        ]
        if not both:
            raise ValueError(f"no subject of the {subset.name} set has both {source} and {target}.")
        super().__init__(cohort, _rows(subset, both))

    def batch(self, indices: Sequence[int] | Tensor) -> dict[str, Tensor]:
        rows = self._rows[np.asarray(indices)]
        return {
            "source": self._images(rows, self.source),
            "target": self._images(rows, self.target),
            **self._common(rows),
        }


class Unpaired(_View):
    """UTAD-Net's rule: every subject gives one modality and never another.

    The modality is drawn once by sha256(seed | subject), balanced over those present. Keys: image, brain
    (B, 1, H, W) float32; modality, subject, index (B,), seg, tissue (B, H, W) int64. `drawn` maps a subject's id
    to its modality. Only `oracle`, for evaluation, reaches the others.
    """

    def __init__(self, subset: Subset, seed: int = 0) -> None:
        super().__init__(subset.cohort, subset.indices)
        self._of = draw_modalities(subset, seed)
        self.modalities = subset.cohort.modalities
        self.drawn = {subset.cohort.subjects[k].id: self.modalities[m] for k, m in self._of.items()}

    def batch(self, indices: Sequence[int] | Tensor) -> dict[str, Tensor]:
        rows = self._rows[np.asarray(indices)]
        modality = np.array([self._of[int(k)] for k in self._cohort.subject[rows]], np.int64)  # (B,)
        return {
            "image": self._images(rows, modality),
            "modality": torch.from_numpy(modality),
            **self._common(rows),
        }

    def oracle(self, indices: Sequence[int] | Tensor) -> dict[str, Tensor]:
        """What training must not see: images (B, M, H, W) of the same slices in all modalities, present (B, M)."""
        rows = self._rows[np.asarray(indices)]
        return {"images": self._images(rows, slice(None)), "present": _present(self._cohort, rows)}


def draw_modalities(subset: Subset, seed: int, among: Sequence[int] | None = None) -> dict[int, int]:
    """Subject number -> modality number, one each; where all are present no two counts differ by more than 1.

    among: modality numbers to choose from, None for all; subjects with none of them are left out.
    """
    cohort, taken, drawn = subset.cohort, np.zeros(len(subset.cohort.modalities), int), {}
    wanted = np.array([among is None or m in among for m in range(len(taken))])
    able = [k for k in subset.numbers if (cohort.subjects[k].present & wanted).any()]
    order = sorted(able, key=lambda k: rank(seed, cohort.subjects[k].id))
    # Subjects with fewer modalities choose first, so that the others can fill what they leave.
    for k in sorted(order, key=lambda k: (cohort.subjects[k].present & wanted).sum()):
        there = np.flatnonzero(cohort.subjects[k].present & wanted)
        ties = [m for m in there if taken[m] == taken[there].min()]
        drawn[k] = int(ties[rank(seed, f"{cohort.subjects[k].id}|modality") % len(ties)])
        taken[drawn[k]] += 1
    return drawn


class UnpairedTwo(_View):
    """Slices of one modality beside slices of another, never of the same subject.

    Every subject gives one of both, drawn as in `Unpaired`. An index stands for a pair of slices: all pairs are there.
    Keys: image_i, brain_i (B, 1, H, W) float32, seg_i, tissue_i (B, H, W), subject_i, index_i (B,) int64 of the first
    modality, and the same with _j of the second. Raises ValueError if nobody is left to show one of them.
    """

    def __init__(self, subset: Subset, first: str, second: str, seed: int = 0) -> None:
        cohort = subset.cohort
        self.modalities = (cohort.modality(first), cohort.modality(second))
        drawn = draw_modalities(subset, seed, self.modalities)
        self._sides = [_rows(subset, [k for k, m in drawn.items() if m == modality]) for modality in self.modalities]
        for name, rows in zip((first, second), self._sides, strict=True):
            if not len(rows):
                raise ValueError(f"no subject of the {subset.name} set is left to show {name}; it needs at least two.")
        super().__init__(cohort, np.arange(len(self._sides[0]) * len(self._sides[1])))

    def batch(self, indices: Sequence[int] | Tensor) -> dict[str, Tensor]:
        places = np.divmod(np.asarray(indices), len(self._sides[1]))
        found: dict[str, Tensor] = {}
        for side, rows, place, modality in zip("ij", self._sides, places, self.modalities, strict=True):
            here = {"image": self._images(rows[place], modality), **self._common(rows[place])}
            found |= {f"{name}_{side}": value for name, value in here.items()}
        return found


class Missing(_View):
    """All modalities with some taken away, as D²-Net's "null matrices".

    Give either keep, the modalities that stay (subjects with none of them are left out), or p, the chance of each
    to be dropped (never all), drawn from (seed, epoch, slice), so that `set_epoch` gives a fresh draw and the same
    one on every machine. Keys: images (B, M, H, W) float32 with absent ones 0; present (B, M) float32; complete
    (B, M, H, W) the images before dropping; brain, seg, tissue, subject, index as in `Paired`.
    """

    def __init__(
        self, subset: Subset, keep: Sequence[str] | None = None, p: float | None = None, seed: int = 0
    ) -> None:
        if (keep is None) == (p is None):
            raise ValueError("give either keep= (modalities that stay) or p= (chance to drop each).")
        if p is not None and not 0 <= p < 1:
            raise ValueError(f"p={p!r} must be at least 0 and below 1.")
        if keep is not None and not keep:
            raise ValueError("keep= is empty; at least one modality must stay.")
        cohort = subset.cohort
        self.p, self.seed, self.epoch = p, seed, 0
        self._kept = None if keep is None else [cohort.modality(name) for name in keep]
        usable = self._kept or range(len(cohort.modalities))
        able = [k for k in subset.numbers if any(cohort.subjects[k].present[m] for m in usable)]
        if not able:
            raise ValueError(f"no subject of the {subset.name} set has any of {', '.join(keep or ())}.")
        super().__init__(cohort, _rows(subset, able))

    def set_epoch(self, epoch: int) -> None:
        """Draw anew which modalities are dropped."""
        self.epoch = epoch

    def batch(self, indices: Sequence[int] | Tensor) -> dict[str, Tensor]:
        rows = self._rows[np.asarray(indices)]
        there = _present(self._cohort, rows)  # (B, M)
        present = there * torch.stack([self._stays(row, has) for row, has in zip(rows, there, strict=True)])
        complete = self._images(rows, slice(None))
        return {
            "images": torch.where(present[:, :, None, None] > 0, complete, 0.0),
            "present": present,
            "complete": complete,
            **self._common(rows),
        }

    def _stays(self, row: int, there: Tensor) -> Tensor:
        """(M,) float32: 1 where a modality of this slice may stay; there: (M,), 1 where the subject has it."""
        if self._kept is not None:
            return torch.tensor([m in self._kept for m in range(len(there))], dtype=torch.float32)
        draws = torch.from_numpy(np.random.default_rng([self.seed, self.epoch, int(row)]).random(len(there)))
        # The highest draw of a modality that is there always stays: an input without any image teaches nothing.
        return (draws >= min(self.p, float((draws * there).max()))).float()


def _present(cohort: Cohort, rows: np.ndarray) -> Tensor:
    table = np.array([info.present for info in cohort.subjects], np.float32)  # (subjects, M)
    return torch.from_numpy(table[cohort.subject[rows]])  # (B, M)


def all_subsets(modalities: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """Every non-empty choice of modalities, small ones first: the 15 cases of D²-Net for four."""
    return tuple(c for size in range(1, len(modalities) + 1) for c in combinations(modalities, size))
