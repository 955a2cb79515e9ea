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
