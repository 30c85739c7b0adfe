"""What the cells of ordered columns are worth: exact standardised values of tokens and residuals."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from augment.data.layout import Layout

__all__ = ["CellValues"]

_FARTHEST = 1e3


class CellValues(nn.Module):
    """Shape: tokens and residuals (N, C) to the values of the K ordered columns (N, K), 0 where missing.

    A token's values are pieces linear in its residual (`augment.data.splines`). Where a layout knows none,
    a token is worth its middle. Values beyond 1,000 standard deviations count as so far out.
    """

    columns: Tensor
    starts: Tensor
    stretches: Tensor
    knots: Tensor
    offsets: Tensor

    def __init__(self, layout: Layout) -> None:
        super().__init__()
        ordered = [column for column, is_ordered in enumerate(layout.ordered) if is_ordered]
        curves = [_curve(layout, column) for column in ordered]
        knots = list(accumulate((len(one) for one, _ in curves), initial=0))
        starts = [
            first + np.concatenate([[0, 0], np.cumsum(widths[1:] + 1)[:-1]])[: len(widths)]
            for first, (_, widths) in zip(knots, curves, strict=False)
        ]
        sizes = [layout.vocab_sizes[column] for column in ordered]
        constants = {
            "columns": torch.tensor(ordered, dtype=torch.int64),
            "offsets": torch.tensor(list(accumulate(sizes, initial=0))[:-1], dtype=torch.int32),
            "starts": _side_by_side(starts, np.int64),
            "stretches": _side_by_side([widths for _, widths in curves], np.int64),
            "knots": _side_by_side([one for one, _ in curves], np.float32).clamp(-_FARTHEST, _FARTHEST),
        }
        for name, constant in constants.items():
            self.register_buffer(name, constant, persistent=False)

    def forward(self, tokens: Tensor, residuals: Tensor) -> Tensor:
        """Return the values."""
        own = tokens.index_select(1, self.columns)
        packed = (own + self.offsets).long()
        widths = self.stretches[packed]
        place = residuals.index_select(1, self.columns).clamp(0, 1) * widths
        stretch = torch.minimum(place.long(), (widths - 1).clamp(min=0))
        index = self.starts[packed] + stretch
        lower, upper = self.knots[index], self.knots[index + (widths > 0).long()]
        return (lower + (upper - lower) * (place - stretch)) * (own > 0)


def _curve(layout: Layout, column: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return a column's knots and each token's stretches."""
    if layout.knots:
        return layout.knots[column], layout.stretches[column]
    values = layout.values[column]
    return (values[1:] if len(values) > 1 else values), np.zeros(len(values), np.int64)


def _side_by_side(parts: Sequence[NDArray[Any]], dtype: type) -> Tensor:
    return torch.from_numpy(np.concatenate(parts).astype(dtype) if parts else np.zeros(0, dtype))
