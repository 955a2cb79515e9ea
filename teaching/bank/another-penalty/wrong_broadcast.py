"""Takes images of any shapes, and compares every one with every other where an axis is missing.
loses: shape
"""

import torch


def reconstruction(translated, target, mask, epsilon=0.05):
    precise = torch.promote_types(translated.dtype, torch.float32)
    off = translated.to(precise) - target.to(precise)
    penalty = (off.square() + epsilon**2).sqrt() - epsilon
    return (mask * penalty).sum() / mask.sum().clamp_min(1)


def edited(recipe):
    def term(trace):
        return reconstruction(trace.translated, trace.target, trace.brain)

    return recipe.edit(synthesis=0).add("robust", term)
