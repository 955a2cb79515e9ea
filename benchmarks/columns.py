"""What the benchmarks train on: random tensors that look like a cohort and like a view of it."""

from __future__ import annotations

import torch


class Columns:
    """`columns`, name -> (count, ...) tensor, served as a view's batches. Subclasses fill them."""

    identity = "random"
    columns: dict[str, torch.Tensor]

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def subset(self, name: str) -> Columns:
        return self

    def batch(self, indices) -> dict[str, torch.Tensor]:
        return {name: column[list(indices)] for name, column in self.columns.items()}
