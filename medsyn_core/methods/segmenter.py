"""A trained segmentation network in use: whole volumes, from whichever modalities there are, and its scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from medsyn_core.data.cut import Settings, cut
from medsyn_core.data.patches import check_blocks
from medsyn_core.data.segmentation import bring_back
from medsyn_core.data.views import all_subsets
from medsyn_core.data.volume import REGIONS, Volume, region
from medsyn_core.evaluation.segmentation import dice, surface_distances
from medsyn_core.methods.d2net_step import D2Trace

AT_ONCE = 64**3
"""Voxels that a whole volume's blocks hold together while it is segmented: enough to keep a machine busy."""


def as_classes(seg: Tensor) -> Tensor:
    """BraTS codes (0, 1, 2, 4) -> classes 0 … 3; `as_codes` turns them back."""
    return torch.where(seg == 4, 3, seg)


def as_codes(classes: Tensor) -> Tensor:
    """Classes 0 … 3 -> BraTS codes (0, 1, 2, 4)."""
    return torch.where(classes == 3, 4, classes)


class Segmenter(nn.Module):
    """The way from images to the student's answer. settings: the method's; networks: those on the way.

    prepared: the settings of the cohort that it was trained on; a saved model brings them along.
    """

    prepared: Mapping[str, Any] | None = None

    def __init__(self, settings: Any, networks: Mapping[str, nn.Module]):
        super().__init__()
        self.settings, self.networks = settings, nn.ModuleDict(networks)

    @property
    def modalities(self) -> tuple[str, ...]:
        """What it has learnt from, in the order of its input."""
        return self.settings.modalities

    def forward(self, images: Tensor, present: Tensor) -> Tensor:
        """images: (B, M, D, H, W), missing ones 0; present: (B, M) -> logits (B, K, D, H, W)."""
        return D2Trace(self.networks, self.settings, {"images": images, "present": present}).student.output

    @torch.no_grad()  # use, not training: no graph is kept
    def segment(self, images: Tensor | np.ndarray, keep: Sequence[str] | None = None) -> Tensor:
        """One subject's images (M, D, H, W), prepared as in training -> BraTS codes (D, H, W) uint8, on the CPU.

        keep: the modalities to look at, by default all; of the others nothing is read, and one of zeros is missing. The
        volume is cut to the brain and covered by blocks of the training's size that overlap by a quarter, as many at
        a time as `AT_ONCE` holds. Raises ValueError for a modality that it has not learnt, none at all, and images
        of another shape.
        """
        from monai.inferers import sliding_window_inference

        images = torch.tensor(np.asarray(images, np.float32))
        if images.ndim != 4 or len(images) != len(self.modalities):
            raise ValueError(f"images must be ({len(self.modalities)}, D, H, W), not {tuple(images.shape)}.")
        kept = self._kept(keep)
        present = torch.tensor(
            [float(name in kept and image.any()) for name, image in zip(self.modalities, images, strict=True)]
        )
        images[present == 0] = 0
        answer = torch.zeros(images.shape[1:], dtype=torch.uint8)
        seen = images.any(dim=0)  # (D, H, W)
        if not seen.any():
            return answer  # no brain, no tumour
        shown = [torch.nonzero(seen.movedim(axis, 0).flatten(1).any(dim=1)) for axis in range(3)]
        box = [slice(int(places[0]), int(places[-1]) + 1) for places in shown]
        device, side = next(self.parameters()).device, self.settings.patch
        predictor = lambda x: self(x, present.to(device).expand(len(x), -1))
        logits = sliding_window_inference(
            images[:, *box][None].to(device), (side,) * 3, max(1, AT_ONCE // side**3), predictor, mode="gaussian"
        )
        answer[*box] = as_codes(logits[0].argmax(dim=0)).to("cpu", torch.uint8)
        return answer

    def segment_volume(
        self, volume: Volume, keep: Sequence[str] | None = None, settings: Mapping[str, Any] | None = None
    ) -> np.ndarray:
        """A subject as a source reads it -> BraTS codes on its own grid, (X, Y, Z) uint8, for `data.write_labels`.

        keep: the modalities to look at, by default all that it has learnt and the subject has; of the others nothing is
        read, not even where they show brain. The volume is prepared as the cohort was: settings, that cohort's, are
        needed where the model does not know them, and must not be others where it does. Raises ValueError for such
        settings, for modalities that it has not learnt or that the subject lacks, and DataError (one too) for a subject
        that cannot be prepared.
        """
        chosen = self._preparation(settings)
        if keep is None:
            keep = [name for name in self.modalities if name in volume.images]
        names = self._kept(keep)
        lacking = [name for name in names if name not in volume.images]
        if lacking:
            has = ", ".join(volume.images)
            raise ValueError(f"{volume.subject} has no {lacking[0]}, only {has}; leave it out of keep=.")
        seen = replace(volume, images={name: volume.images[name] for name in names}, seg=None, tissue=None)
        slices = cut(seen, chosen)
        images = np.zeros((len(self.modalities), *slices.brain.shape), np.float32)  # (M, D, H, W)
        for m, name in enumerate(slices.modalities):
            images[self.modalities.index(name)] = slices.images[:, m]
        return bring_back(self.segment(images, names).numpy(), seen, chosen)

    def _preparation(self, settings: Mapping[str, Any] | None) -> Settings:
        """How to prepare a volume, from what the model knows and what it is told."""
        told = self.prepared if settings is None else dict(settings)
        if told is None:
            raise ValueError(
                "the model does not know how its cohort was prepared; give settings=cohort.settings, or save and load "
                "it, for it is in the file."
            )
        names = set(asdict(Settings()))
        if set(told) != names:
            raise ValueError(
                f"settings= must name {', '.join(sorted(names))}; give those of a cohort: cohort.settings."
            )
        if self.prepared is not None and told != dict(self.prepared):
            other = next(name for name in told if told[name] != self.prepared[name])
            raise ValueError(
                f"settings= have {other}={told[other]!r}, but the model has learnt from {self.prepared[other]!r}; "
                "leave settings= out."
            )
        check_blocks(told)
        return Settings(**told)

    def _kept(self, keep: Sequence[str] | None) -> list[str]:
        """The names in keep, checked."""
        keep = self.modalities if keep is None else ([keep] if isinstance(keep, str) else list(keep))
        unknown = [name for name in keep if name not in self.modalities]
        if unknown:
            raise ValueError(f"keep={unknown[0]!r} was not learnt; there are: {', '.join(self.modalities)}.")
        if not keep:
            raise ValueError(f"no modality is kept; at least one must stay of: {', '.join(self.modalities)}.")
        return [name for name in self.modalities if name in keep]


def score_subsets(model: Segmenter, subset: Any) -> list[dict]:
    """Dice, HD95 and ASSD (mm) of every labelled subject's whole volume from every choice of its modalities.

    One dict a choice and subject: direction, the modalities joined by "+"; subject; dice_wt, hd95_wt, assd_wt, dice_tc
    and so on. A choice is scored for the subjects that have all of it.
    """
    cohort, rows = subset.cohort, []
    for number in subset.numbers:
        info, volume = cohort.subjects[number], cohort.volume(number)
        if not info.labelled:
            continue
        has = dict(zip(cohort.modalities, info.present, strict=True))
        for keep in all_subsets(model.modalities):
            if all(has[name] for name in keep):
                predicted = model.segment(volume["images"], keep).numpy()
                scores = region_scores(predicted, volume["seg"], spacing(cohort, volume["z_mm"]))
                rows.append({"direction": "+".join(keep), "subject": int(number), **scores})
    return rows


def region_scores(predicted: np.ndarray, reference: np.ndarray, voxel_mm: Sequence[float]) -> dict[str, float]:
    """Dice, HD95 and ASSD of WT, TC and ET; both arrays (D, H, W) in BraTS codes."""
    scores = {}
    for name in REGIONS:
        ours, truth = region(predicted, name), region(reference, name)
        hd95, assd = surface_distances(ours, truth, voxel_mm)
        found = {"dice": dice(ours, truth), "hd95": hd95, "assd": assd}
        scores |= {f"{what}_{name.lower()}": round(float(value), 4) for what, value in found.items()}
    return scores


def spacing(cohort: Any, z_mm: np.ndarray) -> tuple[float, float, float]:
    """Millimetres between voxels along slices, rows and columns of a cohort's volume."""
    side = cohort.settings["fov_mm"] / cohort.settings["px"]
    cubes = cohort.settings["slices"] == "cubic" or len(z_mm) == 1
    return (side if cubes else float(np.diff(z_mm).mean()), side, side)
