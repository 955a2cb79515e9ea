r"""The dual-discriminator network with difficult-region attention (Xiao and Nie, 2024), paired T1 -> T2 synthesis.

A U-Net translates. A global critic (Wasserstein, gradient penalty) judges the whole image, a dense local
discriminator judges every region. Where the local one says "synthetic", the synthesis loss counts more: $F = (1 -
M)^\beta$.

Left open by the paper and chosen here: beta = 2, p = 1 and one turn each (the defaults of its authors' earlier work);
lambda_1 = lambda_2 = 0.005, in short pilot runs on validation subjects the better of 0.005 and that work's 0.05 (the
printed norm is a sum over pixels, the loss here a mean); the local discriminator sees the target alone, as the
equations say, and its scores are upsampled to image size. Changed: no batch normalisation in the critic (a penalty of
one sample's gradient needs one sample's score); M is detached in the attention (else the synthesis loss itself pays
for fooling the discriminator); Adam's settings are this book's, where the paper's "details of D1" point to those of
the WGAN-GP paper.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from medsyn_core.data.views import Paired
from medsyn_core.evaluation import translation_metrics
from medsyn_core.losses import adversarial, synthesis
from medsyn_core.networks.critics import GlobalCritic
from medsyn_core.networks.unet import FCN, UNet
from medsyn_core.profiles import profile as current_profile
from medsyn_core.training import LossTable, LossTerm, Method, Player, Recipe, Trace, Training, entry

GENERATORS = {"unet": UNet, "fcn": FCN}


# -- what happens in one step (the paper's figure 2)


class DualDTrace(Trace):
    """source, target, brain: (B, 1, H, W); seg: (B, H, W) BraTS labels; mix: (B, 1, 1, 1), uniform: where
    interpolates lie."""

    @entry
    def translated(self) -> Tensor:
        """G(X): the synthetic target, (B, 1, H, W)."""
        return self._networks["generator"](self.source)

    # global adversarial learning
    @entry
    def global_score_real(self) -> Tensor:
        """D1(Y), (B, 1)."""
        return self._networks["global_critic"](self.target)

    @entry
    def global_score_fake(self) -> Tensor:
        """D1(G(X)), (B, 1)."""
        return self._networks["global_critic"](self.translated)

    @entry
    def global_gradient(self) -> Tensor:
        """Gradient of D1 at random points between real and synthetic images, (B, 1, H, W)."""
        between = adversarial.interpolate(self.target, self.translated, self.mix)
        return adversarial.score_gradient(self._networks["global_critic"], between)

    # local adversarial learning
    @entry
    def local_logits_real(self) -> Tensor:
        """D2(Y) before the sigmoid, (B, 1, H, W)."""
        return self._networks["local_discriminator"](self.target)

    @entry
    def local_logits_fake(self) -> Tensor:
        """D2(G(X)) before the sigmoid, (B, 1, H, W)."""
        return self._networks["local_discriminator"](self.translated)

    # region-attention based adversarial difficulty learning
    @entry
    def confidence(self) -> Tensor:
        """M: how real each region of G(X) looks, in [0, 1], (B, 1, H, W). Detached: it says where to look, it is
        no objective."""
        return torch.sigmoid(self.local_logits_fake).detach()


# -- the loss terms, in the order of their equations


def synthesis_term(trace: DualDTrace) -> Tensor:
    """dual-1."""
    return synthesis.synthesis(trace.translated, trace.target, trace.settings.p)


def difficult_region_term(trace: DualDTrace) -> Tensor:
    """dual-6."""
    return synthesis.difficult_region(
        trace.translated, trace.target, trace.confidence, trace.settings.beta, trace.settings.p
    )


def difficult_region_normalised_term(trace: DualDTrace) -> Tensor:
    """dual-6 with the attention's mean divided out: where, without how much."""
    return synthesis.difficult_region_normalised(
        trace.translated, trace.target, trace.confidence, trace.settings.beta, trace.settings.p
    )


def global_adversarial_term(trace: DualDTrace) -> Tensor:
    """dual-3."""
    return adversarial.wasserstein_generator(trace.global_score_fake)


def local_adversarial_term(trace: DualDTrace) -> Tensor:
    """dual-5."""
    return adversarial.dense_generator(trace.local_logits_fake)


def global_critic_term(trace: DualDTrace) -> Tensor:
    """dual-2, first part."""
    return adversarial.wasserstein_critic(trace.global_score_fake, trace.global_score_real)


def gradient_penalty_term(trace: DualDTrace) -> Tensor:
    """dual-2, second part."""
    return adversarial.gradient_penalty(trace.global_gradient)


def local_discriminator_term(trace: DualDTrace) -> Tensor:
    """dual-4."""
    return adversarial.dense_discriminator(trace.local_logits_real, trace.local_logits_fake)


LOSSES = LossTable(
    (
        LossTerm("synthesis", synthesis_term, 0.0, "generator", "dual-1"),
        LossTerm("difficult_region", difficult_region_term, 1.0, "generator", "dual-6"),
        LossTerm("difficult_region_normalised", difficult_region_normalised_term, 0.0, "generator"),
        LossTerm("global_adversarial", global_adversarial_term, 0.005, "generator", "dual-3"),
        LossTerm("local_adversarial", local_adversarial_term, 0.005, "generator", "dual-5"),
        LossTerm("global_critic", global_critic_term, 1.0, "critic", "dual-2"),
        LossTerm("gradient_penalty", gradient_penalty_term, 10.0, "critic", "dual-2"),
        LossTerm("local_discriminator", local_discriminator_term, 1.0, "critic", "dual-4"),
    ),
    players=("generator", "critic"),
)

# The paper's ablations, as edits of the table.
WITHOUT_ATTENTION = {"synthesis": 1.0, "difficult_region": 0.0}
WITHOUT_GLOBAL = {"global_adversarial": 0.0, "global_critic": 0.0, "gradient_penalty": 0.0}
WITHOUT_LOCAL = {"local_adversarial": 0.0, "local_discriminator": 0.0}
WEIGHTS_OF_THE_ANCESTORS = {"global_adversarial": 0.05, "local_adversarial": 0.05}


# -- the method


@dataclass(frozen=True)
class DualD(Method):
    """Settings: modalities, the generator ("unet" or "fcn"), widths at full resolution, levels, p and beta of
    dual-1 and dual-6."""

    name: ClassVar[str] = "dual_d"

    source: str = "t1"
    target: str = "t2"
    generator: str = "unet"
    width: int = 16
    critic_width: int = 16
    levels: int = 3
    p: float = 1.0
    beta: float = 2.0

    def __post_init__(self) -> None:
        if self.generator not in GENERATORS:
            raise ValueError(f"generator={self.generator!r}; choose one of: {', '.join(GENERATORS)}")
        if self.p <= 0 or self.beta < 0:
            raise ValueError(f"p must be positive and beta not negative; got p={self.p!r}, beta={self.beta!r}")

    def networks(self, example: Mapping[str, Tensor]) -> dict[str, nn.Module]:
        size = tuple(example["target"].shape[-2:])
        return {
            "generator": self.untrained_model(),
            "global_critic": GlobalCritic(1, size, self.critic_width),
            "local_discriminator": FCN(width=self.critic_width, levels=3),
        }

    def untrained_model(self) -> nn.Module:
        return GENERATORS[self.generator](width=self.width, levels=self.levels)

    def view(self, subset: Any) -> Paired:
        return Paired(subset, self.source, self.target)

    def draws(self, size: int, generator: torch.Generator) -> dict[str, Tensor]:
        return {"mix": torch.rand(size, 1, 1, 1, generator=generator)}

    def trace(self, networks: Mapping[str, nn.Module], batch: Mapping[str, Tensor]) -> DualDTrace:
        return DualDTrace(networks, self, batch)

    def model(self, networks: Mapping[str, nn.Module]) -> nn.Module:
        return networks["generator"]

    @torch.no_grad()  # measuring, not training
    def evaluate(self, networks: Mapping[str, nn.Module], subset: Any) -> list[dict]:
        view, model = self.view(subset), self.model(networks)
        device = next(model.parameters()).device
        batch = view.batch(range(len(view)))
        translated = torch.cat([model(x.to(device)).float().cpu() for x in batch["source"].split(32)])  # (N, 1, H, W)
        rows = translation_metrics(
            translated[:, 0].numpy(), batch["target"][:, 0].numpy(), batch["brain"][:, 0].numpy() > 0,
            batch["seg"].numpy(), batch["subject"].numpy(),
        )  # fmt: skip
        return [{"direction": f"{self.source}-{self.target}", **row} for row in rows]


SIZES = {
    "smoke": {"width": 4, "critic_width": 2, "levels": 2, "steps": 4, "batch_size": 4},
    "laptop": {"width": 16, "critic_width": 8, "levels": 3, "steps": 800, "batch_size": 8},
    "gpu": {"width": 32, "critic_width": 32, "levels": 4, "steps": 20000, "batch_size": 16},
}
RATES = {"generator": 1e-3, "critic": 2e-4}


def recipe(profile: str | None = None) -> Recipe:
    """The paper's method at the sizes of a profile (default: the one in force): dual discriminators and
    attention, dual-7."""
    players = (
        Player("critic", ("global_critic", "local_discriminator"), RATES["critic"]),
        Player("generator", ("generator",), RATES["generator"]),
    )
    start = Recipe(DualD(), LOSSES, players, Training(steps=1, batch_size=1, decay_from=0.5))
    return start.configure(**SIZES[current_profile(profile).name])
