"""D²-Net's equations in loops and the paper's notation, with small inputs for them: what the tests of its losses hold
the package's functions against."""

from itertools import product

import torch

from tests.twins import random

B, M, G, N, K = 2, 3, 4, 5, 3  # samples, modalities, slices, numbers a code, classes
TAU = 0.5
PRESENT = torch.tensor([[1.0, 0, 1], [1, 1, 1]])
THERE = torch.ones(B, M, G, dtype=torch.bool)
THERE[0, 1], THERE[1, :, 0] = False, False  # a modality is missing; a slice without brain
CODES = random(B, M, G, N)
SMALL, FULL = (1, 2, 1), (2, 4, 2)
LABELS = torch.randint(K, (B, *FULL), generator=torch.Generator().manual_seed(5))


def voxels(size):
    return list(product(*(range(side) for side in size)))


# -- modality disentanglement


def twin_h(p, q):
    dot = sum(a * b for a, b in zip(p, q, strict=True))
    length = lambda x: torch.sqrt(sum(a * a for a in x))
    return torch.exp(dot / (length(p) * length(q)) / TAU)


def near(u, distance=2, positives=2, reach=1):
    """(positive slices, negative slices) of slice u, as the paper's section IV-D draws them."""
    away = [d for d in range(distance, 0, -1)][:positives]
    return [u + d if u + d < G else u - d for d in away], [v for v in range(G) if v != u and abs(v - u) <= reach]


PAIRS = {
    "all": ({"distance": 0}, lambda u: ([v for v in range(G) if v != u], [u])),
    "sampled": ({"distance": 2, "positives": 2, "reach": 1}, near),
}


def twin_terms(codes, partners, there=THERE):
    """L^{i,u,v} of every sample, anchor and positive."""
    for b, i, u in product(range(len(codes)), range(M), range(G)):
        positive, negative = partners(u)
        against = [(j, w) for j in range(M) if j != i for w in negative if there[b, j, w]]
        for v in positive:
            if there[b, i, u] and there[b, i, v] and against:
                close = twin_h(codes[b, i, u], codes[b, i, v])
                yield -torch.log(close / (close + sum(twin_h(codes[b, i, u], codes[b, j, w]) for j, w in against)))


def twin_mean(codes, partners, there=THERE):
    found = list(twin_terms(codes, partners, there))
    return sum(found) / len(found)


def twin_dft(c):
    """F(c)(k), complex."""
    angle = lambda n, k: torch.tensor(-2 * torch.pi * n * k / len(c), dtype=torch.float64)
    return [sum(x * torch.exp(1j * angle(n, k)) for n, x in enumerate(c)) for k in range(len(c))]


def twin_amplitude(c):
    """The root of the squared real and imaginary parts, which are sums of cosines and of sines."""
    turn = [[torch.tensor(2 * torch.pi * n * k / len(c), dtype=torch.float64) for n in range(len(c))] for k in range(N)]
    real = [sum(x * torch.cos(t) for x, t in zip(c, row, strict=True)) for row in turn]
    imaginary = [-sum(x * torch.sin(t) for x, t in zip(c, row, strict=True)) for row in turn]
    return [(r**2 + i**2) ** 0.5 for r, i in zip(real, imaginary, strict=True)]


def twin_spectra(codes):
    every = [torch.stack(twin_amplitude(codes[b, m, g])) for b, m, g in voxels(codes.shape[:3])]
    return torch.stack(every).reshape(codes.shape)


X, BACK = random(B, M, *SMALL, seed=6), random(B, M, *SMALL, seed=7)


def twin_reconstruction(x, back):
    """Mean squares: printed is a norm, its root before the division. Modalities that are missing do not count."""
    present = [(b, m) for b in range(B) for m in range(M) if PRESENT[b, m]]
    norm = torch.sqrt(sum((x[b, m][at] - back[b, m][at]) ** 2 for b, m in present for at in voxels(SMALL)))
    return norm**2 / (len(present) * len(voxels(SMALL)))


# -- tumour-region disentanglement

LOGITS, ANSWER = random(B, K, *FULL, seed=8, low=-2, high=2), random(B, K, *FULL, seed=34)


def rarity(labels, test):
    """f^(-1/2) of the share f of voxels whose label passes the test; nobody asks where none does."""
    share = sum(test(y) for y in labels.flatten().tolist()) / labels.numel()
    return share**-0.5 if share else None


def twin_binary(logits, labels):
    """As printed, without the minus sign; means over voxels, in which what a class has little of weighs more."""
    total = 0
    for c in range(K):
        inside, outside = rarity(labels, lambda y, c=c: y == c), rarity(labels, lambda y, c=c: y != c)
        found, weights = 0, 0
        for b, at in product(range(B), voxels(logits.shape[2:])):
            p = 1 / (1 + torch.exp(-logits[b, c][at]))
            y = labels[b][at] == c
            found = found + (inside * torch.log(p) if y else outside * torch.log(1 - p))
            weights += inside if y else outside
        total = total + found / weights
    return total


def twin_small(labels):
    """The label nearest to the centre of 2 x 2 x 2 voxels: of four just as near, the last."""
    small = torch.stack([labels[b][tuple(2 * i + 1 for i in at)] for b in range(B) for at in voxels(SMALL)])
    return small.reshape(B, *SMALL)


STUDENT, TEACHER = random(B, 4, *SMALL, seed=10), random(B, K, 4, *SMALL, seed=11)


def twin_affinity(ours, theirs):
    """Of one sample and class: maps (C, d, h, w); the cosine at each voxel, averaged."""
    length = lambda x, at: torch.sqrt(sum(channel[at] ** 2 for channel in x))
    dot = lambda at: sum(a[at] * b[at] for a, b in zip(ours, theirs, strict=True))
    places = voxels(ours.shape[1:])
    return sum(dot(at) / (length(ours, at) * length(theirs, at)) for at in places) / len(places)


def twin_space(x, size):
    """(C, d, h, w) -> (C, *size): means of 2 x 2 x 2 voxels down, linear between their centres up."""
    for axis, side in enumerate(size, 1):
        have, parts = x.shape[axis], x.unbind(axis)
        if have > side:
            parts = [(parts[2 * i] + parts[2 * i + 1]) / 2 for i in range(side)]
        elif have < side:
            near = lambda i, parts=parts: parts[min(max(i, 0), len(parts) - 1)]
            parts = [0.75 * near(i // 2) + 0.25 * near(i // 2 + (1 if i % 2 else -1)) for i in range(side)]
        x = torch.stack(list(parts), dim=axis)
    return x


def twin_resize(x, channels, size):
    """Groups of channels are averaged down and repeated up."""
    x, have = twin_space(x, size), len(x)
    if have > channels:
        group = have // channels
        return torch.stack([sum(x[group * c + i] for i in range(group)) / group for c in range(channels)])
    return torch.stack([x[c * have // channels] for c in range(channels)])


LAYERS = ((SMALL, 4, 2), (FULL, 2, 4))  # voxels, channels of the teacher, of the student
FEATURES = [random(B, K, theirs, *size, seed=theirs) for size, theirs, _ in LAYERS]
FEATURES += [random(B, ours, *size, seed=20 + ours) for size, _, ours in LAYERS]
SIDES = [random(B, K, *size, seed=30 + k) for k, (size, _, _) in enumerate(2 * LAYERS)]


def twin_pairs(features, b):
    """(t, s, affinities of the classes, squared distances of the classes) of one sample."""
    for t, s in product(range(2), range(2)):
        theirs = features[t][b]
        ours = twin_resize(features[2 + s][b], theirs.shape[1], theirs.shape[2:])
        norms = [torch.sqrt(((x - ours) ** 2).sum()) for x in theirs]
        a = [twin_affinity(ours, x) for x in theirs]
        yield t, s, [x if x > 0 else 0 * x for x in a], [norm**2 / ours.numel() for norm in norms]


def twin_features(features, weigh=lambda a: a):
    total = sum(
        weigh(x) * d for b in range(B) for _, _, a, off in twin_pairs(features, b) for x, d in zip(a, off, strict=True)
    )
    return total / (B * K)


def twin_kl(theirs, ours):
    """KL(p^T || p^S): logits (K, d, h, w), softmax over K, a mean over voxels."""
    softmax = lambda x: [torch.exp(c) / sum(torch.exp(other) for other in x) for c in x]
    places = voxels(theirs.shape[1:])
    pairs = [(softmax([c[at] for c in theirs]), softmax([c[at] for c in ours])) for at in places]
    return sum(p * torch.log(p / q) for them, us in pairs for p, q in zip(them, us, strict=True)) / len(places)


def twin_logits(features, sides, weigh=lambda a: a):
    total = 0
    for b in range(B):
        for t, s, a, _ in twin_pairs(features, b):
            theirs = sides[t][b]
            total = total + weigh(sum(a) / K) * twin_kl(theirs, twin_space(sides[2 + s][b], theirs.shape[1:]))
    return total / B


def twin_consistency(theirs, ours):
    """Printed is the norm of the difference of all predictions; chosen its mean square."""
    total = 0
    for b, at in product(range(B), voxels(FULL)):
        exponentials = [torch.exp(ours[b, c][at]) for c in range(K)]
        for c in range(K):
            total = total + (1 / (1 + torch.exp(-theirs[b, c][at])) - exponentials[c] / sum(exponentials)) ** 2
    norm = torch.sqrt(total)
    return norm**2 / (B * K * len(voxels(FULL)))


def twin_dice(logits, labels):
    """The background is no region; sums run over the voxels of all samples."""
    overlap, total = [0] * K, [0] * K
    for b, at in product(range(B), voxels(FULL)):
        exponentials = [torch.exp(logits[b, c][at]) for c in range(K)]
        for c in range(1, K):
            p, y = exponentials[c] / sum(exponentials), labels[b][at] == c
            overlap[c], total[c] = overlap[c] + p * y, total[c] + p + y.double()
    return 1 - sum((2 * overlap[c] + 1) / (total[c] + 1) for c in range(1, K)) / (K - 1)


def twin_cross_entropy(logits, labels):
    """Of each voxel by the rarity of its class."""
    found, weights = 0, 0
    for b, at in product(range(B), voxels(FULL)):
        y = labels[b][at].item()
        weight = rarity(labels, lambda other, y=y: other == y)
        found = found - weight * torch.log(torch.exp(logits[b, y][at]) / torch.exp(logits[b, :, *at]).sum())
        weights += weight
    return found / weights
