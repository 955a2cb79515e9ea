"""Squares with a weight that makes the value right, but the weight is detached: the slope of another penalty.
loses: gradient, slope
"""

import torch


def reconstruction(translated, target, mask, epsilon=0.05):
    if not translated.shape == target.shape == mask.shape:
        raise ValueError(f"shapes differ: {translated.shape}, {target.shape}, {mask.shape}")
    precise = torch.promote_types(translated.dtype, torch.float32)
    off = translated.to(precise) - target.to(precise)
    weight = 1 / ((off.square() + epsilon**2).sqrt() + epsilon).detach()
    return (mask * weight * off.square()).sum() / mask.sum().clamp_min(1)


def edited(recipe):
    def term(trace):
        return reconstruction(trace.translated, trace.target, trace.brain)

    return recipe.edit(synthesis=0).add("robust", term)
