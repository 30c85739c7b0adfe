"""Where each column lies in the packed tensors that models work on."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Iterable

    from torch import Tensor

    from augment.data.layout import Layout

__all__ = ["ArraySpan", "array_spans", "column_groups", "element_columns", "first_tokens", "must_be_known"]

_SMALL = 16


@dataclass(frozen=True)
class ArraySpan:
    """One array column: elements `start` to `stop`, present where token column `presence` is 1."""

    presence: int
    start: int
    stop: int


def array_spans(layout: Layout) -> tuple[ArraySpan, ...]:
    """Return the array columns; their presence columns are the last token columns."""
    widths = [int(torch.Size(shape).numel()) for shape in layout.array_shapes]
    stops = list(accumulate(widths))
    first_presence = len(layout.names) - len(widths)
    return tuple(
        ArraySpan(first_presence + i, stop - width, stop)
        for i, (width, stop) in enumerate(zip(widths, stops, strict=True))
    )


def element_columns(layout: Layout) -> Tensor:
    """Return the presence column of each array element: int64, shape (D,)."""
    owners = [torch.full((span.stop - span.start,), span.presence) for span in array_spans(layout)]
    return torch.cat(owners) if owners else torch.zeros(0, dtype=torch.int64)


def first_tokens(layout: Layout) -> tuple[int, ...]:
    """Return each column's smallest token that may be drawn: 1 where it is never missing.

    A column that is always missing has one token, which is then the only one to draw.
    """
    pairs = zip(layout.nullable, layout.vocab_sizes, strict=True)
    return tuple(0 if nullable or size == 1 else 1 for nullable, size in pairs)


def must_be_known(layout: Layout) -> Tensor:
    """Return 1 where a column is never missing, so that token 0 says "unknown": float32, (C,)."""
    return torch.tensor(first_tokens(layout), dtype=torch.float32)


def column_groups(layout: Layout, columns: Iterable[int] | None = None) -> tuple[tuple[int, ...], ...]:
    """Group some or all columns: what is computed side by side, padded to the group's largest vocabulary.

    A group holds ordered columns or unordered ones, whose vocabularies are at least half its largest;
    those of up to 16 tokens share one. Far fewer operations than one column at a time, at little padding.
    """
    groups: list[list[int]] = []
    sizes, ordered = layout.vocab_sizes, layout.ordered
    chosen = range(len(sizes)) if columns is None else columns
    for column in sorted(chosen, key=lambda i: (ordered[i], -sizes[i], i)):
        largest = groups[-1][0] if groups else column
        fits = 2 * sizes[column] >= sizes[largest] or sizes[largest] <= _SMALL
        if groups and fits and ordered[column] == ordered[largest]:
            groups[-1].append(column)
        else:
            groups.append([column])
    return tuple(tuple(group) for group in groups)
