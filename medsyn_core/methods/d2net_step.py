"""D²-Net, one step: what the paper's section III names, and its loss terms in the order of their equations.

The networks, settings and recipe, and what differs from the paper, are in `medsyn_core.methods.d2net`. Shapes: M
modalities, G = D slices, K classes (background and the three tumour labels), N numbers a code, f features; volumes (B,
channels, D, H, W).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from medsyn_core.losses import dense_distillation as dense
from medsyn_core.losses import modality_contrast as contrast
from medsyn_core.losses import segmentation
from medsyn_core.networks.volumetric import Decoded
from medsyn_core.training import LossTable, LossTerm, Trace, entry

CLASSES = 4


class Encoded(NamedTuple):
    """z: (B, f, d, h, w); skips: what decoders skip to, fine to coarse."""

    z: Tensor
    skips: tuple[Tensor, ...]


class SliceCodes(NamedTuple):
    """codes: (B, M, G, N), 0 of a modality that is missing; maps: (B, M, G, C_l, h_l, w_l) of three layers."""

    codes: Tensor
    maps: tuple[Tensor, ...]


class Bank(NamedTuple):
    """features: the maps that distillation compares, coarse to fine; logits: what the auxiliary classifier beside each
    says, (B, K, ...)."""

    features: tuple[Tensor, ...]
    logits: tuple[Tensor, ...]


class D2Trace(Trace):
    """Given: images (B, M, D, H, W), missing ones 0; present (B, M); to train also labels (B, D, H, W) in 0 … K - 1."""

    # modality disentanglement
    @entry
    def encoded(self) -> Encoded:
        """The tumour feature z of all modalities together, E_T(x)."""
        return Encoded(*self._networks["tumour_encoder"](self.images))

    @entry
    def slices(self) -> Tensor:
        """(B, M, G) bool: slices with something to see, of modalities that are there."""
        brain = (self.images != 0).flatten(3).any(dim=3).any(dim=1)  # (B, G)
        return brain[:, None] & (self.present > 0)[:, :, None]

    @entry
    def modality(self) -> SliceCodes:
        """Modality-specific codes c = E_M(x), and the maps before them."""
        codes, maps = self._networks["modality_encoder"](self.images)
        return SliceCodes(codes * self.present[:, :, None, None], maps)

    @entry
    def spectra(self) -> Tensor:
        """c^f, the amplitude spectrum of each code, (B, M, G, N); or of other maps (the paper's table VIII)."""
        level = self.settings.frequency_level
        if level == 4:
            return contrast.amplitude(self.modality.codes)
        seen = self.modality.maps[level - 1] if level else self.images[:, :, :, None]
        return contrast.amplitude(seen, axes=2).flatten(3)  # (B, M, G, C_l * h_l * w_l)

    @entry
    def reconstructed(self) -> Tensor:
        """x' = D_R(c, z), (B, M, D, H, W), 0 of a modality that is missing."""
        codes = self._volume_codes(self.modality.codes)  # (B, M, N)
        whose, which = torch.nonzero(self.present, as_tuple=True)  # nobody asks for the others
        answers = self._decode("reconstruction", self.encoded.z[whose], whose, codes[whose, which]).output[:, 0]
        images = torch.zeros_like(self.images, dtype=answers.dtype)
        return images.index_put((whose, which), answers)

    # tumour modality transfer
    @entry
    def class_codes(self) -> Tensor:
        """Tumour-specific codes, E_TM(c), (B, K, G, N)."""
        return self._networks["projection"](self.modality.codes)

    @entry
    def class_features(self) -> Tensor:
        """F, the tumour feature in the light of each class's code, E_R(c, z), (B, K, f, d, h, w)."""
        codes = self._volume_codes(self.class_codes)  # (B, K, N)
        z = self.encoded.z.repeat_interleave(codes.shape[1], dim=0)  # (B * K, f, d, h, w)
        return self._networks["content"](z, codes.flatten(0, 1)).unflatten(0, codes.shape[:2])

    # tumour-region disentanglement
    @entry
    def teacher(self) -> Decoded:
        """D^T of every class's features: output (B * K, 1, D, H, W) logits, layers (B * K, C, d, h, w)."""
        features = self.class_features
        whose = torch.arange(len(features), device=features.device).repeat_interleave(features.shape[1])
        return self._decode("teacher", features.flatten(0, 1), whose)

    @entry
    def teacher_output(self) -> Tensor:
        """Binary logits p^T side by side, (B, K, D, H, W)."""
        return self._beside(self.teacher.output)

    @entry
    def teacher_bank(self) -> Bank:
        """Feature maps (B, K, C, d, h, w) and logits (B, K, d, h, w) of the layers that are compared."""
        maps = self._bank(self.class_features.flatten(0, 1), self.teacher)
        logits = self._networks["teacher_sides"](maps)
        return Bank(tuple(x.unflatten(0, (-1, CLASSES)) for x in maps), tuple(self._beside(x) for x in logits))

    @entry
    def holistic(self) -> Tensor:
        """F' = Fusion(F), (B, f, d, h, w)."""
        return self._networks["fusion"](self.class_features.flatten(1, 2))

    @entry
    def student(self) -> Decoded:
        """D^S of the holistic features: output p^S (B, K, D, H, W) logits."""
        return self._networks["student"](self.holistic, self.encoded.skips)

    @entry
    def student_bank(self) -> Bank:
        """Feature maps (B, C, d, h, w) and logits (B, K, d, h, w) of the layers that are compared."""
        maps = self._bank(self.holistic, self.student)
        return Bank(maps, self._networks["student_sides"](maps))

    @entry
    def resized(self) -> tuple[tuple[Tensor, ...], ...]:
        """The student's maps in the sizes of the teacher's: [t][s] is (B, C_t, d_t, h_t, w_t)."""
        return tuple(
            tuple(dense.resize(x, theirs.shape[2], theirs.shape[-3:]) for x in self.student_bank.features)
            for theirs in self.teacher_bank.features
        )

    @entry
    def affinities(self) -> Tensor:
        """a, (T, S, B, K): how alike a layer of the teacher and one of the student are, for each class.

        Never negative: a distance with a negative weight would be a reward for moving apart, without end.
        """
        pairs = tuple(zip(self.resized, self.teacher_bank.features, strict=True))
        # No gradient, or two layers could lower the loss by becoming strangers to each other.
        with torch.set_grad_enabled(self.settings.affinity_gradient and torch.is_grad_enabled()):
            found = torch.stack([torch.stack([dense.affinity(x, theirs) for x in ours]) for ours, theirs in pairs])
        return found.clamp_min(0)

    # what several entries share
    def _volume_codes(self, codes: Tensor) -> Tensor:
        """(B, ..., G, N) -> (B, ..., N): the mean over slices that show brain; one code steers a whole volume."""
        seen = self.slices.any(dim=1).to(codes.dtype)  # (B, G)
        return (codes * seen[:, None, :, None]).sum(dim=2) / seen.sum(dim=1).clamp_min(1)[:, None, None]

    def _decode(self, network: str, coarse: Tensor, whose: Tensor, codes: Tensor | None = None) -> Decoded:
        """A decoder's answers for coarse features (n, f, d, h, w) with the skips of the samples `whose` (n,) they are;
        codes: (n, N) for AdaIN."""
        return self._networks[network](coarse, tuple(skip[whose] for skip in self.encoded.skips), codes)

    def _beside(self, answers: Tensor) -> Tensor:
        """(B * K, 1, ...) -> (B, K, ...)."""
        return answers.unflatten(0, (-1, CLASSES))[:, :, 0]

    def _bank(self, coarse: Tensor, decoded: Decoded) -> tuple[Tensor, ...]:
        """The first `layers` maps of a decoder from coarse to fine; one more than it has adds what goes into it."""
        count = self.settings.layers
        maps = decoded.layers[:count]
        return maps if len(maps) == count else (coarse, *maps)


# -- equations


def _contrast(trace: D2Trace, what: Tensor) -> Tensor:
    pairs = trace.settings.slice_pairs(what.shape[1], what.shape[2])
    return contrast.modality_contrast(what, trace.slices, *pairs, trace.settings.temperature)


def spatial_contrast(trace: D2Trace) -> Tensor:
    r"""$L_{sc}$ of the codes (d2-1)."""
    return _contrast(trace, trace.modality.codes)


def frequency_contrast(trace: D2Trace) -> Tensor:
    r"""$L_{fc}$ of their spectra (d2-4)."""
    return _contrast(trace, trace.spectra)


def reconstruction(trace: D2Trace) -> Tensor:
    r"""$\lVert x - x'\rVert_2$ as a mean square over the modalities that are there (in d2-6)."""
    off = (trace.reconstructed.float() - trace.images).square().mean(dim=(2, 3, 4))  # (B, M)
    return (off * trace.present).sum() / trace.present.sum()


def auxiliary(trace: D2Trace) -> Tensor:
    """One class against the rest for each binary answer of the teacher (d2-7), its auxiliary classifiers' included.

    Changed: the paper names the last answer only; but nothing else would tell those classifiers what a tumour is.
    """
    answers = (trace.teacher_output, *trace.teacher_bank.logits)
    losses = [segmentation.one_against_rest(x, segmentation.shrink_labels(trace.labels, x.shape[2:])) for x in answers]
    return torch.stack(losses).mean()


def feature_distillation(trace: D2Trace) -> Tensor:
    r"""$\sum_{s,t} a_{s,t}\lVert F^T_t - F^S_s\rVert_2$, a mean over samples and classes (d2-9)."""
    pairs = zip(trace.resized, trace.teacher_bank.features, strict=True)
    off = torch.stack([torch.stack([dense.feature_distance(x, theirs) for x in ours]) for ours, theirs in pairs])
    return (trace.affinities * off).mean(dim=(2, 3)).sum()


def logit_distillation(trace: D2Trace) -> Tensor:
    r"""$\sum_{s,t} a_{s,t}\,\mathrm{KL}(p^T_t\Vert p^S_s)$ with each affinity's mean over classes (d2-9)."""
    ours, total = trace.student_bank.logits, 0.0
    for theirs, weights in zip(trace.teacher_bank.logits, trace.affinities.mean(dim=3), strict=True):  # (S, B)
        size, many = theirs.shape[2:], theirs.shape[1]
        found = torch.stack([dense.divergence(dense.resize(x, many, size), theirs) for x in ours])  # (S, B)
        total = total + (weights * found).mean(dim=1).sum()
    return total


def consistency(trace: D2Trace) -> Tensor:
    r"""$\lVert p^T - p^S\rVert_2$ as a mean square of probabilities (in d2-10)."""
    theirs, ours = trace.teacher_output.float().sigmoid(), trace.student.output.float().softmax(dim=1)
    return (theirs - ours).square().mean()


def dice(trace: D2Trace) -> Tensor:
    """The student's soft Dice (half of L_seg, d2-11)."""
    return segmentation.soft_dice(trace.student.output, trace.labels)


def cross_entropy(trace: D2Trace) -> Tensor:
    """The student's cross-entropy (the other half of L_seg, d2-11)."""
    return segmentation.cross_entropy(trace.student.output, trace.labels)


LOSSES = LossTable(
    (
        LossTerm("spatial_contrast", spatial_contrast, 1.0, "segmenter", "d2-1"),
        LossTerm("frequency_contrast", frequency_contrast, 1.0, "segmenter", "d2-4"),
        LossTerm("reconstruction", reconstruction, 1.0, "segmenter", "d2-6"),
        LossTerm("auxiliary", auxiliary, 1.0, "segmenter", "d2-7"),
        LossTerm("feature_distillation", feature_distillation, 1.0, "segmenter", "d2-9"),
        LossTerm("logit_distillation", logit_distillation, 1.0, "segmenter", "d2-9"),
        LossTerm("consistency", consistency, 1.0, "segmenter", "d2-10"),
        LossTerm("dice", dice, 1.0, "segmenter", "d2-11"),
        LossTerm("cross_entropy", cross_entropy, 1.0, "segmenter", "d2-11"),
    ),
    players=("segmenter",),
)
