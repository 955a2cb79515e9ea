"""Distillation losses: a student's tensors against its teacher's."""

from __future__ import annotations

from torch import Tensor

from medsyn_core.losses.consistency import absolute


def distillation(features: Tensor, teacher_features: Tensor, image: Tensor, teacher_image: Tensor) -> Tensor:
    r"""$E[\lVert F^{T} - F^{S}\rVert_1] + E[\lVert I^{T}_{target} - I^{S}_{target}\rVert_1]$, means over elements
    (utad-10).

    features: (B, C, h, w) fused features; image: (B, 1, H, W) translated. The teacher's are constants: they are
    detached, so that no student can lower this loss by moving its teacher. Raises ValueError if shapes differ.
    """
    return absolute(features, teacher_features.detach(), "features") + absolute(image, teacher_image.detach(), "image")


def inside(image: Tensor, teacher_image: Tensor, mask: Tensor) -> Tensor:
    r"""$\sum M \lvert I^{T} - I^{S} \rvert / \sum M$: the images of utad-10 compared in the tumour alone (not in the
    paper).

    image, teacher_image, mask: (B, 1, H, W), the mask 0 or 1; the sums run over the batch, and a batch without tumour
    pays nothing. The teacher's image is a constant. Raises ValueError if shapes differ.
    """
    if not image.shape == teacher_image.shape == mask.shape:
        shapes = [tuple(x.shape) for x in (image, teacher_image, mask)]
        raise ValueError(f"image, teacher's image and mask: {shapes} must be one shape")
    return (mask * (image - teacher_image.detach()).abs()).sum() / mask.sum().clamp_min(1)
