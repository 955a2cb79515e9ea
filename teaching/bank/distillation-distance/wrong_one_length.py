"""One length for the maps of the whole batch.
loses: scale, samples
"""

import torch


def attention(x):
    x = x.to(torch.promote_types(x.dtype, torch.float32))
    strength = x.square().sum(dim=1).flatten(1)
    return strength / strength.norm().clamp_min(1e-12) * len(x) ** 0.5


def distil(features, teacher_features):
    if features.shape[0] != teacher_features.shape[0] or features.shape[2:] != teacher_features.shape[2:]:
        raise ValueError(f"{tuple(features.shape)} and {tuple(teacher_features.shape)} differ in batch or places")
    off = attention(features) - attention(teacher_features.detach())
    return off.square().sum(dim=1).mean()
