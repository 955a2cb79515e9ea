"""Adds the new term and leaves L1 where it was.
loses: edit
"""

import torch


def reconstruction(translated, target, mask, epsilon=0.05):
    if not translated.shape == target.shape == mask.shape:
        raise ValueError(f"shapes differ: {translated.shape}, {target.shape}, {mask.shape}")
    precise = torch.promote_types(translated.dtype, torch.float32)
    off = translated.to(precise) - target.to(precise)
    penalty = (off.square() + epsilon**2).sqrt() - epsilon
    return (mask * penalty).sum() / mask.sum().clamp_min(1)


def edited(recipe):
    return recipe.add("robust", lambda trace: reconstruction(trace.translated, trace.target, trace.brain))
