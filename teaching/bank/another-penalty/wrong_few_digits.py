"""Computes in whatever comes in, so in bfloat16 root and epsilon cancel.
loses: precision
"""


def reconstruction(translated, target, mask, epsilon=0.05):
    if not translated.shape == target.shape == mask.shape:
        raise ValueError(f"shapes differ: {translated.shape}, {target.shape}, {mask.shape}")
    off = translated - target
    penalty = (off.square() + epsilon**2).sqrt() - epsilon
    return (mask * penalty).sum() / mask.sum().clamp_min(1)


def edited(recipe):
    def term(trace):
        return reconstruction(trace.translated, trace.target, trace.brain)

    return recipe.edit(synthesis=0).add("robust", term)
