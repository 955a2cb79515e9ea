r"""D²-Net (Yang et al., 2022): brain tumours segmented from whichever modalities there are.

Two disentanglements on the way from images to labels. First, what is a modality's own goes into codes, taught by
contrast between slices; then the tumour feature is seen in the light of a code for each class, a teacher segments class
by class, and a student that segments all of them at once learns from every layer of it. One step of it, with the loss
terms, is in `medsyn_core.methods.d2net_step`; here are networks, settings and the recipe.

Left open by the paper and chosen here: AdaIN takes a code's mean over the slices that show brain; channels of different
number are averaged in groups or repeated before they are compared; the affinity is a cosine at each voxel, kept from
being negative and detached; a missing modality's code is 0. Changed: one encoder of codes and one reconstructing
decoder serve all modalities (as in the public code; `encoders`), so that only the code tells them apart; missing
modalities are neither contrasted nor reconstructed; group normalisation, so that no patient's answer depends on another
in the batch, where the paper normalises over it, and none in the encoder of codes; the norms of d2-6, d2-9 and d2-10
are mean squares; the teacher's auxiliary classifiers learn from labels too; rare classes weigh more in both
cross-entropies, and half of the patches lie round a tumour voxel; no rotation among the augmentations; sizes, rates and
slice distances are the profiles'.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from medsyn_core.data.patches import Patches
from medsyn_core.losses.modality_contrast import all_slice_pairs, sampled_slice_pairs
from medsyn_core.methods.d2net_step import CLASSES, LOSSES, D2Trace
from medsyn_core.methods.segmenter import Segmenter, as_classes, score_subsets
from medsyn_core.networks.modality_codes import ClassProjection, SliceEncoders
from medsyn_core.networks.volumetric import Decoder3d, Encoder3d, Fusion3d, ModalityContent, SideClassifiers
from medsyn_core.profiles import profile as current_profile
from medsyn_core.training import Method, Player, Recipe, Training


@dataclass(frozen=True)
class D2Net(Method):
    """Settings: modalities in the cohort's order; patch, voxels a side; width at full size and levels of encoder and
    decoders; features of z; code, its length; dropout, the chance of each modality to be missing; centred, of a patch
    to lie round a tumour voxel.

    distance, positives, reach: see `sampled_slice_pairs`; 0 for the distance takes all pairs. layers: how many layers
    are distilled. shrink: times fewer channels of the student. frequency_level: 4 for codes, 1 … 3 for maps, 0 for the
    image. project: whether E_TM is there. encoders: of codes, 1 or one a modality. affinity_gradient: whether gradients
    reach the affinities.
    """

    name: ClassVar[str] = "d2net"
    memory_format: ClassVar[torch.memory_format] = torch.channels_last_3d

    modalities: tuple[str, ...] = ("t1", "t1ce", "t2", "flair")
    patch: int = 32
    width: int = 8
    levels: int = 3
    features: int = 4
    code: int = 8
    dropout: float = 0.5
    centred: float = 0.5
    distance: int = 12
    positives: int = 1
    reach: int = 2
    temperature: float = 0.07
    layers: int = 2
    shrink: int = 1
    frequency_level: int = 4
    project: bool = True
    encoders: int = 1
    affinity_gradient: bool = False

    def __post_init__(self) -> None:
        for name in ("patch", "width", "levels", "features", "code"):
            if not getattr(self, name) >= 1:
                raise ValueError(f"{name}={getattr(self, name)!r} must be at least 1.")
        if self.shrink < 1 or self.width % self.shrink:
            raise ValueError(f"shrink={self.shrink!r} must divide width={self.width}.")
        if not self.temperature > 0:
            raise ValueError(f"temperature={self.temperature!r} must be above 0.")
        if not 1 <= self.layers <= self.levels + 1:
            raise ValueError(f"layers={self.layers} must lie between 1 and {self.levels + 1}, one more than levels.")
        if not 0 <= self.centred <= 1:
            raise ValueError(f"centred={self.centred!r} must lie between 0 and 1.")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout={self.dropout!r} must be at least 0 and below 1.")
        if self.frequency_level not in range(5):
            raise ValueError(f"frequency_level={self.frequency_level!r} must be a whole number from 0 to 4.")
        if self.encoders not in (1, len(self.modalities)):
            raise ValueError(f"encoders={self.encoders} must be 1 or {len(self.modalities)}, one a modality.")
        if not self.project and len(self.modalities) != CLASSES:
            raise ValueError(f"without E_TM each of {CLASSES} classes takes a modality's code; there must be as many.")

    def networks(self, example: Mapping[str, Tensor]) -> dict[str, nn.Module]:
        teacher = Decoder3d(self.features, self.width, self.levels, 1)
        student = self._student()
        return self._path(student) | {
            "reconstruction": Decoder3d(self.features, self.width, self.levels, 1, code=self.code),
            "teacher": teacher,
            "teacher_sides": SideClassifiers(self._widths(teacher), 1),
            "student_sides": SideClassifiers(self._widths(student), CLASSES),
        }

    def _student(self) -> Decoder3d:
        return Decoder3d(self.features, self.width, self.levels, CLASSES, shrink=self.shrink)

    def _path(self, student: Decoder3d) -> dict[str, nn.Module]:
        """What lies between images and the student's answer: all that is needed once training is over."""
        many = len(self.modalities)
        return {
            "tumour_encoder": Encoder3d(many, self.width, self.levels, self.features),
            "modality_encoder": SliceEncoders(self.width, self.code, self.encoders),
            "projection": ClassProjection(many, CLASSES) if self.project else nn.Identity(),
            "content": ModalityContent(self.features, self.code),
            "fusion": Fusion3d(CLASSES, self.features),
            "student": student,
        }

    def _widths(self, decoder: Decoder3d) -> list[int]:
        """Channels of the layers that are distilled, see `D2Trace`."""
        widths = decoder.widths[: self.layers]
        return widths if len(widths) == self.layers else [self.features, *widths]

    def view(self, subset: Any) -> Patches:
        """Blocks of volumes. Raises ValueError if the cohort has other modalities."""
        if tuple(subset.cohort.modalities) != tuple(self.modalities):
            raise ValueError(
                f"the recipe segments {', '.join(self.modalities)}, but the cohort has "
                f"{', '.join(subset.cohort.modalities)}; configure(modalities=cohort.modalities) fits them."
            )
        return Patches(subset, (self.patch,) * 3, centred=self.centred)

    def slice_pairs(self, modalities: int, slices: int) -> tuple[Tensor, Tensor]:
        """Who is whose positive and negative among the codes of a patch."""
        if not self.distance:
            return all_slice_pairs(modalities, slices)
        return sampled_slice_pairs(modalities, slices, self.distance, self.positives, self.reach)

    def draws(self, size: int, generator: torch.Generator) -> dict[str, Tensor]:
        """stay: (B, M) uniform, who is dropped; flip: (B,) uniform; gain, offset: (B, M) normal."""
        many = len(self.modalities)
        return {
            "stay": torch.rand(size, many, generator=generator),
            "flip": torch.rand(size, generator=generator),
            "gain": torch.randn(size, many, generator=generator),
            "offset": torch.randn(size, many, generator=generator),
        }

    def sample(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The batch with its draws carried out: mirrored, intensities changed by about a tenth, modalities dropped.

        The highest draw of a modality that is there always stays, so that an input is never empty.
        """
        there, many = batch["present"], lambda x: x[:, :, None, None, None]
        highest = (batch["stay"] * there).amax(dim=1, keepdim=True)
        present = there * (batch["stay"] >= highest.clamp_max(self.dropout))
        images = batch["images"]
        varied = images * (1 + 0.1 * many(batch["gain"])) + 0.1 * many(batch["offset"])
        images = torch.where(images != 0, varied, 0.0) * many(present)
        mirrored = batch["flip"] < 0.5
        return {
            "images": torch.where(mirrored[:, None, None, None, None], images.flip(-1), images),
            "labels": as_classes(torch.where(mirrored[:, None, None, None], batch["seg"].flip(-1), batch["seg"])),
            "present": present,
            "subject": batch["subject"],
        }

    def trace(self, networks: Mapping[str, nn.Module], batch: Mapping[str, Tensor]) -> D2Trace:
        return D2Trace(networks, self, self.sample(batch))

    def model(self, networks: Mapping[str, nn.Module]) -> Segmenter:
        return Segmenter(self, {name: networks[name] for name in self._path(networks["student"])})

    def untrained_model(self) -> Segmenter:
        return self.model(self._path(self._student()))

    def evaluate(self, networks: Mapping[str, nn.Module], subset: Any) -> list[dict]:
        return score_subsets(self.model(networks), subset)


SIZES = {
    "smoke": {"patch": 16, "width": 4, "levels": 2, "layers": 1, "distance": 6, "reach": 1, "steps": 2},
    "laptop": {"patch": 32, "width": 8, "levels": 3, "layers": 2, "distance": 12, "reach": 2, "steps": 600},
    "gpu": {"patch": 128, "width": 8, "levels": 5, "layers": 4, "distance": 48, "reach": 8, "steps": 30000},
}


def recipe(profile: str | None = None) -> Recipe:
    """D²-Net at the sizes of a profile (default: the one in force), all its terms weighted 1 (d2-11)."""
    with torch.random.fork_rng(devices=()):  # only their names are asked for
        names = tuple(D2Net().networks({}))
    # The paper's rate of 3e-4 is for 400 epochs; a short run that ends gently needs a high one.
    player = Player("segmenter", names, 1e-2, weight_decay=5e-5)
    start = Recipe(D2Net(), LOSSES, (player,), Training(1, batch_size=2, decay_from=0.4))
    return start.configure(**SIZES[current_profile(profile).name])
