"""Encoded records as tensors, and the losses that models compute on them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import torch

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from augment.data.layout import Encoded

__all__ = ["Batch", "LossParts", "Records"]


class Records(Protocol):
    """Encoded records that training gathers batches from, wherever they are."""

    @property
    def device(self) -> torch.device:
        """Where their batches are."""

    def __len__(self) -> int:
        """How many there are."""

    def to(self, device: torch.device) -> Records:
        """Return the same records, their batches on `device`."""

    def rows(self, index: Tensor) -> Batch:
        """Gather the records at `index` (int64, shape (M,))."""


@dataclass(frozen=True)
class Batch:
    """Encoded records on a device; the tensor twin of `augment.data.layout.Encoded`.

    Attributes:
        tokens: int32, shape (N, C).
        residuals: float32 in [0, 1], shape (N, C).
        arrays: float32, standardised, shape (N, D); D may be 0.
    """

    tokens: Tensor
    residuals: Tensor
    arrays: Tensor

    @classmethod
    def from_encoded(cls, encoded: Encoded) -> Batch:
        """Copy encoded records."""
        return cls(
            torch.tensor(encoded.tokens, dtype=torch.int32),
            torch.tensor(encoded.residuals, dtype=torch.float32),
            torch.tensor(encoded.arrays, dtype=torch.float32),
        )

    @property
    def device(self) -> torch.device:
        """Where they are."""
        return self.tokens.device

    def to(self, device: torch.device) -> Batch:
        """Return the records on `device`."""
        return Batch(self.tokens.to(device), self.residuals.to(device), self.arrays.to(device))

    def __len__(self) -> int:
        return len(self.tokens)

    def rows(self, index: Tensor) -> Batch:
        """Gather the records at `index` (int64, shape (M,))."""
        return Batch(self.tokens[index], self.residuals[index], self.arrays[index])

    def split(self, rows: int) -> list[Batch]:
        """Cut into batches of at most `rows` records, in order."""
        parts = (torch.split(tensor, rows) for tensor in (self.tokens, self.residuals, self.arrays))
        return [Batch(*part) for part in zip(*parts, strict=True)]


@dataclass(frozen=True)
class LossParts:
    """What a model wants smaller, in nats a record.

    Attributes:
        total: The scalar to differentiate.
        parts: Detached scalars by name, for people to watch; they need not add up to `total`.
    """

    total: Tensor
    parts: Mapping[str, Tensor]
