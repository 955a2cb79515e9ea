"""What D²-Net's contrast is compared with in the paper's table V: codes taught by a critic of reconstructions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from medsyn_core.losses.adversarial import gradient_penalty, interpolate, score_gradient
from medsyn_core.methods.d2net import D2Net
from medsyn_core.methods.d2net_step import D2Trace
from medsyn_core.networks.critics import PatchCritic
from medsyn_core.training import LossTable, LossTerm, Player, Recipe, entry


class AdversarialTrace(D2Trace):
    """A step of D²-Net with a critic of axial slices. Given too: mix (B, M, D), uniform."""

    def _slices(self, volumes: Tensor) -> Tensor:
        """(B, M, D, H, W) -> (B * M * D, 1, H, W)."""
        return volumes.flatten(0, 2)[:, None]

    def _scores(self, slices: Tensor) -> Tensor:
        """How real each of (B * M * D, 1, H, W) looks as one of its own modality."""
        samples, many, depth = self.slices.shape
        codes = torch.arange(many, device=slices.device).repeat_interleave(depth).repeat(samples)
        return self._networks["critic"](slices, codes)[0]

    def over_slices(self, scores: Tensor) -> Tensor:
        """Their mean over the slices that show something."""
        shown = self.slices.flatten()
        return (scores * shown).sum() / shown.sum().clamp_min(1)

    @entry
    def score_real(self) -> Tensor:
        """(B * M * D,), of the slices as they are."""
        return self._scores(self._slices(self.images))

    @entry
    def score_made(self) -> Tensor:
        """(B * M * D,), of the reconstructed ones."""
        return self._scores(self._slices(self.reconstructed))

    @entry
    def slope(self) -> Tensor:
        """The critic's gradient between the two, (B * M * D, 1, H, W)."""
        mix = self.mix.flatten()[:, None, None, None]
        between = interpolate(self._slices(self.images), self._slices(self.reconstructed.float()), mix)
        return score_gradient(self._scores, between)


def critic(trace: AdversarialTrace) -> Tensor:
    """What the critic minimises: the score of what is reconstructed minus that of what is there."""
    return trace.over_slices(trace.score_made - trace.score_real)


def penalty(trace: AdversarialTrace) -> Tensor:
    """The gradient penalty over the slices that show something."""
    shown = trace.slices.flatten().float()
    return gradient_penalty(trace.slope, shown) * len(shown) / shown.sum().clamp_min(1)


def realism(trace: AdversarialTrace) -> Tensor:
    """What the segmenter's networks get from it: minus the score of what they reconstruct."""
    return -trace.over_slices(trace.score_made)


@dataclass(frozen=True)
class Adversarial(D2Net):
    """D²-Net with a critic that has a score for each modality: a code is to hold what makes a slice look like one of
    its modality. A stand-in for Ouyang et al. (2021), with none of their losses but this."""

    def networks(self, example: Mapping[str, Tensor]) -> dict[str, nn.Module]:
        levels = min(3, (self.patch & -self.patch).bit_length() - 1)  # as often as a block's side can be halved
        return super().networks(example) | {"critic": PatchCritic(self.width, levels, len(self.modalities))}

    def draws(self, size: int, generator: torch.Generator) -> dict[str, Tensor]:
        """D²-Net's, and mix: (B, M, D), where between real and made the penalty is taken."""
        found = super().draws(size, generator)
        return found | {"mix": torch.rand(size, len(self.modalities), self.patch, generator=generator)}

    def trace(self, networks: Mapping[str, nn.Module], batch: Mapping[str, Tensor]) -> AdversarialTrace:
        return AdversarialTrace(networks, self, self.sample(batch) | {"mix": batch["mix"]})


def adversarial(start: Recipe) -> Recipe:
    """The same recipe with the critic: three more terms and a player more, who moves first."""
    terms = (
        LossTerm("critic", critic, 1.0, "critic"),
        LossTerm("gradient_penalty", penalty, 10.0, "critic"),
        LossTerm("realism", realism, 0.1, "segmenter"),
    )
    losses = LossTable((*start.losses.terms, *terms), players=("critic", *start.losses.players))
    player = Player("critic", ("critic",), 1e-3, betas=(0.5, 0.99))
    method = Adversarial(**start.method.settings())
    return replace(start, method=method, losses=losses, players=(player, *start.players))
