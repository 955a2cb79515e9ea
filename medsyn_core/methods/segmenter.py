"""A trained segmentation network in use: whole volumes, from whichever modalities there are, and its scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from medsyn_core.data.views import all_subsets
from medsyn_core.data.volume import REGIONS, region
from medsyn_core.evaluation.segmentation import dice, surface_distances
from medsyn_core.methods.d2net_step import D2Trace


def as_classes(seg: Tensor) -> Tensor:
    """BraTS codes (0, 1, 2, 4) -> classes 0 … 3; `as_codes` turns them back."""
    return torch.where(seg == 4, 3, seg)


def as_codes(classes: Tensor) -> Tensor:
    """Classes 0 … 3 -> BraTS codes (0, 1, 2, 4)."""
    return torch.where(classes == 3, 4, classes)


class Segmenter(nn.Module):
    """The way from images to the student's answer. settings: the method's; networks: those on the way."""

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
    def segment(self, images: Tensor | np.ndarray, keep: Sequence[str] | None = None, windows: int = 8) -> Tensor:
        """One subject's images (M, D, H, W), prepared as in training -> BraTS codes (D, H, W) uint8, on the CPU.

        keep: the modalities to look at, by default all; of the others nothing is read. The volume is cut to the brain
        and covered by overlapping blocks of the training's size, `windows` at a time. Raises ValueError for a modality
        that it has not learnt, none at all, and images of another shape.
        """
        from monai.inferers import sliding_window_inference

        images = torch.tensor(np.asarray(images, np.float32))
        if images.ndim != 4 or len(images) != len(self.modalities):
            raise ValueError(f"images must be ({len(self.modalities)}, D, H, W), not {tuple(images.shape)}.")
        present = self._present(keep)
        images = images * present[:, None, None, None]
        answer = torch.zeros(images.shape[1:], dtype=torch.uint8)
        seen = torch.nonzero(images.any(dim=0))
        if not len(seen):
            return answer  # no brain, no tumour
        box = [slice(int(a), int(b) + 1) for a, b in zip(seen.amin(0), seen.amax(0), strict=True)]
        device = next(self.parameters()).device
        predictor = lambda x: self(x, present.to(device).expand(len(x), -1))
        logits = sliding_window_inference(
            images[:, *box][None].to(device), (self.settings.patch,) * 3, windows, predictor, mode="gaussian"
        )
        answer[*box] = as_codes(logits[0].argmax(dim=0)).to("cpu", torch.uint8)
        return answer

    def _present(self, keep: Sequence[str] | None) -> Tensor:
        keep = self.modalities if keep is None else ([keep] if isinstance(keep, str) else list(keep))
        unknown = [name for name in keep if name not in self.modalities]
        if unknown:
            raise ValueError(f"keep={unknown[0]!r} was not learnt; there are: {', '.join(self.modalities)}.")
        if not keep:
            raise ValueError("keep= is empty; at least one modality must stay.")
        return torch.tensor([float(name in keep) for name in self.modalities])


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
    return (float(np.diff(z_mm).mean()) if len(z_mm) > 1 else side, side, side)
