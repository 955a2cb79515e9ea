"""Consistency losses: what must come back after a detour, and what two branches must agree on."""

from __future__ import annotations

from torch import Tensor


def absolute(a: Tensor, b: Tensor, what: str) -> Tensor:
    """Mean absolute difference. Raises ValueError, naming `what`, if the shapes differ: broadcasting would hide a
    mistake."""
    if a.shape != b.shape:
        raise ValueError(f"{what}: {tuple(a.shape)} and {tuple(b.shape)} must have the same shape")
    return (a - b).abs().mean()


def cycle(reconstructed: Tensor, original: Tensor) -> Tensor:
    r"""$\lVert F(G(x)) - x \rVert_1$ as a mean over all elements: there and back again (Zhu et al., 2017; utad-9).

    reconstructed, original: the same shape, any; else ValueError. A value of 0 says that G can be undone, not that it
    is right.
    """
    return absolute(reconstructed, original, "reconstructed and original")


def local_consistency(
    tumour_translated: Tensor, translated: Tensor, tumour_reconstructed: Tensor, source: Tensor, mask: Tensor
) -> Tensor:
    r"""$E[\lVert T_{target} - M \odot I_{target}\rVert_1] + E[\lVert M \odot I_{source} - T'_{source}\rVert_1]$, means
    over elements (utad-8).

    tumour_*: (B, 1, H, W) answers of the local branch; translated, source: (B, 1, H, W) whole images; mask: (B, 1, H,
    W), 1 where the *source's subject* has tumour: patients are unpaired, but a translation keeps its anatomy. Where the
    mask is 0 the local branch is asked for 0 (UTAD-Net's trace cuts its answer first: there it is asked for nothing).
    The paper's prime is a crop of the whole image in the first term and the local branch's reconstruction in the
    second. Raises ValueError if shapes differ.
    """
    if not mask.shape == translated.shape == source.shape:
        shapes = ", ".join(str(tuple(x.shape)) for x in (mask, translated, source))
        raise ValueError(f"mask, translated image and source must have the same shape; they have {shapes}")
    there = absolute(tumour_translated, mask * translated, "translated tumour and crop of the translated image")
    back = absolute(tumour_reconstructed, mask * source, "reconstructed tumour and crop of the source")
    return there + back
