"""Which cells of a training record are given, and which are asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Masking", "MaskingOptions", "mask_cells"]


@dataclass(frozen=True)
class MaskingOptions:
    """What training records are used for; the shares add up to at most 1.

    Attributes:
        generate_share: Share of the records that are made from nothing: the columns before a random one
            in the order of generation are given, and that one is asked for.
        condition_share: Share likewise, but with some other columns given from the start.
            Of the rest some cells are given and all others are asked for at once: to impute and repair.
        doubt_share: Share of that rest whose given cells may be wrong; in all other records they are
            right.
    """

    generate_share: float = 0.5
    condition_share: float = 0.2
    doubt_share: float = 0.7


@dataclass(frozen=True)
class Masking:
    """What N records of C columns are asked.

    Attributes:
        observed: 1 where a cell is given: float32, (N, C).
        target: The column asked for, C where all are: int64, (N,).
        weight: Of each cell's loss, such that in the mean each way to ask weighs as if every column had
            been asked for: float32, (N, C).
        doubt: 1 where the given cells may be wrong: float32, (N, 1).
    """

    observed: Tensor
    target: Tensor
    weight: Tensor
    doubt: Tensor


def mask_cells(rows: int, order: Tensor, options: MaskingOptions, generator: torch.Generator) -> Masking:
    """Draw a masking.

    A record with k columns to be made asks for one of them and counts it k times: an unbiased estimate
    of its negative log-likelihood by the chain rule (Uria, Murray and Larochelle 2014, eq. 6).

    Args:
        rows: N.
        order: Columns in the order of generation: int64, (C,).
        options: The shares.
        generator: On the device of `order`.
    """
    device, columns = order.device, len(order)
    uniform = torch.rand((rows, 4), generator=generator, device=device)
    generated = uniform[:, :1] < options.generate_share
    restored = uniform[:, :1] >= options.generate_share + options.condition_share
    doubt = restored & (uniform[:, 3:] < options.doubt_share)
    given = _given(uniform[:, 1:2], doubt, columns, generator) & ~generated
    free = (~given).float()[:, order]
    count = free.sum(1, keepdim=True)
    place = free.cumsum(1) - free
    now = (uniform[:, 2:3] * count).floor()
    before, asked = torch.zeros_like(free), torch.zeros_like(free)
    before[:, order] = free * (place < now)
    asked[:, order] = free * (place == now)
    hidden = (~given).float()
    return Masking(
        observed=1 - hidden + torch.where(restored, 0.0, before),
        target=torch.where(restored[:, 0], columns, asked.argmax(1)),
        weight=torch.where(restored, hidden * columns / count.clamp(min=1), asked * count),
        doubt=doubt.float(),
    )


def _given(uniform: Tensor, doubt: Tensor, columns: int, generator: torch.Generator) -> Tensor:
    """Choose cells that are given from the start, booleans (N, C).

    Of C columns 0 to C - 1 are, any of them; few and nearly all most often, as conditions and imputing
    need. Of a doubted record C or a few less are: its uniform number is squared.
    """
    few_or_many = ((0.5 - 0.5 * torch.cos(torch.pi * uniform)) * columns).floor().clamp(max=columns - 1)
    mostly_all = columns - (uniform.square() * (columns + 1)).floor()
    shape = (len(uniform), columns)
    order = torch.rand(shape, generator=generator, device=uniform.device).argsort(1).argsort(1)
    return order < torch.where(doubt, mostly_all, few_or_many)
