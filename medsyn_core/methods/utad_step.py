"""UTAD-Net, one step: what the paper's figure 2 names, and its loss terms in the order of their equations.

The networks, settings and recipes, and what differs from the paper, are in `medsyn_core.methods.utad`.
"""

from __future__ import annotations

from torch import Tensor

from medsyn_core.losses import adversarial, classification, consistency, distillation
from medsyn_core.networks.two_branch import Translation
from medsyn_core.training import LossTable, LossTerm, Trace, entry

# -- framework and pipeline


class TeacherTrace(Trace):
    """image: (B, 1, H, W) of the source modality; modality, target: (B,) codes s and t; mask: (B, 1, H, W) 0 or 1, of
    the source's subject; mix: (B, 1, 1, 1), uniform: where interpolates lie; seg: (B, H, W) BraTS labels."""

    @entry
    def tumour_source(self) -> Tensor:
        """T_source: the image inside the mask, (B, 1, H, W)."""
        return self.image * self.mask

    @entry
    def forth(self) -> Translation:
        """G(I_source, T_source, t)."""
        return self._networks["generator"](self.image, self.tumour_source, self.target)

    @entry
    def translated(self) -> Tensor:
        """I_target, (B, 1, H, W)."""
        return self.forth.image

    @entry
    def tumour_cropped(self) -> Tensor:
        """T'_target: the tumour area of the translated whole image, (B, 1, H, W)."""
        return self.translated * self.mask

    @entry
    def tumour_translated(self) -> Tensor:
        """T_target: what the local branch says inside the mask, (B, 1, H, W); the crop of the whole image where there
        is no local decoder."""
        return self.tumour_cropped if self.forth.tumour is None else self.forth.tumour * self.mask

    @entry
    def back(self) -> Translation:
        """G(I_target, T'_target, s)."""
        return self._networks["generator"](self.translated, self.tumour_cropped, self.modality)

    @entry
    def reconstructed(self) -> Tensor:
        """I'_source, (B, 1, H, W)."""
        return self.back.image

    @entry
    def tumour_reconstructed(self) -> Tensor:
        """T'_source of the local branch inside the mask, (B, 1, H, W); the crop of I'_source where there is no local
        decoder."""
        return (self.reconstructed if self.back.tumour is None else self.back.tumour) * self.mask

    # discriminators: one pass of a picture gives its score (B,) and its modality's logits (B, M)
    @entry
    def global_real(self) -> tuple[Tensor, Tensor]:
        """D_g(I_source)."""
        return self._networks["global_critic"](self.image, self.modality)

    @entry
    def global_fake(self) -> tuple[Tensor, Tensor]:
        """D_g(I_target)."""
        return self._networks["global_critic"](self.translated, self.target)

    @entry
    def local_real(self) -> tuple[Tensor, Tensor]:
        """D_l(T_source)."""
        return self._networks["local_critic"](self.tumour_source, self.modality)

    @entry
    def local_fake(self) -> tuple[Tensor, Tensor]:
        """D_l(T_target)."""
        return self._networks["local_critic"](self.tumour_translated, self.target)

    @entry
    def shows(self) -> Tensor:
        """1 for slices whose mask is not empty, else 0, (B,): a blank image is no example of a tumour."""
        return self.mask.flatten(1).amax(dim=1)

    @entry
    def global_gradient(self) -> Tensor:
        """Gradient of D_g's score at random points between real and synthetic images, (B, 1, H, W)."""
        between = adversarial.interpolate(self.image, self.translated, self.mix)
        return adversarial.score_gradient(lambda x: self._networks["global_critic"](x, self.target)[0], between)

    @entry
    def local_gradient(self) -> Tensor:
        """The same of D_l between real and synthetic tumours, (B, 1, H, W)."""
        between = adversarial.interpolate(self.tumour_source, self.tumour_translated, self.mix)
        return adversarial.score_gradient(lambda x: self._networks["local_critic"](x, self.target)[0], between)


class StudentTrace(TeacherTrace):
    """As `TeacherTrace`; the mask is for the losses only and never reaches the student's networks."""

    @entry
    def forth(self) -> Translation:
        """G(I_source, t): the whole image in both branches."""
        return self._networks["generator"](self.image, self.image, self.target)

    @entry
    def back(self) -> Translation:
        """G(I_target, s)."""
        return self._networks["generator"](self.translated, self.translated, self.modality)

    @entry
    def taught(self) -> Translation:
        """The frozen teacher's answer to image and mask; one pass, no cycle."""
        return self._networks["teacher"](self.image, self.tumour_source, self.target)


# -- training objective functions, in the order of their equations


def global_adversarial_term(trace: TeacherTrace) -> Tensor:
    """utad-1, what is left of it for the generator."""
    return adversarial.wasserstein_generator(trace.global_fake[0])


def global_critic_term(trace: TeacherTrace) -> Tensor:
    """utad-1 without its penalty, negated: a critic minimises."""
    return adversarial.wasserstein_critic(trace.global_fake[0], trace.global_real[0])


def global_penalty_term(trace: TeacherTrace) -> Tensor:
    """utad-1, the penalty."""
    return adversarial.gradient_penalty(trace.global_gradient)


def local_adversarial_term(trace: TeacherTrace) -> Tensor:
    """utad-2, what is left of it for the generator."""
    return adversarial.wasserstein_generator(trace.shows * trace.local_fake[0])


def local_critic_term(trace: TeacherTrace) -> Tensor:
    """utad-2 without its penalty, negated."""
    return adversarial.wasserstein_critic(trace.shows * trace.local_fake[0], trace.shows * trace.local_real[0])


def local_penalty_term(trace: TeacherTrace) -> Tensor:
    """utad-2, the penalty."""
    return adversarial.gradient_penalty(trace.local_gradient, trace.shows)


def global_classification_real_term(trace: TeacherTrace) -> Tensor:
    """utad-3."""
    return classification.modality_classification(trace.global_real[1], trace.modality)


def local_classification_real_term(trace: TeacherTrace) -> Tensor:
    """utad-4."""
    return classification.modality_classification(trace.local_real[1], trace.modality, trace.shows)


def global_classification_term(trace: TeacherTrace) -> Tensor:
    """utad-5; with the next one utad-7."""
    return classification.modality_classification(trace.global_fake[1], trace.target)


def local_classification_term(trace: TeacherTrace) -> Tensor:
    """utad-6."""
    return classification.modality_classification(trace.local_fake[1], trace.target, trace.shows)


def local_consistency_term(trace: TeacherTrace) -> Tensor:
    """utad-8."""
    return consistency.local_consistency(
        trace.tumour_translated, trace.translated, trace.tumour_reconstructed, trace.image, trace.mask
    )


def reconstruction_term(trace: TeacherTrace) -> Tensor:
    """utad-9."""
    return consistency.cycle(trace.reconstructed, trace.image)


def distillation_term(trace: StudentTrace) -> Tensor:
    """utad-10."""
    taught = trace.taught
    return distillation.distillation(trace.forth.features, taught.features, trace.translated, taught.image)


def tumour_distillation_term(trace: StudentTrace) -> Tensor:
    """Not in the paper: the images of utad-10 inside the mask alone. Of the mean over whole images a tumour is a
    hundredth, and a student can answer like its teacher everywhere else and have learnt nothing of tumours."""
    return distillation.inside(trace.translated, trace.taught.image, trace.mask)


LAMBDA_1 = 20.0
"""10 in the paper, whose images span 2 units (its public generator ends in tanh); here a brain spans about 1, and the
same difference is half as large."""
LAMBDA_LOCAL = 5 * LAMBDA_1
"""Of eq. utad-8, whose mean runs over a whole image of which a tumour is a small part: with lambda_1 alone, the critics
outweigh it and the whole image does not follow its local branch."""
LAMBDA_2 = 10.0
LOSSES = LossTable(
    (
        LossTerm("global_adversarial", global_adversarial_term, 1.0, "generator", "utad-1"),
        LossTerm("local_adversarial", local_adversarial_term, 1.0, "generator", "utad-2"),
        LossTerm("global_classification", global_classification_term, 1.0, "generator", "utad-5"),
        LossTerm("local_classification", local_classification_term, 1.0, "generator", "utad-6"),
        LossTerm("local_consistency", local_consistency_term, LAMBDA_LOCAL, "generator", "utad-8"),
        LossTerm("reconstruction", reconstruction_term, LAMBDA_1, "generator", "utad-9"),
        LossTerm("global_critic", global_critic_term, 1.0, "critic", "utad-1"),
        LossTerm("global_penalty", global_penalty_term, 1.0, "critic", "utad-1"),
        LossTerm("local_critic", local_critic_term, 1.0, "critic", "utad-2"),
        LossTerm("local_penalty", local_penalty_term, 1.0, "critic", "utad-2"),
        LossTerm("global_classification_real", global_classification_real_term, 1.0, "critic", "utad-3"),
        LossTerm("local_classification_real", local_classification_real_term, 1.0, "critic", "utad-4"),
    ),
    players=("generator", "critic"),
)
DISTILLATION = LossTerm("distillation", distillation_term, LAMBDA_2, "generator", "utad-10")
TUMOUR_DISTILLATION = LossTerm("tumour_distillation", tumour_distillation_term, 10.0, "generator")
