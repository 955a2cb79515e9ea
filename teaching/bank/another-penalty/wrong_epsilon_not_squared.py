"""Epsilon itself stands under the root, so the bend is wider than asked for.
loses: value, edge
"""

import torch


def reconstruction(translated, target, mask, epsilon=0.05):
    if not translated.shape == target.shape == mask.shape:
        raise ValueError(f"shapes differ: {translated.shape}, {target.shape}, {mask.shape}")
    precise = torch.promote_types(translated.dtype, torch.float32)
    off = translated.to(precise) - target.to(precise)
    penalty = (off.square() + epsilon).sqrt() - epsilon
    return (mask * penalty).sum() / mask.sum().clamp_min(1)


def edited(recipe):
    def term(trace):
        return reconstruction(trace.translated, trace.target, trace.brain)

    return recipe.edit(synthesis=0).add("robust", term)
