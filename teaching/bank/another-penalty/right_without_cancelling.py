"""The same penalty as a quotient, in which nothing cancels, whatever the precision."""


def reconstruction(translated, target, mask, epsilon=0.05):
    if not translated.shape == target.shape == mask.shape:
        raise ValueError(f"shapes differ: {translated.shape}, {target.shape}, {mask.shape}")
    square = (translated - target) ** 2
    penalty = square / ((square + epsilon**2) ** 0.5 + epsilon)
    return (penalty * mask).sum() / max(mask.sum(), 1)


def edited(recipe):
    def term(trace):
        return reconstruction(trace.translated, trace.target, trace.brain)

    return recipe.edit(synthesis=0).add("robust", term)
