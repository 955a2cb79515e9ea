"""Makes the weights of each image sum to one first; tells inside from outside in the difference."""

import torch.nn.functional as F


def border_consistency(branch, whole, mask, width=2, emphasis=4.0):
    if not branch.shape == whole.shape == mask.shape:
        raise ValueError(f"shapes differ: {tuple(branch.shape)}, {tuple(whole.shape)}, {tuple(mask.shape)}")
    window = (2 * width + 1, 2 * width + 1)
    reach = lambda x: F.max_pool2d(x, window, (1, 1), (width, width))
    outer, inner = reach(mask) * (1 - mask), reach(1 - mask) * mask
    weight = mask * (1 - inner) + emphasis * (inner + outer)
    share = weight / weight.flatten(1).sum(1).clamp(min=1.0).view(-1, 1, 1, 1)
    off = mask * (branch - whole).abs() + (1 - mask) * branch.abs()
    return (share * off).flatten(1).sum(dim=1).mean(dim=0)
