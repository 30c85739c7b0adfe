"""Randomness that nobody can make again: differential privacy rests on it.

A seed would not do: the manifest tells it, and torch's generator keeps 32 bits of one. These are the
operating system's own random bytes.
"""

from __future__ import annotations

import os
from math import pi
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["PoissonOrder", "secret_normal", "secret_uniform"]

_ROWS_AT_ONCE = 2**20


def secret_uniform(count: int) -> Tensor:
    """Return numbers from U(0, 1), neither end among them: float64, (count,)."""
    words = np.frombuffer(os.urandom(8 * count), np.uint64)
    return torch.from_numpy(((words >> np.uint64(12)).astype(np.float64) + 0.5) * 2.0**-52)


def secret_normal(count: int) -> Tensor:
    """Return numbers from N(0, 1): float32, (count,). Box and Muller (1958), in double precision."""
    half = -(-count // 2)
    radius = (-2 * secret_uniform(half).log()).sqrt()
    angle = 2 * pi * secret_uniform(half)
    return torch.cat([radius * angle.cos(), radius * angle.sin()])[:count].float()


class PoissonOrder:
    """Batches in which each record is with the same probability, whatever others are.

    That is what the accountant counts on; a batch has any size, 0 too. It has no state, so that a run that
    is taken up again takes other batches than the one before would have.
    """

    def __init__(self, rows: int, sample_rate: float, device: torch.device) -> None:
        self._rows = rows
        self._sample_rate = sample_rate
        self._device = device

    def following(self) -> Tensor:
        """Return the row numbers of the next batch: int64."""
        found = []
        for start in range(0, self._rows, _ROWS_AT_ONCE):
            chosen = secret_uniform(min(_ROWS_AT_ONCE, self._rows - start)) < self._sample_rate
            found.append(chosen.nonzero().squeeze(1) + start)
        return torch.cat(found).to(self._device)

    def state_dict(self) -> dict[str, Any]:
        """Return nothing."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take nothing in."""
