"""As a cosine: unit vectors are 2 - 2 cos apart, and an empty map takes its own share away."""

import torch
import torch.nn.functional as F


def distil(features, teacher_features):
    if features.shape[0] != teacher_features.shape[0] or features.shape[2:] != teacher_features.shape[2:]:
        raise ValueError(f"{tuple(features.shape)} and {tuple(teacher_features.shape)} differ in batch or places")
    a = features.to(torch.promote_types(features.dtype, torch.float32)).pow(2).mean(1).flatten(1)
    b = teacher_features.detach().to(a.dtype).pow(2).mean(1).flatten(1)
    there = a.any(dim=1).to(a.dtype) + b.any(dim=1).to(a.dtype)
    return torch.mean(there - 2 * F.cosine_similarity(a, b, dim=1, eps=1e-12))
