"""Sets the difference to zero outside, where the penalty is then zero too; one image after the other."""

import torch


def reconstruction(translated, target, mask, epsilon=0.05):
    if not translated.shape == target.shape == mask.shape:
        raise ValueError(f"shapes differ: {translated.shape}, {target.shape}, {mask.shape}")
    total, count = 0.0, 0.0
    for image, wanted, inside in zip(translated.double(), target.double(), mask.double(), strict=True):
        off = inside * (image - wanted)
        total = total + (torch.sqrt(off**2 + epsilon**2) - epsilon).sum()
        count = count + inside.sum()
    return total / count.clamp(min=1)


def edited(recipe):
    recipe = recipe.add("robust", robust, weight=1, player="generator")
    return recipe.edit(synthesis=0.0, difficult_region=0.0)


def robust(trace):
    return reconstruction(trace.translated, trace.target, trace.brain)
