"""Leaves the positive out of its own denominator, as the printed set without the query can be read.
loses: value, denominator, temperature, hard, constant
"""

import math

import torch
import torch.nn.functional as F


def patch_contrast(queries, positives, negatives, temperature=0.1, hardness=0.0):
    query, positive, negative = (F.normalize(x, dim=-1) for x in (queries, positives, negatives))
    own = (query * positive).sum(dim=-1)
    other = (query[:, None] * negative).sum(dim=-1)
    weight = (hardness * other).detach().log_softmax(dim=1) + math.log(other.shape[1])
    logits = torch.cat([own[:, None] / temperature, other / temperature + weight], dim=1)
    return (logits[:, 1:].logsumexp(dim=1) - logits[:, 0]).mean()
