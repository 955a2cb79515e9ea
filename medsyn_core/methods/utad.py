r"""UTAD-Net (Huang, Wei and Li, 2024): unpaired, tumour-aware translation between any two modalities.

A teacher translates the whole image and the tumour in two branches that share fused features; a mask tells it where the
tumour is. A student of the same structure gets the whole image in both branches and imitates the frozen teacher, so
that it needs no mask. Every training subject shows one modality, the critics and a cycle do the rest. One step of it,
with the loss terms, is in `medsyn_core.methods.utad_step`; here are networks, settings and recipes.

Left open by the paper and chosen here: the target's code sets scale and shift in the decoders (in the public code it is
a plane at the input, which instance normalisation subtracts again), together with what the global encoder saw of the
source; a target is any modality but the source's; the critic's score is the mean of its patch map; critics take three
turns to one of the generator (five in the public code); networks see images, tumours too, as their difference from an
average brain; the student starts from its teacher's weights but for the local encoder, whose input is another (as in
the public code); a zeros or random map takes the mask's place wherever the teacher uses one. Changed: features are
fused at every level and feed both decoders (the paper draws one block and the public code fuses the bottleneck, so that
the whole image is told of a tumour through the coarsest grid alone); critics have a score for each modality, where the
paper's only asks whether an image looks like any of them; slices without tumour do not count for the local critic (the
public code shows it blank images as real tumours); no normalisation in encoders, and none over the batch in the fusion;
what the local branch answers counts inside the mask only, a student's too, in its losses; lambda_1 in the units of our
images, and more of it for eq. utad-8 (see `utad_step.LAMBDA_1` and `LAMBDA_LOCAL`); the rate stays as it is (the paper
lets it fall in the second half, which gained nothing in our short runs; `configure(decay_from=0.5)`); what translates
and what teaches is the average of a generator's weights over the end of training; sizes and rates are the profiles'.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from medsyn_core.data.volume import REGIONS, region
from medsyn_core.methods.any_to_any import AnyToAny, GuidedTranslator, Translator
from medsyn_core.methods.utad_step import (
    DISTILLATION,
    LAMBDA_2,
    LOSSES,
    TUMOUR_DISTILLATION,
    StudentTrace,
    TeacherTrace,
)
from medsyn_core.networks.critics import ContrastCritic
from medsyn_core.networks.two_branch import STRUCTURES, TwoBranch
from medsyn_core.profiles import profile as current_profile
from medsyn_core.training import Player, Recipe, Run, Trace, Training
from medsyn_core.training.averaging import averaged

GUIDES = ("tumour", "zeros", "random")


@dataclass(frozen=True)
class Teacher(AnyToAny):
    """Settings beside those of `AnyToAny`: region and guide of the mask, channels at full resolution and halvings of
    generator and critics. The local critic may halve less often, for smaller patches: two halvings see 18 pixels."""

    name: ClassVar[str] = "utad-teacher"
    step: ClassVar[type[TeacherTrace]] = TeacherTrace
    memory_format: ClassVar[torch.memory_format] = torch.contiguous_format  # instance norm is slow in the other one

    region: str = "WT"
    guide: str = "tumour"
    width: int = 8
    levels: int = 3
    critic_width: int = 16
    critic_levels: int = 4
    local_critic_levels: int = 2

    def __post_init__(self) -> None:
        for name, value, known in (("region", self.region, REGIONS), ("guide", self.guide, GUIDES)):
            if value not in known:
                raise ValueError(f"{name}={value!r} is unknown; choose one of: {', '.join(known)}.")

    def networks(self, example: Mapping[str, Tensor]) -> dict[str, nn.Module]:
        levels = {"global_critic": self.critic_levels, "local_critic": self.local_critic_levels}
        critics = {name: ContrastCritic(self.critic_width, n, len(self.modalities)) for name, n in levels.items()}
        generator = self.initial()
        return {"generator": generator, "average": averaged(generator), **critics}

    def initial(self) -> TwoBranch:
        """The generator as its training begins."""
        return self.generator()

    def generator(self) -> TwoBranch:
        """The generator with fresh weights."""
        return TwoBranch(self.width, self.levels, len(self.modalities))

    def draws(self, size: int, generator: torch.Generator) -> dict[str, Tensor]:
        mix = torch.rand(size, 1, 1, 1, generator=generator)
        return {
            **super().draws(size, generator),
            "mix": mix,
            "noise": torch.randint(2**31, (size,), generator=generator),
        }

    def mask(self, seg: Tensor, noise: Tensor) -> Tensor:
        """The guide: seg (B, H, W) BraTS labels, noise (B,) seeds of random maps -> (B, 1, H, W), 0 or 1."""
        if self.guide == "tumour":
            return region(seg, self.region)[:, None].float()
        if self.guide == "zeros":
            return torch.zeros(seg.shape, device=seg.device)[:, None]
        maps = [torch.rand(seg.shape[1:], generator=torch.Generator().manual_seed(s)) < 0.5 for s in noise.tolist()]
        return torch.stack(maps)[:, None].float().to(seg.device)

    def trace(self, networks: Mapping[str, nn.Module], batch: Mapping[str, Tensor]) -> TeacherTrace:
        given = self.sample(batch)
        return self.step(networks, self, given | {"mask": self.mask(given["seg"], batch["noise"])})

    def after_turn(
        self, networks: Mapping[str, nn.Module], trace: Trace, player: str, gather: Callable[[Tensor], Tensor]
    ) -> None:
        if player == "generator":
            networks["average"].update_parameters(networks["generator"])

    def guides(self, batch: Mapping[str, Tensor]) -> tuple[Tensor, ...]:
        return (self.mask(batch["seg"], batch["index"]),)

    def model(self, networks: Mapping[str, nn.Module]) -> nn.Module:
        return self.translator(networks["average"].module)

    def untrained_model(self) -> nn.Module:
        return self.translator(self.generator())

    def translator(self, generator: nn.Module) -> Translator:
        """A generator, ready to use."""
        return GuidedTranslator(generator, self.modalities)


@dataclass(frozen=True)
class Student(Teacher):
    """Settings beside the teacher's: structure, one of `STRUCTURES`; teacher: the hash of its recipe. weights are the
    trained teacher's; without them the student can be described and loaded, but not trained."""

    name: ClassVar[str] = "utad-student"
    step: ClassVar[type[TeacherTrace]] = StudentTrace

    structure: str = "full"
    teacher: str = ""
    weights: Mapping[str, Tensor] | None = field(default=None, repr=False, compare=False, metadata={"setting": False})

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.structure not in STRUCTURES:
            raise ValueError(f"structure={self.structure!r} is unknown; choose one of: {', '.join(STRUCTURES)}.")

    def view(self, subset: Any) -> Any:
        if self.weights is None:
            raise ValueError("this student has no trained teacher; make it with utad.student(teacher.fit(cohort)).")
        return super().view(subset)

    def generator(self) -> TwoBranch:
        encoder, decoder = STRUCTURES[self.structure]
        return TwoBranch(self.width, self.levels, len(self.modalities), encoder, decoder)

    def initial(self) -> TwoBranch:
        generator = self.generator()
        own = generator.state_dict()
        known = {k: v for k, v in self.weights.items() if k in own and not k.startswith("local_encoder.")}
        generator.load_state_dict(own | known)
        return generator

    def networks(self, example: Mapping[str, Tensor]) -> dict[str, nn.Module]:
        networks = super().networks(example)
        teacher = TwoBranch(self.width, self.levels, len(self.modalities))
        teacher.load_state_dict(self.weights)
        return networks | {"teacher": teacher}  # nobody moves it: the engine keeps it frozen, in evaluation mode

    def guides(self, batch: Mapping[str, Tensor]) -> tuple[Tensor, ...]:
        return ()

    def translator(self, generator: nn.Module) -> Translator:
        return Translator(generator, self.modalities)


SIZES = {
    "smoke": {"width": 4, "levels": 2, "critic_width": 4, "critic_levels": 2, "steps": 3, "batch_size": 4},
    "laptop": {"width": 8, "levels": 3, "critic_width": 16, "critic_levels": 3, "steps": 450, "batch_size": 8},
    "gpu": {
        "width": 32,
        "levels": 4,
        "critic_width": 64,
        "critic_levels": 4,
        "local_critic_levels": 3,
        "steps": 30000,
        "batch_size": 8,
    },
}


def teacher(profile: str | None = None, region: str = "WT", guide: str = "tumour") -> Recipe:
    """The teacher at the sizes of a profile (default: the one in force), utad-11 and utad-12."""
    players = (
        Player("critic", ("global_critic", "local_critic"), 2e-3, betas=(0.5, 0.99), updates=3),
        # no gradient moves the average: a player has to own it, or a checkpoint would take it for a frozen network
        Player("generator", ("generator", "average"), 2e-3, betas=(0.5, 0.99)),
    )
    start = Recipe(Teacher(region=region, guide=guide), LOSSES, players, Training(1, 1))
    return start.configure(**SIZES[current_profile(profile).name])


def student(teacher: Run | Recipe, structure: str = "full", tumours: bool = False) -> Recipe:
    """The student of a trained teacher, utad-11 and utad-13: its region, sizes, rates and losses, and distillation, for
    half of its steps, as it starts where the teacher ended.

    Of a recipe that is not trained yet only the description can be had. tumours: not in the paper: images are compared
    with the teacher's inside the mask too, by themselves, and over the whole five times as heavily, which keeps fluid
    apart from tumours that look like it; the losses see the mask, the student does not.
    """
    recipe, weights = teacher, None
    if isinstance(teacher, Run):
        recipe = teacher.recipe
        weights = {k: v.detach().cpu().clone() for k, v in teacher.model.generator.state_dict().items()}
    method = Student(**recipe.method.settings(), structure=structure, teacher=recipe.config_hash, weights=weights)
    training = replace(recipe.training, steps=max(1, recipe.training.steps // 2))
    losses = recipe.losses.add(DISTILLATION)
    if tumours:
        losses = losses.add(TUMOUR_DISTILLATION).edit(distillation=5 * LAMBDA_2)
    return replace(recipe, method=method, losses=losses, training=training)
