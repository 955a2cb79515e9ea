"""Image by image, picking the pixels of the brain."""

import torch


def attended(translated, target, judge, brain, beta=2.0, detached=True):
    doubt = torch.sigmoid(-judge(translated))
    total = 0 * translated.sum()
    for image, wanted, mine, where in zip(translated, target, doubt, brain, strict=True):
        inside = where.bool()
        if not inside.any():
            continue
        weight = mine[inside].pow(beta)
        error = (image[inside] - wanted[inside]).abs()
        total = total + ((weight.detach() if detached else weight) * error).mean()
    return total / len(translated)
