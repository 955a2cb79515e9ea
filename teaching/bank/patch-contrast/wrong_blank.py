"""Divides by the lengths as they are: a feature of zeros makes NaN.
loses: finite
"""

import math

import torch


def patch_contrast(queries, positives, negatives, temperature=0.1, hardness=0.0):
    query, positive, negative = (x / x.norm(dim=-1, keepdim=True) for x in (queries, positives, negatives))
    own = (query * positive).sum(dim=-1)
    other = (query[:, None] * negative).sum(dim=-1)
    weight = (hardness * other).detach().log_softmax(dim=1) + math.log(other.shape[1])
    logits = torch.cat([own[:, None] / temperature, other / temperature + weight], dim=1)
    return (logits.logsumexp(dim=1) - logits[:, 0]).mean()
