"""Divides by the length with no care for features that are silent.
loses: silent
"""

import torch


def attention(x):
    x = x.to(torch.promote_types(x.dtype, torch.float32))
    strength = x.square().sum(dim=1).flatten(1)
    return strength / strength.norm(dim=1, keepdim=True)


def distil(features, teacher_features):
    if features.shape[0] != teacher_features.shape[0] or features.shape[2:] != teacher_features.shape[2:]:
        raise ValueError(f"{tuple(features.shape)} and {tuple(teacher_features.shape)} differ in batch or places")
    off = attention(features) - attention(teacher_features.detach())
    return off.square().sum(dim=1).mean()
