r"""D²-Net's contrast: codes of one modality are pulled together, codes of different ones pushed apart, as they are and
as spectra. Everything is computed in float32, whatever the codes are in."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from medsyn_core.losses.contrastive import unit


def amplitude(codes: Tensor, axes: int = 1) -> Tensor:
    r"""$c^f(k) = |\sum_n c(n)\,e^{-2\pi i nk/N'}|$ over the last axis (d2-2, d2-3), or over the last two of a map.

    The same shape, float32, not negative. It does not change if the numbers are shifted round or turned back to front:
    it forgets where in the code a number stands. Unlike the public code's, it carries a gradient.
    """
    with torch.autocast(codes.device.type, enabled=False):
        return torch.fft.fftn(codes.float(), dim=tuple(range(-axes, 0))).abs()


def all_slice_pairs(modalities: int, slices: int) -> tuple[Tensor, Tensor]:
    """Who is whose positive and negative, both (M * G, M * G) bool, modality by modality: every other slice of the
    anchor's modality, and the same slice of the other modalities, as d2-1 and d2-5 are printed."""
    which, where = _places(modalities, slices)
    same = which[:, None] == which
    here = where[:, None] == where
    return same & ~here, ~same & here


def sampled_slice_pairs(
    modalities: int, slices: int, distance: int, positives: int, reach: int
) -> tuple[Tensor, Tensor]:
    """As `all_slice_pairs`, but the pairs that the paper trains with (its section IV-D).

    Positive: slices of the anchor's modality `distance` away, upwards or, where the stack ends, downwards; with more
    `positives` also distance - 1, distance - 2 and so on. Negative: slices of the other modalities 1 … `reach` away on
    either side, as far as there are any. The paper, of 128 slices: 48, 1, 8, hence 48 negatives. Raises ValueError for
    numbers that leave an anchor without a partner.
    """
    if not 1 <= positives <= distance:
        raise ValueError(f"positives={positives} must lie between 1 and distance={distance}.")
    if 2 * distance > slices:
        raise ValueError(f"distance={distance} is too far for {slices} slices: those in the middle have no partner.")
    if not 1 <= reach < slices:
        raise ValueError(f"reach={reach} must lie between 1 and {slices - 1}, one less than there are slices.")
    which, where = _places(modalities, slices)
    same = which[:, None] == which
    offset = where - where[:, None]  # (M * G, M * G): from the anchor to the other
    positive = torch.zeros_like(same)
    for step in range(distance, distance - positives, -1):
        upwards = (where + step < slices)[:, None]
        positive |= same & (offset == torch.where(upwards, step, -step))
    return positive, ~same & (offset != 0) & (offset.abs() <= reach)


def modality_contrast(codes: Tensor, present: Tensor, positive: Tensor, negative: Tensor, temperature: float) -> Tensor:
    r"""$-\log\frac{h(c_{i,u}, c_{i,v})}{h(c_{i,u}, c_{i,v}) + \sum_{-} h(c_{i,u}, c_-)}$ with $h(p, q) = \exp(\cos(p,
    q)/\tau)$, a mean over all anchors and their positives (d2-1 of codes, d2-4 of spectra).

    codes: (B, M, G, N); present: (B, M, G), 1 where there is something to see: other slices are neither anchors nor
    partners; positive, negative: (M * G, M * G) bool. Every positive has a denominator of its own. 0 where nothing can
    be compared: one modality alone has no negatives. d2-5's factor 1 / (M G²) counts pairs with v = u that it leaves
    out; over all pairs the mean here is G / (G - 1) times that.
    """
    with torch.autocast(codes.device.type, enabled=False):  # divided by a temperature, three digits would not do
        rows = unit(codes.float().flatten(1, 2))  # (B, M * G, N)
        similarity = rows @ rows.transpose(1, 2) / temperature  # (B, M * G, M * G)
        there = present.flatten(1) > 0  # (B, M * G)
        both = there[:, :, None] & there[:, None]
        against = negative.to(both.device) & both
        opposed = against.any(dim=2, keepdim=True)
        counts = positive.to(both.device) & both & opposed
        # Who has no negatives does not count; all of its row stands in for them, for a sum over none has no gradient.
        rivals = similarity.masked_fill(~against & opposed, -torch.inf)
        pushed = rivals.logsumexp(dim=2, keepdim=True)  # (B, M * G, 1), log of the sum over the negatives
        return (F.softplus(pushed - similarity) * counts).sum() / counts.sum().clamp_min(1)


def _places(modalities: int, slices: int) -> tuple[Tensor, Tensor]:
    """Modality and slice of each of M * G codes."""
    return (
        torch.arange(modalities).repeat_interleave(slices),
        torch.arange(slices).repeat(modalities),
    )
