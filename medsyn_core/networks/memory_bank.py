"""HiFi-Syn's brain memory bank: slots with shared keys and one value a modality, read by content and written by
momentum."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

GLOBAL = -1
"""The structure of slots that belong to none: every pixel reads and writes them."""


class MemoryBank(nn.Module):
    """T slots: keys (T, C), shared by all modalities, values (modalities, T, C), structure (T,).

    items: slots of each structure; common: slots of none ("global" in the paper); temperature: of the softmaxes over
    slots and over queries; the paper gives none, and without one a cosine reads almost uniformly. Keys and values are
    buffers: saved and resumed, moved by `write` alone; learn=True makes parameters of them for an optimiser instead.
    Fresh ones are random unit vectors. A bank without slots says nothing: it reads zeros. Raises ValueError for a
    temperature that is not positive.
    """

    def __init__(
        self, channels: int, modalities: int, items: Sequence[int], common: int, temperature: float, learn: bool = False
    ):
        super().__init__()
        if temperature <= 0:
            raise ValueError(f"temperature must be positive, not {temperature!r}")
        self.temperature = temperature
        owners = [s for s, count in enumerate(items) for _ in range(count)] + [GLOBAL] * common
        slots = len(owners)
        self.register_buffer("structure", torch.tensor(owners), persistent=False)  # a setting, not a state
        fresh = {"keys": torch.randn(slots, channels), "values": torch.randn(modalities, slots, channels)}
        for name, start in fresh.items():
            start = F.normalize(start, dim=-1)
            setattr(self, name, nn.Parameter(start)) if learn else self.register_buffer(name, start)

    def allowed(self, structure: Tensor) -> Tensor:
        """Slots that a pixel of each structure may use: its structure's own and the common ones; (...) -> (..., T)."""
        return (self.structure == structure[..., None]) | (self.structure == GLOBAL)

    def affinity(self, content: Tensor, structure: Tensor | None = None) -> Tensor:
        r"""$w^{n,t} = \exp(\mathrm{sim}(q^n, k_t)/\tau) / \sum_{t'=1}^{T}\exp(\mathrm{sim}(q^n, k_{t'})/\tau)$: a
        softmax over slots (hifi-1, whose printed sum runs over the N queries; hifi-2).

        content: (B, C, h, w), a query a pixel; structure: (B, h, w), which narrows the slots to the allowed ones, or
        None for all slots. Returns (B, h * w, T) float32.
        """
        logits = self.similarity(content.flatten(2).transpose(1, 2)) / self.temperature  # (B, h * w, T)
        if structure is not None:
            logits = logits.masked_fill(~self._usable(structure.flatten(1)), -torch.inf)
        return logits.softmax(dim=-1)

    def _usable(self, structure: Tensor) -> Tensor:
        """As `allowed`; a structure that has no slot, in a bank without common ones, may use all."""
        allowed = self.allowed(structure)
        return allowed | ~allowed.any(dim=-1, keepdim=True)

    def similarity(self, queries: Tensor) -> Tensor:
        """Cosines of queries (..., C) with all keys, (..., T) float32."""
        with torch.autocast(queries.device.type, enabled=False):  # divided by a temperature, three digits would not do
            return F.normalize(queries.float(), dim=-1) @ F.normalize(self.keys, dim=-1).T

    def read(self, affinity: Tensor, modality: int, size: Sequence[int]) -> Tensor:
        r"""$\bar z^a_n = \sum_t w^{n,t}\, b^t$ with the values of one modality (hifi-3); (B, h * w, T) -> (B, C, h, w),
        size: (h, w)."""
        return (affinity @ self.values[modality]).transpose(1, 2).unflatten(2, tuple(size))

    def shares(self, queries: Tensor, structure: Tensor | None = None) -> Tensor:
        r"""$u^{n,t} = \exp(\mathrm{sim}(q^n, k_t)/\tau) / \sum_{n'}\exp(\mathrm{sim}(q^{n'}, k_t)/\tau)$: a softmax
        over queries (hifi-6).

        queries: (N, C); structure: (N,), which lets a slot hear pixels of its own structure only, or None. A query
        speaks to the nearest slot of its structure and to the nearest common one: the formula sums over all queries,
        but the text chooses those "that identify the item as the close one", and slots that hear everybody soon say the
        same. Returns (N, T); a slot that no query speaks to has zeros.
        """
        similarity = self.similarity(queries)  # (N, T)
        common = self.structure == GLOBAL  # (T,)
        own = ~common & (
            torch.ones_like(similarity, dtype=torch.bool) if structure is None else self.allowed(structure)
        )
        heard = _nearest(similarity, own) | _nearest(similarity, common.expand_as(own))
        anybody = heard.any(dim=0)
        shares = (similarity / self.temperature).masked_fill(~heard & anybody, -torch.inf).softmax(dim=0)
        return torch.where(anybody, shares, 0.0)

    @torch.no_grad()  # written by momentum, not by gradients
    def write(
        self,
        queries: Sequence[Tensor],
        attributes: Sequence[Tensor],
        structures: Sequence[Tensor] | None,
        keep: float,
        unit_values: bool = False,
    ) -> None:
        r"""$k_t \leftarrow \lVert\alpha k_t + (1-\alpha)\sum_{n}[u_i^{n,t} q_i^n + u_j^{n,t} q_j^n]\rVert$ and $b_i^t
        \leftarrow \alpha b_i^t + (1-\alpha)\sum_n u_i^{n,t}\, a_i^n$ (hifi-4, hifi-5).

        queries, attributes: one (N, C) tensor a modality; structures: one (N,) tensor a modality, or None; keep: alpha,
        the share of the old item. Norm bars are a normalisation, of keys always, of values with unit_values=True.
        Changed: queries have unit length here, as in the cosine, so that alpha weighs directions against directions. A
        slot that no query of this batch may write stays as it is.
        """
        news, heard = (
            torch.zeros_like(self.keys),
            torch.zeros(len(self.keys), dtype=torch.bool, device=self.keys.device),
        )
        values = self.values.clone()
        for m, (asked, told) in enumerate(zip(queries, attributes, strict=True)):
            shares = self.shares(asked, None if structures is None else structures[m])  # (N, T)
            written = shares.any(dim=0)  # (T,)
            news += shares.T @ F.normalize(asked.float(), dim=1)
            heard |= written
            mixed = keep * values[m] + (1 - keep) * (shares.T @ told.float())
            mixed = F.normalize(mixed, dim=1) if unit_values else mixed
            values[m] = torch.where(written[:, None], mixed, values[m])
        keys = F.normalize(keep * self.keys + (1 - keep) * news, dim=1)
        self.keys.copy_(torch.where(heard[:, None], keys, self.keys))
        self.values.copy_(values)


def _nearest(similarity: Tensor, among: Tensor) -> Tensor:
    """Where a query's most similar slot among some is, (N, T) bool; similarity, among: (N, T)."""
    if not similarity.shape[1]:
        return among
    best = similarity.masked_fill(~among, -torch.inf).argmax(dim=1, keepdim=True)
    return torch.zeros_like(among).scatter(1, best, True) & among
