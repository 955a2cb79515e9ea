"""HiFi-Syn, one step: what the paper's section 3 names, and its loss terms in the order of their equations.

The networks, settings and recipes, and what differs from the paper, are in `medsyn_core.methods.hifi_syn`. In names,
`i` and `j` are the two modalities; `ij` is what was translated from i to j. Shapes: images (B, 1, H, W), content (B, C,
h, w), codes (B, size).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from medsyn_core.losses import adversarial, consistency, contrastive
from medsyn_core.training import LossError, LossTable, LossTerm, Trace, entry


class Attribute(NamedTuple):
    """code: (B, size); local: (B, C, h, w), what the code is the average of."""

    code: Tensor
    local: Tensor


class HiFiTrace(Trace):
    """Given: image_i, image_j, brain_i, brain_j (B, 1, H, W); structure_i, structure_j (B, h, w) or None; subject_i,
    subject_j (B,); pixels (B, P), the queries that PGD compares. The rest as named below."""

    # inductive bias of disentanglement
    @entry
    def content_i(self) -> Tensor:
        """z^c of image i."""
        return self._networks["content"](self.image_i, 0)

    @entry
    def content_j(self) -> Tensor:
        """z^c of image j."""
        return self._networks["content"](self.image_j, 1)

    @entry
    def attribute_i(self) -> Attribute:
        """z^a of image i."""
        return Attribute(*self._networks["attribute"](self.image_i, 0))

    @entry
    def attribute_j(self) -> Attribute:
        """z^a of image j."""
        return Attribute(*self._networks["attribute"](self.image_j, 1))

    # memory: affinities, and reads of both modalities' values
    @entry
    def affinity_i(self) -> Tensor:
        """w of the queries of image i, (B, h * w, T)."""
        return self._networks["memory"].affinity(self.content_i, self.structure_i)

    @entry
    def affinity_j(self) -> Tensor:
        """w of the queries of image j."""
        return self._networks["memory"].affinity(self.content_j, self.structure_j)

    def _generate(self, content: Tensor, affinity: Tensor, code: Tensor, modality: int, brain: Tensor) -> Tensor:
        read = self._networks["memory"].read(affinity, modality, content.shape[-2:])
        return self._networks["generator"](content, read, code, modality) * brain

    # first translation
    @entry
    def translated_ij(self) -> Tensor:
        """m_(i->j): the content of i with the attribute of j."""
        return self._generate(self.content_i, self.affinity_i, self.attribute_j.code, 1, self.brain_i)

    @entry
    def translated_ji(self) -> Tensor:
        """m_(j->i)."""
        return self._generate(self.content_j, self.affinity_j, self.attribute_i.code, 0, self.brain_j)

    @entry
    def self_i(self) -> Tensor:
        """G_i(z^c_i, z^a_i): image i from its own parts."""
        return self._generate(self.content_i, self.affinity_i, self.attribute_i.code, 0, self.brain_i)

    @entry
    def self_j(self) -> Tensor:
        """G_j(z^c_j, z^a_j)."""
        return self._generate(self.content_j, self.affinity_j, self.attribute_j.code, 1, self.brain_j)

    # second translation
    @entry
    def content_ij(self) -> Tensor:
        """z^c of the translated image i: it should be that of image i."""
        return self._networks["content"](self.translated_ij, 1)

    @entry
    def content_ji(self) -> Tensor:
        """z^c of the translated image j."""
        return self._networks["content"](self.translated_ji, 0)

    @entry
    def cycled_i(self) -> Tensor:
        """Image i again: the content of m_(i->j) with the attribute of m_(j->i)."""
        code, _ = self._networks["attribute"](self.translated_ji, 0)
        affinity = self._networks["memory"].affinity(self.content_ij, self.structure_i)
        return self._generate(self.content_ij, affinity, code, 0, self.brain_i)

    @entry
    def cycled_j(self) -> Tensor:
        """Image j again."""
        code, _ = self._networks["attribute"](self.translated_ij, 1)
        affinity = self._networks["memory"].affinity(self.content_ji, self.structure_j)
        return self._generate(self.content_ji, affinity, code, 1, self.brain_j)

    # granularities: images of i, then of j, beside their translations
    @entry
    def contents(self) -> tuple[Tensor, Tensor]:
        """z^c of both images and of both translations, (2 B, C, h, w) each."""
        return torch.cat([self.content_i, self.content_j]), torch.cat([self.content_ij, self.content_ji])

    @entry
    def subjects(self) -> Tensor:
        """Whose they are, (2 B,)."""
        return torch.cat([self.subject_i, self.subject_j])

    @entry
    def structures(self) -> Tensor | None:
        """Their annotation maps, (2 B, h, w), or None."""
        return None if self.structure_i is None else torch.cat([self.structure_i, self.structure_j])

    @entry
    def regions(self) -> tuple[Tensor, Tensor, Tensor]:
        """Structure-wise content of images and of translations, (2 B, structures, C), and which are there (2 B,
        structures)."""
        if self.structures is None:
            raise LossError(
                "structure_discrimination needs annotations; set its weight to 0 or configure(annotations=True)"
            )
        count = len(self.settings.items)
        (content, translated), structure = self.contents, self.structures
        means, present = contrastive.structure_means(content, structure, count)
        return means, contrastive.structure_means(translated, structure, count)[0], present

    @entry
    def region_weights(self) -> Tensor:
        """w_s of every region, (2 B, structures)."""
        measure = DEFORMATIONS[self.settings.deformation]
        off = measure(*self.contents, self.structures, len(self.settings.items))
        return contrastive.rank_weights(off, self.regions[2], self.settings.alpha_s)

    # critics
    @entry
    def real_i(self) -> Tensor:
        """D_i of image i, a map of logits."""
        return self._networks["critic"](self.image_i, 0)

    @entry
    def real_j(self) -> Tensor:
        """D_j of image j."""
        return self._networks["critic"](self.image_j, 1)

    @entry
    def fake_ij(self) -> Tensor:
        """D_j of m_(i->j)."""
        return self._networks["critic"](self.translated_ij, 1)

    @entry
    def fake_ji(self) -> Tensor:
        """D_i of m_(j->i)."""
        return self._networks["critic"](self.translated_ji, 0)

    @entry
    def guessed_i(self) -> Tensor:
        """D_c of the content of i, (B, 1): positive for "from j"."""
        return self._networks["content_critic"](self.content_i)

    @entry
    def guessed_j(self) -> Tensor:
        """D_c of the content of j."""
        return self._networks["content_critic"](self.content_j)


DEFORMATIONS = {"mean": contrastive.mean_deformation, "total": contrastive.total_deformation}
WEIGHTINGS = {"term": contrastive.weighted_contrast, "numerator": contrastive.numerator_weighted_contrast}


def pixel_term(trace: HiFiTrace) -> Tensor:
    """hifi-7."""
    take = lambda content: content.flatten(2).transpose(1, 2).gather(1, where.expand(-1, -1, content.shape[1]))
    where = torch.cat([trace.pixels, trace.pixels])[..., None]  # (2 B, P, 1)
    content, translated = trace.contents
    structure = None if trace.structures is None else trace.structures.flatten(1).gather(1, where[..., 0])
    return contrastive.pixel_discrimination(
        take(content), take(translated), trace.subjects, structure, trace.settings.tau_pixel
    )


def structure_term(trace: HiFiTrace) -> Tensor:
    """hifi-11, with hifi-8 to hifi-10."""
    means, translated, present = trace.regions  # (2 B, structures, C) twice, (2 B, structures)
    images, structures = present.shape
    return contrastive.region_discrimination(
        means.flatten(0, 1),
        translated.flatten(0, 1),
        trace.subjects.repeat_interleave(structures),
        torch.arange(structures, device=present.device).repeat(images),
        present.flatten(),
        trace.settings.tau_structure,
        trace.region_weights.flatten(),
        WEIGHTINGS[trace.settings.weighting],
    )


def global_term(trace: HiFiTrace) -> Tensor:
    """hifi-12: hifi-11 with one region, the whole image, and weights 1."""
    content, translated = (z.mean(dim=(2, 3)) for z in trace.contents)  # (2 B, C)
    whole = torch.zeros_like(trace.subjects)
    everywhere = torch.ones_like(whole, dtype=torch.bool)
    return contrastive.region_discrimination(
        content,
        translated,
        trace.subjects,
        whole,
        everywhere,
        trace.settings.tau_global,
        torch.ones_like(content[:, 0]),
    )


def cross_cycle_term(trace: HiFiTrace) -> Tensor:
    """hifi-13."""
    return consistency.cycle(trace.cycled_i, trace.image_i) + consistency.cycle(trace.cycled_j, trace.image_j)


def self_reconstruction_term(trace: HiFiTrace) -> Tensor:
    """hifi-14."""
    return consistency.cycle(trace.self_i, trace.image_i) + consistency.cycle(trace.self_j, trace.image_j)


def content_adversarial_term(trace: HiFiTrace) -> Tensor:
    """hifi-15, the encoders' side: the critic should not be able to tell."""
    return adversarial.confusion(trace.guessed_i) + adversarial.confusion(trace.guessed_j)


def content_critic_term(trace: HiFiTrace) -> Tensor:
    """hifi-15, the content critic's side."""
    return adversarial.dense_discriminator(trace.guessed_j, trace.guessed_i)


def domain_adversarial_term(trace: HiFiTrace) -> Tensor:
    """hifi-16, the generators' side."""
    return adversarial.dense_generator(trace.fake_ij) + adversarial.dense_generator(trace.fake_ji)


def domain_critic_term(trace: HiFiTrace) -> Tensor:
    """hifi-16, negated: critics minimise."""
    of_i = adversarial.dense_discriminator(trace.real_i, trace.fake_ji)
    return of_i + adversarial.dense_discriminator(trace.real_j, trace.fake_ij)


LAMBDA_3 = 20.0
"""And lambda_4: 10 in DRIT++, whose images span 2 units; here a brain spans about 1, and the same difference is half as
large."""
LOSSES = LossTable(
    (
        LossTerm("content_adversarial", content_adversarial_term, 1.0, "generator", "hifi-15"),
        LossTerm("domain_adversarial", domain_adversarial_term, 1.0, "generator", "hifi-16"),
        LossTerm("cross_cycle", cross_cycle_term, LAMBDA_3, "generator", "hifi-13"),
        LossTerm("self_reconstruction", self_reconstruction_term, LAMBDA_3, "generator", "hifi-14"),
        LossTerm("pixel_discrimination", pixel_term, 1.0, "generator", "hifi-7"),
        LossTerm("structure_discrimination", structure_term, 2.0, "generator", "hifi-11"),
        LossTerm("global_discrimination", global_term, 1.0, "generator", "hifi-12"),
        LossTerm("domain_critic", domain_critic_term, 1.0, "critic", "hifi-16"),
        LossTerm("content_critic", content_critic_term, 1.0, "content_critic", "hifi-15"),
    ),
    players=("generator", "critic", "content_critic"),
)
