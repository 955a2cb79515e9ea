"""Query by query and negative by negative, as the sum is printed."""

import torch


def cosine(a, b):
    return (a @ b) / (a.norm() * b.norm()).clamp_min(1e-6)


def one(query, positive, negatives, temperature, hardness):
    own = cosine(query, positive)
    others = [cosine(query, negative) for negative in negatives]
    hard = [hardness * other.detach() for other in others]
    whole = torch.logsumexp(torch.stack(hard), dim=0)
    terms = [own / temperature]
    for other, h in zip(others, hard, strict=True):
        terms.append(other / temperature + h - whole + torch.tensor(float(len(others))).log())
    return torch.logsumexp(torch.stack(terms), dim=0) - terms[0]


def patch_contrast(queries, positives, negatives, temperature=0.1, hardness=0.0):
    losses = [one(q, p, n, temperature, hardness) for q, p, n in zip(queries, positives, negatives, strict=True)]
    return torch.stack(losses).mean()
