"""Which rows train a model and which judge it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from augment.errors import SchemaError
from augment.training.choosing import choose_rows

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Split", "heldout_rows", "split_rows"]

_MAX_HELDOUT = 10_000


@dataclass(frozen=True)
class Split:
    """Row numbers, int64, both sides at least one and none in both."""

    train: Tensor
    heldout: Tensor


def split_rows(rows: int, share: float, seed: int) -> Split:
    """Hold out a random `share` of the rows, at least 1 and at most 10,000.

    Raises:
        SchemaError: There are fewer than 2 rows.
    """
    heldout = heldout_rows(rows, share, seed)
    trained = torch.ones(rows, dtype=torch.bool)
    trained[heldout] = False
    return Split(train=trained.nonzero().squeeze(1), heldout=heldout)


def heldout_rows(rows: int, share: float, seed: int) -> Tensor:
    """Return the numbers of the rows that `split_rows` holds out, ascending.

    Raises:
        SchemaError: There are fewer than 2 rows.
    """
    if rows < 2:  # noqa: PLR2004 - one to train on, one to judge by
        raise SchemaError.of("rows", "must be at least 2 to train", rows, "Give more records")
    held = max(1, min(round(rows * share), _MAX_HELDOUT, rows - 1))
    return choose_rows(rows, held, torch.Generator().manual_seed(seed)).sort().values
