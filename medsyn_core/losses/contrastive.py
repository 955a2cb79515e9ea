r"""Contrastive losses: what belongs together is pulled together, everything else that is named is pushed away.

One core, `contrast`, over a matrix of similarities; HiFi-Syn's three granularities differ in what is compared and in
who counts as positive and negative. Everything is computed in float32, whatever the features are in.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor


def cosine(a: Tensor, b: Tensor) -> Tensor:
    r"""$\mathrm{sim}(a, b) = a \cdot b / (\lVert a\rVert\,\lVert b\rVert)$ of every row with every row (hifi-2).

    a: (A, C), b: (K, C) -> (A, K). A row of zeros is similar to nothing, and gets no gradient: it has no direction.
    """
    with torch.autocast(a.device.type, enabled=False):  # divided by a temperature, three digits would not do
        return unit(a.float()) @ unit(b.float()).T


def unit(x: Tensor) -> Tensor:
    """Vectors (..., C) divided by their lengths; one of zeros stays, and gets no gradient."""
    blank = ~x.any(dim=-1, keepdim=True)
    return F.normalize(torch.where(blank, x.detach(), x), dim=-1)  # at zero its slope would be 1e12


def contrast(similarity: Tensor, positive: Tensor, negative: Tensor, temperature: float) -> Tensor:
    r"""$-\frac{1}{|\Omega^+|}\sum_{+\in\Omega^+}\log\frac{\exp(s_+/\tau)}{\sum_{m\in\Omega^+\cup\,\Omega^-}\exp(s_m/\tau)}$
    of each anchor (the inner part of hifi-7, hifi-11 and hifi-12).

    similarity: (A, K); positive, negative: (A, K) bool; what is neither is not compared. Returns (A,), 0 for anchors
    without a positive. Positives are in their own denominator, once: without them the pull would never end.
    """
    return _contrast(similarity, similarity, positive, negative, temperature)


def weighted_contrast(
    similarity: Tensor, positive: Tensor, negative: Tensor, temperature: float, weight: Tensor
) -> Tensor:
    """`contrast` times each anchor's weight (A,): what hifi-11's text asks for."""
    return weight * contrast(similarity, positive, negative, temperature)


def numerator_weighted_contrast(
    similarity: Tensor, positive: Tensor, negative: Tensor, temperature: float, weight: Tensor
) -> Tensor:
    r"""As `contrast`, with $\exp(w\,s_+/\tau)$ in the numerator alone: hifi-11 as it is printed; weight: (A,).

    Its gradient on a positive's similarity is $(p_+ - w)/\tau$: a pair that is already likelier than its weight is
    pushed apart.
    """
    return _contrast(weight[:, None] * similarity, similarity, positive, negative, temperature)


def _contrast(above: Tensor, below: Tensor, positive: Tensor, negative: Tensor, temperature: float) -> Tensor:
    compared = (below.float() / temperature).masked_fill(~(positive | negative), -torch.inf)
    has_positive = positive.any(dim=1)
    compared = torch.where(has_positive[:, None], compared, 0.0)  # an empty row would make NaN of its gradient
    log_share = above.float() / temperature - compared.logsumexp(dim=1, keepdim=True)  # (A, K)
    mean = (log_share * positive).sum(dim=1) / positive.sum(dim=1).clamp_min(1)
    return torch.where(has_positive, -mean, 0.0)


def mean_where(values: Tensor, where: Tensor) -> Tensor:
    """Mean of `values` (A,) over those that count, `where` (A,) bool; 0 where none does."""
    return (values * where).sum() / where.sum().clamp_min(1)


# -- pixels


def pixel_pairs(subject: Tensor, structure: Tensor | None, pixels: int) -> tuple[Tensor, Tensor]:
    """Who is whose positive and negative among the pixels of G images and, after them, those of their translations.

    subject: (G,); structure: (G, pixels) of each pixel, None where nothing is annotated. Returns positive, negative,
    (G * pixels, 2 * G * pixels) bool. Positive is the same pixel of the image's translation. Negative are all pixels of
    other subjects, whatever their modality, and, with annotations, those of the same subject that lie in another
    structure; pixels of the same subject and structure are not compared.
    """
    who = subject.repeat_interleave(pixels)  # (G * pixels,)
    both = who.repeat(2)
    negative = who[:, None] != both[None]
    if structure is not None:
        which = structure.flatten()
        negative = negative | (which[:, None] != which.repeat(2)[None])
    count = len(who)
    positive = torch.zeros(count, 2 * count, dtype=torch.bool, device=who.device)
    here = torch.arange(count, device=who.device)
    positive[here, count + here] = True
    return positive, negative & ~positive


def pixel_discrimination(
    queries: Tensor, translated: Tensor, subject: Tensor, structure: Tensor | None, temperature: float
) -> Tensor:
    r"""$L_{PGD}$, a mean over the queries (hifi-7).

    queries, translated: (G, P, C) content of the same P pixels in G images and in their translations; subject: (G,);
    structure: (G, P) or None. Changed: the paper sums over all H W pixels of an image and compares them with all; here
    over P of them, which bounds the matrix to G P x 2 G P, and a mean keeps the weight's meaning for any P.
    """
    groups, pixels, channels = queries.shape
    anchors = queries.reshape(groups * pixels, channels)
    everyone = torch.cat([anchors, translated.reshape(groups * pixels, channels)])
    positive, negative = pixel_pairs(subject, structure, pixels)
    return contrast(cosine(anchors, everyone), positive, negative, temperature).mean()


# -- structures


def structure_means(content: Tensor, structure: Tensor, structures: int) -> tuple[Tensor, Tensor]:
    r"""$z \odot 1[G = s]$ of every structure, averaged over its pixels (hifi-8).

    content: (B, C, h, w); structure: (B, h, w) in 0 … structures - 1. Returns (B, structures, C), 0 where a structure
    is absent, and present, (B, structures) bool. Changed: the masked maps themselves, h x w x C long, would be
    orthogonal for any two structures of an image, whatever they contain: their pixels do not meet.
    """
    inside = F.one_hot(structure, structures).flatten(1, 2).float()  # (B, h * w, structures)
    area = inside.sum(dim=1)  # (B, structures)
    with torch.autocast(content.device.type, enabled=False):
        total = inside.transpose(1, 2) @ content.float().flatten(2).transpose(1, 2)  # (B, structures, C)
    return total / area.clamp_min(1)[..., None], area > 0


def mean_deformation(content: Tensor, translated: Tensor, structure: Tensor, structures: int) -> Tensor:
    r"""$d_s = \frac{1}{|s|}\sum_{x,y}|z^{s} - z^{s}_{i\to j}|$, (B, structures), 0 where one is absent (hifi-9).

    content, translated: (B, C, h, w); structure: (B, h, w). Channels are averaged, which the paper leaves open.
    Changed: divided by the region's area; see `total_deformation`.
    """
    off = (content.float() - translated.float()).abs().mean(dim=1, keepdim=True)  # (B, 1, h, w)
    return structure_means(off, structure, structures)[0][..., 0]


def total_deformation(content: Tensor, translated: Tensor, structure: Tensor, structures: int) -> Tensor:
    """As `mean_deformation`, summed over the region as hifi-9 is printed: a large structure always seems deformed
    most."""
    area = F.one_hot(structure, structures).flatten(1, 2).sum(dim=1)  # (B, structures)
    return area * mean_deformation(content, translated, structure, structures)


def rank_weights(deformation: Tensor, present: Tensor, alpha: float) -> Tensor:
    r"""$w_s = \exp(-\alpha_s\,\mathrm{rank}(d_s))$, (B, structures); rank 0 has the largest deformation (hifi-10).

    deformation: (B, structures); present: bool, the same. Only structures that are there are ranked; absent ones get 0.
    Ties share the better rank. Weights carry no gradient: they choose what to look at.
    """
    larger = deformation[:, None, :] > deformation[:, :, None]  # (B, s, other): is the other one deformed more?
    rank = (larger & present[:, None, :]).sum(dim=2)
    return torch.where(present, torch.exp(-alpha * rank.float()), 0.0).detach()


def group_pairs(subject: Tensor, kind: Tensor, present: Tensor) -> tuple[Tensor, Tensor]:
    """Who is whose positive and negative among A regions and, after them, the same regions in the translations.

    subject, kind: (A,) whose region and which structure it is; present: (A,) bool. Returns positive, negative (A, 2 A)
    bool: positive is the same region of the translation; negative are other structures of the same subject and all
    regions of other subjects; absent regions are neither.
    """
    count = len(subject)
    both = lambda x: x.repeat(2)[None]
    negative = (subject[:, None] != both(subject)) | (kind[:, None] != both(kind))
    positive = torch.zeros(count, 2 * count, dtype=torch.bool, device=subject.device)
    here = torch.arange(count, device=subject.device)
    positive[here, count + here] = True
    there = present[:, None] & both(present)
    return positive & there, negative & there


def region_discrimination(
    regions: Tensor,
    translated: Tensor,
    subject: Tensor,
    kind: Tensor,
    present: Tensor,
    temperature: float,
    weight: Tensor,
    weigh: Callable[[Tensor, Tensor, Tensor, float, Tensor], Tensor] = weighted_contrast,
) -> Tensor:
    r"""$L_{SGD}$ (hifi-11) or, of whole images with weights 1, $L_{GGD}$ (hifi-12): a mean over the regions that are
    there.

    regions, translated: (A, C) features of A regions in the images and in their translations; subject, kind: (A,);
    present: (A,) bool; weight: (A,) in 0 … 1; weigh: how it counts. Changed: by default it multiplies the whole of a
    region's term; `numerator_weighted_contrast` has it where it is printed.
    """
    positive, negative = group_pairs(subject, kind, present)
    similarity = cosine(regions, torch.cat([regions, translated]))
    return mean_where(weigh(similarity, positive, negative, temperature, weight), present)
