"""Divides by the numerator first: the logarithm of 1 and of differences to the positive."""

import torch


def directions(x):
    return x / x.square().sum(-1, keepdim=True).clamp_min(1e-20).sqrt()


def patch_contrast(queries, positives, negatives, temperature=0.1, hardness=0.0):
    q, p, n = directions(queries), directions(positives), directions(negatives)
    near = torch.einsum("nc,nc->n", q, p)
    far = torch.einsum("nc,nkc->nk", q, n)
    tilt = hardness * far.detach()
    tilt = tilt - torch.logsumexp(tilt, 1, keepdim=True) + torch.log(torch.tensor(1.0 * far.shape[1]))
    gaps = (far - near.unsqueeze(1)) / temperature + tilt
    return torch.nn.functional.softplus(torch.logsumexp(gaps, dim=1)).mean()
