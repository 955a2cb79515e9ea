r"""HiFi-Syn (Yu et al., 2024): translation between two modalities through disentangled content, a brain memory bank and
three granularities of contrastive discrimination.

Content (what is where) and attribute (what it looks like) are encoded apart, as in DRIT++; images are translated by
swapping attributes, twice. Each pixel of the content asks a memory bank what such tissue looks like in the target
modality. Contrastive losses ask that content survives translation: pixel by pixel, structure by structure, image by
image. One step of it, with the loss terms, is in `medsyn_core.methods.hifi_step`; here are networks, settings and
recipes.

Left open by the paper and chosen here: temperatures (the softmaxes of the bank 0.1; the losses 1: pilots with sharper
ones translated worse, and a row of the plan has 0.1); what a value is made of (features of the attribute encoder where
the query stands; as printed it would be made of itself); queries of unit length in the update; a pixel with a label may
use its structure's slots and the global ones, one without all; PGD compares `queries` random pixels of each image;
negatives in PGD are pixels of other subjects and of other structures of the same; the attribute at inference is the
running mean of the training images' codes. Changed: alpha_p stands at 0.99 on the old item (printed: 0.01); images have
a background of 0 and are not squeezed through tanh; sizes, rates and steps are the profiles'.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from medsyn_core.data.views import UnpairedTwo
from medsyn_core.data.volume import ED, ET, NCR, TISSUES
from medsyn_core.methods.any_to_any import AnyToAny, Translator
from medsyn_core.methods.hifi_step import DEFORMATIONS, LOSSES, WEIGHTINGS, HiFiTrace
from medsyn_core.networks import disentangled
from medsyn_core.networks.memory_bank import MemoryBank
from medsyn_core.profiles import profile as current_profile
from medsyn_core.training import Player, Recipe, Training

HEALTHY = TISSUES
"""Structures of healthy brains, in the order of their labels."""
WITH_TUMOUR = (*TISSUES, "necrosis", "oedema", "enhancing")
WRITES = ("encoded", "read")
TEMPERATURES = ("tau_memory", "tau_pixel", "tau_structure", "tau_global")


@dataclass(frozen=True)
class HiFiSyn(AnyToAny):
    """Settings beside those of `AnyToAny` (two modalities): items, memory slots of each structure, of `HEALTHY` or of
    `WITH_TUMOUR`; common, slots of none ("global"), items and common all 0 for no bank; annotations: do training images
    come with their structures; alpha_p: share of the old item when a slot is written; write: values are made of what is
    "encoded" or, as printed, of what was "read"; unit_values: normalise them, as printed; learn_memory: let the
    optimiser move the slots instead; tau_*: temperatures; alpha_s: steepness of rank weights; weighting: "term" or, as
    printed, "numerator"; deformation: "mean" or, as printed, "total"; queries: pixels an image that PGD compares, at
    most all; width and halvings of encoders and generators; critic_width. Raises ValueError for what cannot be."""

    name: ClassVar[str] = "hifi-syn"
    memory_format: ClassVar[torch.memory_format] = torch.contiguous_format

    modalities: tuple[str, ...] = ("t1", "t2")
    items: tuple[int, ...] = (2, 2, 3, 3)
    common: int = 10
    annotations: bool = True
    alpha_p: float = 0.99
    write: str = "encoded"
    unit_values: bool = False
    learn_memory: bool = False
    tau_memory: float = 0.1
    tau_pixel: float = 1.0
    tau_structure: float = 1.0
    tau_global: float = 1.0
    alpha_s: float = 0.5
    weighting: str = "term"
    deformation: str = "mean"
    queries: int = 64
    width: int = 16
    halvings: int = 2
    critic_width: int = 16

    def __post_init__(self) -> None:
        if len(self.modalities) != 2:
            raise ValueError(f"hifi-syn translates between two modalities, not {len(self.modalities)}.")
        if self.modalities[0] == self.modalities[1]:
            raise ValueError(f"hifi-syn translates between two modalities, not from {self.modalities[0]} to itself.")
        if len(self.items) not in (len(HEALTHY), len(WITH_TUMOUR)):
            raise ValueError(
                f"items has {len(self.items)} numbers; give one for each of {', '.join(HEALTHY)}, or of "
                f"{', '.join(WITH_TUMOUR)}."
            )
        for name, value, known in (
            ("write", self.write, WRITES),
            ("weighting", self.weighting, tuple(WEIGHTINGS)),
            ("deformation", self.deformation, tuple(DEFORMATIONS)),
        ):
            if value not in known:
                raise ValueError(f"{name}={value!r} is unknown; choose one of: {', '.join(known)}.")
        for name, right, wanted in (
            *((tau, getattr(self, tau) > 0, "positive") for tau in TEMPERATURES),
            *((size, getattr(self, size) >= 1, "at least 1") for size in ("queries", "width", "critic_width")),
            ("halvings", self.halvings >= 0, "0 or more"),
            ("alpha_p", 0 <= self.alpha_p <= 1, "between 0 and 1"),
            ("alpha_s", self.alpha_s >= 0, "0 or more"),
            ("items", min(self.items) >= 0, "0 or more each"),
            ("common", self.common >= 0, "0 or more"),
        ):
            if not right:
                raise ValueError(f"{name}={getattr(self, name)!r} must be {wanted}.")

    @property
    def channels(self) -> int:
        """Channels of content and memory."""
        return self.width * 2**self.halvings

    def view(self, subset: Any) -> UnpairedTwo:
        """Slices of two modalities, never of the same subject. Raises ValueError if the cohort lacks one of them, if
        its background is not 0, or if it has no tissue labels and `annotations` asks for them."""
        cohort = subset.cohort
        if cohort.settings["scaling"] == "minmax":
            raise ValueError('the generator needs a background of 0; load the cohort with scaling="percentile".')
        bare = [cohort.subjects[k].id for k in subset.numbers if not cohort.subjects[k].has_tissue]
        if self.annotations and bare:
            raise ValueError(
                f"{len(bare)} subjects have no tissue labels, {bare[0]} among them; leave the annotation map out with "
                "configure(annotations=False).edit(structure_discrimination=0)."
            )
        return UnpairedTwo(subset, *self.modalities, self.pairing)

    def networks(self, example: Mapping[str, Tensor]) -> dict[str, nn.Module]:
        return self.translating() | {
            "critic": disentangled.DomainCritics(self.critic_width),
            "content_critic": disentangled.ContentCritic(self.channels),
        }

    def translating(self) -> dict[str, nn.Module]:
        """The networks that a translation needs, with fresh weights."""
        slots = (self.items, self.common, self.tau_memory, self.learn_memory)
        return {
            "content": disentangled.ContentEncoders(self.width, self.halvings),
            "attribute": disentangled.AttributeEncoders(self.width, self.halvings),
            "generator": disentangled.Generators(self.width, self.halvings),
            "memory": MemoryBank(self.channels, 2, *slots),
        }

    def draws(self, size: int, generator: torch.Generator) -> dict[str, Tensor]:
        """flip_i, flip_j: (B,) uniform, mirror in half of the cases; pixels: (B, queries) uniform, which PGD takes."""
        found = {name: torch.rand(size, generator=generator) for name in ("flip_i", "flip_j")}
        return found | {"pixels": torch.rand(size, self.queries, generator=generator)}

    def sample(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The batch with its draws carried out: pictures mirrored, structures at the content's size, pixels chosen."""
        done = dict(batch)
        for side in "ij":
            for name in ("image", "brain", "seg", "tissue"):
                picture = batch[f"{name}_{side}"]
                mirrored = (batch[f"flip_{side}"] < 0.5).reshape(-1, *[1] * (picture.ndim - 1))
                done[f"{name}_{side}"] = torch.where(mirrored, picture.flip(-1), picture)
            done[f"structure_{side}"] = self.structure(done[f"tissue_{side}"], done[f"seg_{side}"])
        height, width = (size // 2**self.halvings for size in batch["image_i"].shape[-2:])
        if self.queries < height * width:
            done["pixels"] = (batch["pixels"] * height * width).long()
        else:  # all of them, once
            every = torch.arange(height * width, device=batch["pixels"].device)
            done["pixels"] = every.expand(len(batch["pixels"]), -1)
        return done

    def structure(self, tissue: Tensor, seg: Tensor) -> Tensor | None:
        """(B, H, W) labels -> (B, h, w) structures by nearest neighbour; None without annotations."""
        if not self.annotations:
            return None
        found = tissue.clone()
        if len(self.items) == len(WITH_TUMOUR):
            for label, name in ((NCR, "necrosis"), (ED, "oedema"), (ET, "enhancing")):
                found[seg == label] = WITH_TUMOUR.index(name)
        size = [n // 2**self.halvings for n in found.shape[-2:]]
        return F.interpolate(found[:, None].float(), size=size, mode="nearest-exact")[:, 0].long()

    def trace(self, networks: Mapping[str, nn.Module], batch: Mapping[str, Tensor]) -> HiFiTrace:
        return HiFiTrace(networks, self, self.sample(batch))

    def after_turn(
        self, networks: Mapping[str, nn.Module], trace: HiFiTrace, player: str, gather: Callable[[Tensor], Tensor]
    ) -> None:
        """After the generator's turn: the typical attributes move, and the memory is written with what it was read
        by."""
        if player != "generator":
            return
        pairs = ((trace.content_i, trace.attribute_i), (trace.content_j, trace.attribute_j))
        for modality, (_, attribute) in enumerate(pairs):
            networks["attribute"].remember(modality, gather(attribute.code.detach()))
        if self.learn_memory:
            return
        flat = lambda z: gather(z.detach().float()).flatten(2).transpose(1, 2).flatten(0, 1)  # (B, C, h, w) -> (N, C)
        bank = networks["memory"]
        told = [attribute.local for _, attribute in pairs]
        if self.write == "read":
            affinities = (trace.affinity_i, trace.affinity_j)
            told = [bank.read(w, m, z.shape[-2:]) for m, (w, (z, _)) in enumerate(zip(affinities, pairs, strict=True))]
        structures = None
        if self.annotations:
            structures = [gather(s).flatten() for s in (trace.structure_i, trace.structure_j)]
        bank.write([flat(z) for z, _ in pairs], [flat(a) for a in told], structures, self.alpha_p, self.unit_values)

    def model(self, networks: Mapping[str, nn.Module]) -> nn.Module:
        return ContentTranslator(networks, self.modalities)

    def untrained_model(self) -> nn.Module:
        return self.model(self.translating())


class ContentTranslator(Translator):
    """Trained encoders, generators and bank, ready to use: an image of one modality goes in, the other comes out. No
    labels are needed; the attribute is the typical one of the wanted modality."""

    def __init__(self, networks: Mapping[str, nn.Module], modalities: tuple[str, ...]):
        nn.Module.__init__(self)
        self.modalities = modalities
        self.content, self.attribute = networks["content"], networks["attribute"]
        self.generator, self.memory = networks["generator"], networks["memory"]

    def forward(self, image: Tensor, code: Tensor) -> Tensor:
        """image: (B, 1, H, W) of one modality; code: (B,), the number of the other, for all alike -> (B, 1, H, W)."""
        wanted = int(code[0])
        content = self.content(image, 1 - wanted)  # (B, C, h, w)
        read = self.memory.read(self.memory.affinity(content), wanted, content.shape[-2:])
        typical = self.attribute.typical[wanted].expand(len(image), -1)
        return self.generator(content, read, typical, wanted) * (image != 0)


SIZES = {
    "smoke": {"width": 4, "halvings": 1, "critic_width": 4, "queries": 8, "steps": 3, "batch_size": 2},
    "laptop": {"width": 16, "halvings": 2, "critic_width": 16, "queries": 64, "steps": 300, "batch_size": 4},
    "gpu": {"width": 64, "halvings": 2, "critic_width": 64, "queries": 256, "steps": 30000, "batch_size": 4},
}


def recipe(profile: str | None = None, modalities: tuple[str, str] = ("t1", "t2"), tumour: bool = False) -> Recipe:
    """HiFi-Syn between two modalities at the sizes of a profile (default: the one in force), hifi-17.

    tumour: structures and slots for brains with tumours.
    """
    method = HiFiSyn(modalities=modalities)
    if tumour:
        method = HiFiSyn(modalities=modalities, items=(2, 2, 3, 3, 3, 3, 3), common=19)
    moved = ("content", "attribute", "generator", "memory")
    players = (
        Player("content_critic", ("content_critic",), 4e-4, betas=(0.5, 0.99), clip=5.0),
        Player("critic", ("critic",), 1e-3, betas=(0.5, 0.99)),
        Player("generator", moved, 1e-3, betas=(0.5, 0.99)),
    )
    start = Recipe(method, LOSSES, players, Training(1, 1, decay_from=0.5))
    return start.configure(**SIZES[current_profile(profile).name])
