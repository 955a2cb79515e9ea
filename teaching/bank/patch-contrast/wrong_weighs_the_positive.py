"""Lets the positive take part in the softmax of the weights.
loses: hard, constant
"""

import math

import torch
import torch.nn.functional as F


def patch_contrast(queries, positives, negatives, temperature=0.1, hardness=0.0):
    query, positive, negative = (F.normalize(x, dim=-1) for x in (queries, positives, negatives))
    own = (query * positive).sum(dim=-1)
    other = (query[:, None] * negative).sum(dim=-1)
    both = torch.cat([own[:, None], other], dim=1)
    weight = (hardness * both).detach().log_softmax(dim=1) + math.log(both.shape[1])
    logits = both / temperature + weight
    return (logits.logsumexp(dim=1) - logits[:, 0]).mean()
