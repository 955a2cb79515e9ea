"""Takes exponentials and then the logarithm of their ratio, which overflows at a low temperature.
loses: temperature
"""

import torch.nn.functional as F


def patch_contrast(queries, positives, negatives, temperature=0.1, hardness=0.0):
    query, positive, negative = (F.normalize(x, dim=-1) for x in (queries, positives, negatives))
    own = (query * positive).sum(dim=-1)
    other = (query[:, None] * negative).sum(dim=-1)
    weight = (hardness * other).detach().softmax(dim=1) * other.shape[1]
    above = (own / temperature).exp()
    below = above + (weight * (other / temperature).exp()).sum(dim=1)
    return -(above / below).log().mean()
