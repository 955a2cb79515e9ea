"""What a 3D training loop sees of a cohort: blocks cut out of subjects' volumes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from .cohort import Subset

PER_SUBJECT = 1000


def check_blocks(settings: Mapping[str, Any]) -> None:
    """Raise ValueError where blocks cannot be cut from volumes that are prepared by a cohort's `settings`."""
    if isinstance(settings["slices"], int):
        raise ValueError('blocks need neighbouring slices; load the cohort with slices="all" or "cubic".')
    if settings["scaling"] == "minmax":
        raise ValueError('a missing modality is 0, like the background; load the cohort with scaling="zscore".')


class Patches(Dataset):
    """Blocks of (depth, height, width) = size at random places of labelled subjects, `PER_SUBJECT` of each.

    An index stands for a subject and a place in it, which is drawn from (seed, subject, number), so that every machine
    and every process cuts the same. Keys of `batch(indices)`: images (B, M, d, h, w) float32 with what a subject lacks
    0; present (B, M) float32; seg (B, d, h, w) int64 in BraTS codes; subject (B,) int64. A volume that is smaller than
    the block lies in its middle, with background round it. centred: the chance that a block is laid round a tumour
    voxel, first of a label drawn among those that the subject has, then of its voxels.

    Raises ValueError for a chance outside 0 … 1, if no subject has labels, and for a cohort whose slices are not all of
    a subject's, neighbours.
    """

    def __init__(self, subset: Subset, size: Sequence[int], seed: int = 0, centred: float = 0.0) -> None:
        cohort = subset.cohort
        if not 0 <= centred <= 1:
            raise ValueError(f"centred={centred!r} is a chance, between 0 and 1.")
        check_blocks(cohort.settings)
        self.cohort, self.size, self.seed, self.centred = cohort, tuple(size), seed, centred
        self.numbers = [k for k in subset.numbers if cohort.subjects[k].labelled]
        self._places: dict[int, list[np.ndarray]] = {}
        if not self.numbers:
            raise ValueError(f"no subject of the {subset.name} set has labels to learn from.")

    def __getstate__(self) -> dict[str, Any]:
        return vars(self) | {"_places": {}}  # another process looks for itself

    def __len__(self) -> int:
        return len(self.numbers) * PER_SUBJECT

    def __getitem__(self, i: int) -> dict[str, Tensor]:
        return {name: value[0] for name, value in self.batch([i]).items()}

    def batch(self, indices: Sequence[int] | Tensor) -> dict[str, Tensor]:
        """The blocks of these indices, see the class."""
        places = np.asarray(indices)
        if len(outside := places[(places < -len(self)) | (places >= len(self))]):
            raise IndexError(f"block {outside[0]} of a view of {len(self)}")
        places = places % len(self)  # from the end, too
        numbers = [self.numbers[place // PER_SUBJECT] for place in places]
        cut = [self._cut(number, place % PER_SUBJECT) for number, place in zip(numbers, places, strict=True)]
        images, seg = (np.stack(arrays) for arrays in zip(*cut, strict=True))
        present = np.array([self.cohort.subjects[number].present for number in numbers], np.float32)
        return {
            "images": torch.from_numpy(images),
            "present": torch.from_numpy(present),
            "seg": torch.from_numpy(seg),
            "subject": torch.tensor(numbers),
        }

    def _cut(self, number: int, draw: int) -> tuple[np.ndarray, np.ndarray]:
        first, last = np.searchsorted(self.cohort.subject, [number, number + 1])
        have = (last - first, *self.cohort.images.shape[2:])  # (D, H, W)
        corner = self._corner(number, have, np.random.default_rng([self.seed, number, draw]))
        read, write = [], []
        for start, side, wanted in zip(corner, have, self.size, strict=True):
            offset = max(wanted - side, 0) // 2
            read.append(slice(start, start + min(side, wanted)))
            write.append(slice(offset, offset + min(side, wanted)))
        depth, *plane = read
        rows = slice(first + depth.start, first + depth.stop)
        images = np.zeros((self.cohort.images.shape[1], *self.size), np.float32)
        seg = np.zeros(self.size, np.int64)
        images[:, *write] = self.cohort.images[rows, :, *plane].swapaxes(0, 1)  # (d, M, h, w) -> (M, d, h, w)
        seg[*write] = self.cohort.seg[rows, *plane]
        return images, seg

    def _corner(self, number: int, have: tuple[int, ...], rng: np.random.Generator) -> list[int]:
        """The lowest voxel of a block within a subject's volume of (D, H, W) = have, each axis."""
        most = [max(side - wanted, 0) for side, wanted in zip(have, self.size, strict=True)]
        anywhere = [int(share * (end + 1)) for share, end in zip(rng.random(3), most, strict=True)]
        tumour = self._tumour(number) if rng.random() < self.centred else []
        if not tumour:
            return anywhere
        voxels = tumour[rng.integers(len(tumour))]
        middle = np.unravel_index(voxels[rng.integers(len(voxels))], have)
        return [int(np.clip(m - w // 2, 0, end)) for m, w, end in zip(middle, self.size, most, strict=True)]

    def _tumour(self, number: int) -> list[np.ndarray]:
        """Where each label of a subject's tumour is, flat places in its volume; kept, for to look takes longer than
        to cut."""
        if number not in self._places:
            first, last = np.searchsorted(self.cohort.subject, [number, number + 1])
            seg = self.cohort.seg[first:last].ravel()
            places = np.flatnonzero(seg).astype(np.int32)
            self._places[number] = [places[seg[places] == label] for label in np.unique(seg[places])]
        return self._places[number]
