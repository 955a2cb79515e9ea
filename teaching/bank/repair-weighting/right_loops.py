"""Region by region, as the sum is printed."""

import math

import torch


def repaired_weighting(similarity, deformation, present, temperature=0.2, alpha=0.5):
    there = [k for k in range(len(present)) if bool(present[k])]
    total, weights = similarity.sum() * 0, 0.0
    for r in there:
        rank = sum(float(deformation[other]) > float(deformation[r]) for other in there)
        weight = math.exp(-alpha * rank)
        row = torch.stack([similarity[r, m] for m in there]) / temperature
        total = total + weight * (torch.logsumexp(row, 0) - similarity[r, r] / temperature)
        weights += weight
    return total / weights if there else total
