"""The mean runs over the places too, so fine maps cost less than coarse ones.
loses: value, limits, silent
"""

import torch
import torch.nn.functional as F


def attention(x):
    x = x.to(torch.promote_types(x.dtype, torch.float32))
    return F.normalize(x.square().sum(dim=1).flatten(1), dim=1)


def distil(features, teacher_features):
    if features.shape[0] != teacher_features.shape[0] or features.shape[2:] != teacher_features.shape[2:]:
        raise ValueError(f"{tuple(features.shape)} and {tuple(teacher_features.shape)} differ in batch or places")
    return F.mse_loss(attention(features), attention(teacher_features.detach()))
