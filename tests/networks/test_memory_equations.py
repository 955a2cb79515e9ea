"""HiFi-Syn's memory bank, hifi-1 … hifi-6, against naive twins in loops, in value and gradient; as printed too, where
that is another form."""

import pytest
import torch

from medsyn_core.networks.memory_bank import GLOBAL, MemoryBank
from tests.twins import agree, random

B, C, H, W = 2, 3, 2, 3
PLACES = [(y, x) for y in range(H) for x in range(W)]
TAU = 0.3
OWNERS = [0, 1, 1, GLOBAL, GLOBAL]  # structures 2 and 3 have no slot of their own
T = len(OWNERS)
KEYS, VALUES = random(T, C, seed=1), random(2, T, C, seed=2)
Z = random(B, C, H, W, seed=3)
G = torch.tensor([[[0, 1, 2], [1, 1, 3]], [[0, 0, 0], [2, 2, 1]]])
QUERIES = [random(4, C, seed=4), random(5, C, seed=5)]
TOLD = [random(4, C, seed=6, low=0, high=3), random(5, C, seed=7, low=0, high=3)]
STRUCTURES = [torch.tensor([0, 2, 0, 3]), torch.tensor([0, 1, 1, 2, 0])]
labelled = pytest.mark.parametrize("annotated", [True, False], ids=["with labels", "without"])
keeping = pytest.mark.parametrize("keep", [0.99, 0.01], ids=["slow", "as printed"])


@pytest.fixture(autouse=True)
def all_in_float64(monkeypatch):
    """The bank computes in float32, whatever comes in; finite differences need more."""
    monkeypatch.setattr(torch.Tensor, "float", torch.Tensor.double)


def bank(keys=KEYS, values=VALUES):
    made = MemoryBank(C, 2, (1, 2, 0, 0), 2, TAU)
    made.keys, made.values = keys.clone(), values.clone()
    return made


def may(structure, slot, annotated):
    return not annotated or OWNERS[slot] in (int(structure), GLOBAL)


def unit(x):
    return x / torch.sqrt(sum(x[c] ** 2 for c in range(C)))


def twin_cosine(q, k):
    return sum(unit(q)[c] * unit(k)[c] for c in range(C))


def twin_softmax(cosines):
    """From {name: cosine} to {name: share}; nothing of nothing."""
    parts = {name: torch.exp(value / TAU) for name, value in cosines.items()}
    return {name: part / sum(parts.values()) for name, part in parts.items()}


@labelled
def test_hifi_1(annotated):
    """The sum runs over the slots; with labels, over those that a pixel may use."""
    probe = random(B, H * W, T, seed=8)

    def twin(content, keys):
        total = 0
        for b in range(B):
            for n, (y, x) in enumerate(PLACES):
                slots = [t for t in range(T) if may(G[b, y, x], t, annotated)]
                shares = twin_softmax({t: twin_cosine(content[b, :, y, x], keys[t]) for t in slots})
                total = total + sum(probe[b, n, t] * share for t, share in shares.items())
        return total

    agree(lambda z, keys: (probe * bank(keys).affinity(z, G if annotated else None)).sum(), twin, Z, KEYS)


def test_hifi_2():
    probe = random(4, T, seed=9)
    twin = lambda q, k: sum(probe[n, t] * twin_cosine(q[n], k[t]) for n in range(4) for t in range(T))
    agree(lambda q, k: (probe * bank(k).similarity(q)).sum(), twin, QUERIES[0], KEYS)


@pytest.mark.parametrize("modality", [0, 1])
def test_hifi_3(modality):
    probe, affinity = random(B, C, H, W, seed=10), random(B, H * W, T, seed=11, low=0)

    def twin(w, values):
        total = 0
        for b in range(B):
            for n, (y, x) in enumerate(PLACES):
                for c in range(C):
                    total = total + probe[b, c, y, x] * sum(w[b, n, t] * values[modality, t, c] for t in range(T))
        return total

    agree(lambda w, v: (probe * bank(values=v).read(w, modality, (H, W))).sum(), twin, affinity, VALUES)


def speaks_to(query, keys, structure, annotated):
    """The slots that a query writes: the nearest of its structure's (of all structures' without labels) and the nearest
    common one."""
    own = [t for t in range(T) if OWNERS[t] != GLOBAL and may(structure, t, annotated)]
    common = [t for t in range(T) if OWNERS[t] == GLOBAL]
    return {max(slots, key=lambda t: float(twin_cosine(query, keys[t]).detach())) for slots in (own, common) if slots}


def twin_shares(queries, keys, structure, t, annotated):
    """u of one slot by query: a softmax over the queries that write it."""
    heard = [n for n, query in enumerate(queries) if t in speaks_to(query, keys, structure[n], annotated)]
    return twin_softmax({n: twin_cosine(queries[n], keys[t]) for n in heard})


@labelled
@pytest.mark.parametrize("m", [0, 1])
def test_hifi_6(annotated, m):
    probe = random(len(QUERIES[m]), T, seed=12)

    def twin(queries, keys):
        total = 0
        for t in range(T):
            shares = twin_shares(queries, keys, STRUCTURES[m], t, annotated)
            total = total + sum(probe[n, t] * u for n, u in shares.items())
        return total

    ours = lambda queries, keys: (probe * bank(keys).shares(queries, STRUCTURES[m] if annotated else None)).sum()
    agree(ours, twin, QUERIES[m], KEYS)


def written(keep, annotated, **how):
    """A bank written once."""
    own = bank()
    leaves = [q.clone().requires_grad_() for q in QUERIES], [a.clone().requires_grad_() for a in TOLD]
    own.write(*leaves, STRUCTURES if annotated else None, keep, **how)
    assert not own.keys.requires_grad and not own.values.requires_grad  # momentum moves it, no gradient
    return own


@labelled
@keeping
def test_hifi_4(keep, annotated):
    """Queries have unit length, as in the cosine; both modalities' news are added."""
    own = written(keep, annotated)
    for t in range(T):
        told = [twin_shares(QUERIES[m], KEYS, STRUCTURES[m], t, annotated) for m in range(2)]
        news = sum(u * unit(QUERIES[m][n]) for m in range(2) for n, u in told[m].items())
        expected = unit(keep * KEYS[t] + (1 - keep) * news) if any(told) else KEYS[t]
        torch.testing.assert_close(own.keys[t], expected)


@labelled
@keeping
@pytest.mark.parametrize("as_printed", [False, True], ids=["with their scale", "as printed"])
def test_hifi_5(keep, as_printed, annotated):
    """Each modality's values hear of its own attributes, if its pixels may tell; as printed they are normalised."""
    own = written(keep, annotated, unit_values=as_printed)
    for m in range(2):
        for t in range(T):
            shares = twin_shares(QUERIES[m], KEYS, STRUCTURES[m], t, annotated)
            mixed = keep * VALUES[m, t] + (1 - keep) * sum(u * TOLD[m][n] for n, u in shares.items())
            expected = VALUES[m, t] if not shares else unit(mixed) if as_printed else mixed
            torch.testing.assert_close(own.values[m, t], expected)
