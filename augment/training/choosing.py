"""Some of very many rows, chosen in little memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["MOST_SHUFFLED", "choose_rows"]

MOST_SHUFFLED = 2**22
"""Rows that are shuffled whole: 32 MiB of numbers."""


def choose_rows(rows: int, count: int, generator: torch.Generator) -> Tensor:
    """Return different row numbers in random order, any as likely as any other: int64, (min(count, rows),).

    Args:
        rows: How many there are.
        count: How many are wanted, far fewer than 4 million where there are more rows than that.
        generator: Draws them.
    """
    if rows <= MOST_SHUFFLED or count > rows // 2:
        return torch.randperm(rows, generator=generator)[:count]
    found = torch.empty(0, dtype=torch.int64)
    while len(found) < count:
        found = torch.unique(torch.cat([found, torch.randint(rows, (count,), generator=generator)]))
    return found[torch.randperm(len(found), generator=generator)[:count]]
