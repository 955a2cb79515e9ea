"""What unpaired translation between any two of several modalities needs, whatever the paper: samples, a translator to
use, and scores of every direction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import permutations
from typing import Any

import torch
from torch import Tensor, nn

from medsyn_core.data.views import Unpaired
from medsyn_core.evaluation import translation_metrics
from medsyn_core.evaluation.lpips import with_lpips
from medsyn_core.training import Method, in_parts


class Translator(nn.Module):
    """A trained generator, ready to use: an image goes in, any of the modalities comes out."""

    def __init__(self, generator: nn.Module, modalities: tuple[str, ...]):
        super().__init__()
        self.generator, self.modalities = generator, modalities

    def forward(self, image: Tensor, code: Tensor) -> Tensor:
        """image: (B, 1, H, W); code: (B,) numbers of the wanted modalities -> (B, 1, H, W)."""
        return self.generator(image, image, code).image

    @torch.no_grad()  # use, not training: no graph is kept
    def translate(self, images: Tensor, target: str, *others: Tensor, batch_size: int = 32) -> Tensor:
        """Images (N, 1, H, W), scaled as in training with background 0 -> the same in modality `target`, on the CPU.

        Raises ValueError for a modality that it has not learnt and for images of another shape.
        """
        if target not in self.modalities:
            raise ValueError(f"target={target!r} was not learnt; there are: {', '.join(self.modalities)}.")
        if images.ndim != 4 or images.shape[1] != 1:
            raise ValueError(f"images must be (N, 1, H, W), not {tuple(images.shape)}; add axes with images[:, None].")
        code = torch.full((len(images),), self.modalities.index(target))
        return in_parts(self, batch_size, images.float(), code, *others)


class GuidedTranslator(Translator):
    """A translator that has to be told where the tumour is."""

    def forward(self, image: Tensor, code: Tensor, mask: Tensor) -> Tensor:
        """As `Translator.forward`, with mask: (B, 1, H, W), 0 or 1."""
        return self.generator(image, image * mask, code).image

    def translate(self, images: Tensor, target: str, *others: Tensor, batch_size: int = 32) -> Tensor:
        """As `Translator.translate`, with the mask (N, 1, H, W) after the target; else ValueError."""
        if len(others) != 1 or others[0].shape != images.shape:
            got = ", ".join(str(tuple(x.shape)) for x in others) or "nothing"
            raise ValueError(
                f"a teacher has to be told where the tumour is: give a mask of the images' shape {tuple(images.shape)} "
                f"after the target, not {got}; a student needs none."
            )
        return super().translate(images, target, others[0].float(), batch_size=batch_size)


@dataclass(frozen=True)
class AnyToAny(Method):
    """Settings: modalities, in the cohort's order: their numbers are the codes; pairing: seed of which one each
    training subject shows."""

    modalities: tuple[str, ...] = ("t1", "t1ce", "t2", "flair")
    pairing: int = 0

    def view(self, subset: Any) -> Unpaired:
        """One modality a subject. Raises ValueError if the cohort has other modalities or its background is not 0."""
        cohort = subset.cohort
        if tuple(cohort.modalities) != tuple(self.modalities):
            raise ValueError(
                f"the recipe translates between {', '.join(self.modalities)}, but the cohort has "
                f"{', '.join(cohort.modalities)}; configure(modalities=cohort.modalities) fits them."
            )
        if cohort.settings["scaling"] == "minmax":
            raise ValueError('the generator needs a background of 0; load the cohort with scaling="percentile".')
        return Unpaired(subset, self.pairing)

    def draws(self, size: int, generator: torch.Generator) -> dict[str, Tensor]:
        """other: (B,) uniform, picks the target; flip: (B,) uniform, mirrors left and right in half of the cases."""
        return {name: torch.rand(size, generator=generator) for name in ("other", "flip")}

    def sample(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The batch with its draws carried out: target (B,), never the source's modality, and pictures mirrored."""
        steps = 1 + (batch["other"] * (len(self.modalities) - 1)).long()
        done = {"target": (batch["modality"] + steps) % len(self.modalities)}
        for name in ("image", "brain", "seg", "tissue"):
            picture = batch[name]
            mirrored = (batch["flip"] < 0.5).reshape(-1, *[1] * (picture.ndim - 1))
            done[name] = torch.where(mirrored, picture.flip(-1), picture)
        return {**batch, **done}

    def guides(self, batch: Mapping[str, Tensor]) -> tuple[Tensor, ...]:
        """What the translator needs beside image and code: tensors (B, ...)."""
        return ()

    def evaluate(self, networks: Mapping[str, nn.Module], subset: Any) -> list[dict]:
        """Scores of every direction between modalities that a subject has, one dict a direction and subject."""
        model, view = self.model(networks), Unpaired(subset, self.pairing)
        batch, oracle = view.batch(range(len(view))), view.oracle(range(len(view)))
        columns = [subset.cohort.modality(name) for name in self.modalities]
        oracle = {name: values[:, columns] for name, values in oracle.items()}
        rows = []
        for s, t in permutations(range(len(self.modalities)), 2):
            both = (oracle["present"][:, s] * oracle["present"][:, t]) > 0  # (N,)
            if not both.any():
                continue
            here = {name: value[both] for name, value in batch.items()}
            truth, source = oracle["images"][both, t], oracle["images"][both, s][:, None]  # (n, H, W), (n, 1, H, W)
            translated = model.translate(source, self.modalities[t], *self.guides(here))
            pair, subject = (translated[:, 0].numpy(), truth.numpy()), here["subject"].numpy()
            scores = translation_metrics(*pair, here["brain"][:, 0].numpy() > 0, here["seg"].numpy(), subject)
            scores = with_lpips(scores, *pair, subject)
            rows += [{"direction": f"{self.modalities[s]}-{self.modalities[t]}", **row} for row in scores]
        return rows
