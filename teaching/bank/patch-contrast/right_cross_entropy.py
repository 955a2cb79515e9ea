"""A cross-entropy whose right class is 0, with the weights' logarithms added to the logits."""

import math

import torch
import torch.nn.functional as F


def patch_contrast(queries, positives, negatives, temperature=0.1, hardness=0.0):
    candidates = torch.cat([positives[:, None], negatives], dim=1)
    cosines = F.cosine_similarity(queries[:, None], candidates, dim=-1)
    with torch.no_grad():
        weight = torch.log_softmax(hardness * cosines[:, 1:], dim=1) + math.log(negatives.shape[1])
        weight = torch.cat([torch.zeros_like(weight[:, :1]), weight], dim=1)
    return F.cross_entropy(cosines / temperature + weight, torch.zeros(len(queries), dtype=torch.long))
