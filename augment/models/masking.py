"""Which cells of a training record are given, and which are asked for."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["cells_before", "cells_to_restore"]

_CONDITIONS_SHARE, _MOST_CONDITIONS = 0.5, 3


def cells_before(rows: int, order: Tensor, condition_share: float, generator: torch.Generator) -> Tensor:
    """Choose what is given where one column is asked for: float32, (N, C asked for, C given or not).

    The columns before it in the order of generation are, and of a share of the records any others as
    well: half of them up to 3, as conditions are, the rest any number, as cells are that are not imputed.

    Args:
        rows: N.
        order: Columns in the order of generation: int64, (C,).
        condition_share: Share of the records with others.
        generator: On the device of `order`.
    """
    device, columns = order.device, len(order)
    place = torch.empty_like(order)
    place[order] = torch.arange(columns, device=device)
    before = place.unsqueeze(0) < place.unsqueeze(1)
    uniform = torch.rand((rows, columns, 3), generator=generator, device=device)
    asked_for = (1 + (uniform[:, :, :1] * _MOST_CONDITIONS).floor()).clamp(max=columns - 1)
    any_number = _few_or_many(uniform[:, :, :1], columns)
    count = torch.where(uniform[:, :, 1:2] < _CONDITIONS_SHARE, asked_for, any_number)
    count = count * (uniform[:, :, 2:] < condition_share)
    given = _any(count, generator) & ~torch.eye(columns, dtype=torch.bool, device=device)
    return (before | given).float()


def cells_to_restore(doubt: Tensor, columns: int, generator: torch.Generator) -> Tensor:
    """Choose what is given where all columns are asked for: float32, (N, C).

    Of a record 0 to C - 1 cells are; of a doubted one C or a few less, because repairing sees most of it.

    Args:
        doubt: 1 where the given cells may be wrong, (N, 1).
        columns: C.
        generator: On the device of `doubt`.
    """
    uniform = torch.rand(doubt.shape, generator=generator, device=doubt.device)
    mostly_all = columns - (uniform.square() * (columns + 1)).floor()
    count = torch.where(doubt > 0, mostly_all, _few_or_many(uniform, columns))
    return _any(count, generator, columns).float()


def _few_or_many(uniform: Tensor, columns: int) -> Tensor:
    """Return numbers in [0, C - 1], of which few and nearly all are the likeliest."""
    share = 0.5 - 0.5 * torch.cos(torch.pi * uniform)
    return (share * columns).floor().clamp(max=columns - 1)


def _any(count: Tensor, generator: torch.Generator, columns: int = 0) -> Tensor:
    """Choose `count` (..., 1) of the columns in each place: booleans (..., C)."""
    shape = (*count.shape[:-1], columns or count.shape[-2])
    uniform = torch.rand(shape, generator=generator, device=count.device)
    farthest = uniform.sort(-1).values.gather(-1, (count - 1).clamp(min=0).long())
    return (uniform <= farthest) & (count > 0)
