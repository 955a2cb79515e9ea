"""Detaches the wrong one: the student is a constant and the teacher learns.
loses: gradient, teacher
"""

import torch
import torch.nn.functional as F


def attention(x):
    x = x.to(torch.promote_types(x.dtype, torch.float32))
    return F.normalize(x.square().sum(dim=1).flatten(1), dim=1)


def distil(features, teacher_features):
    if features.shape[0] != teacher_features.shape[0] or features.shape[2:] != teacher_features.shape[2:]:
        raise ValueError(f"{tuple(features.shape)} and {tuple(teacher_features.shape)} differ in batch or places")
    off = attention(features.detach()) - attention(teacher_features)
    return off.square().sum(dim=1).mean()
