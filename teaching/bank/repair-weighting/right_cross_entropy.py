"""Takes the regions that are there out first; then each is a class of its own."""

import torch
import torch.nn.functional as F


def repaired_weighting(similarity, deformation, present, temperature=0.2, alpha=0.5):
    there = present.nonzero()[:, 0]
    if len(there) == 0:
        return 0 * similarity.sum()
    s, d = similarity[there][:, there], deformation[there].detach()
    each = F.cross_entropy(s / temperature, torch.arange(len(there)), reduction="none")
    ranks = torch.stack([(d > mine).sum() for mine in d])
    w = torch.exp(-alpha * ranks.to(s.dtype))
    return (w / w.sum()) @ each
