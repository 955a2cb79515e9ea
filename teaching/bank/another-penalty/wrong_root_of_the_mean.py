"""Takes the mean first and the root last: one root for all pixels.
loses: value, slope
"""

import torch


def reconstruction(translated, target, mask, epsilon=0.05):
    if not translated.shape == target.shape == mask.shape:
        raise ValueError(f"shapes differ: {translated.shape}, {target.shape}, {mask.shape}")
    precise = torch.promote_types(translated.dtype, torch.float32)
    off = translated.to(precise) - target.to(precise)
    mean = (mask * off.square()).sum() / mask.sum().clamp_min(1)
    return (mean + epsilon**2).sqrt() - epsilon


def edited(recipe):
    def term(trace):
        return reconstruction(trace.translated, trace.target, trace.brain)

    return recipe.edit(synthesis=0).add("robust", term)
