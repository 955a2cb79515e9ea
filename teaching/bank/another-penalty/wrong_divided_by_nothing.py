"""Divides by the area of the mask with no care for a mask that is empty.
loses: mask
"""

import torch


def reconstruction(translated, target, mask, epsilon=0.05):
    if not translated.shape == target.shape == mask.shape:
        raise ValueError(f"shapes differ: {translated.shape}, {target.shape}, {mask.shape}")
    precise = torch.promote_types(translated.dtype, torch.float32)
    off = translated.to(precise) - target.to(precise)
    penalty = (off.square() + epsilon**2).sqrt() - epsilon
    return (mask * penalty).sum() / mask.sum()


def edited(recipe):
    def term(trace):
        return reconstruction(trace.translated, trace.target, trace.brain)

    return recipe.edit(synthesis=0).add("robust", term)
