"""Consistency losses: what must come back after a detour through another modality."""

from __future__ import annotations

from torch import Tensor


def cycle(reconstructed: Tensor, original: Tensor) -> Tensor:
    r"""$\lVert F(G(x)) - x \rVert_1$ as a mean over all elements: there and back again (Zhu et al., 2017).

    reconstructed, original: the same shape, any. Raises ValueError if the shapes differ (broadcasting would hide
    a mistake). A value of 0 says that G can be undone, not that it is right.
    """
    if reconstructed.shape != original.shape:
        raise ValueError(
            f"reconstructed {tuple(reconstructed.shape)} and original {tuple(original.shape)} must have the same shape"
        )
    return (reconstructed - original).abs().mean()
