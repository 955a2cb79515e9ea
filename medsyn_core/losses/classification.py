"""Classification losses: which modality an image is taken for."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def modality_classification(logits: Tensor, modality: Tensor, weight: Tensor | None = None) -> Tensor:
    r"""$E[-\log D_{cls}(m \mid x)]$: cross-entropy of a critic's modality head (utad-3 to utad-6).

    logits: (B, M) before the softmax; modality: (B,) the label that the loss asks for: the source's for real images
    (utad-3, utad-4: it trains the critics), the target's for synthetic ones (utad-5, utad-6: it trains the generator);
    weight: (B,), 0 for images that show nothing, None for all alike. The mean runs over the whole batch.
    """
    each = F.cross_entropy(logits, modality, reduction="none")  # (B,)
    return (each if weight is None else weight * each).mean()
