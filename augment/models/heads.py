"""The layer that turns a hidden state into a distribution over records."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from augment.models.array_coding import ArrayHead
from augment.models.categorical import CategoricalHead
from augment.models.columns import array_spans, column_groups, element_columns
from augment.models.distribution import Inside, RecordDistribution, RecordShape
from augment.models.within_bin import WithinBin, wide_columns

if TYPE_CHECKING:
    from torch import Tensor

    from augment.data.layout import Layout

__all__ = ["RecordHead"]


class RecordHead(nn.Module):
    """Shape: (N, width) to a `RecordDistribution` of N rows. `blur` is that of training targets, in ranks."""

    places: Tensor
    owners: Tensor

    def __init__(self, layout: Layout, width: int, *, blur: float, generator: torch.Generator) -> None:
        super().__init__()
        groups = column_groups(layout)
        self.tokens = nn.ModuleList(
            CategoricalHead(layout, group, width, blur=blur, generator=generator) for group in groups
        )
        self.within = WithinBin(layout, width, generator) if wide_columns(layout) else None
        self.arrays = ArrayHead(layout, width, generator) if layout.array_width else None
        self.spans = array_spans(layout)
        side_by_side = torch.tensor([column for group in groups for column in group])
        self.register_buffer("places", side_by_side.argsort(), persistent=False)
        self.register_buffer("owners", element_columns(layout), persistent=False)

    def forward(self, hidden: Tensor) -> RecordDistribution:
        """Return the distribution of the records behind `hidden`."""
        empty = hidden[:, :0]
        mean, scale = self.arrays(hidden) if self.arrays is not None else (empty, empty)
        law = self.arrays.law if self.arrays is not None else None
        logits = tuple(head(hidden) for head in self.groups)
        shape = RecordShape(self.places, self.spans, self.owners, law)
        inside = Inside(self.within, self.within(hidden)) if self.within is not None else None
        return RecordDistribution(shape, self.groups, logits, inside, mean, scale)

    @property
    def groups(self) -> tuple[CategoricalHead, ...]:
        """The groups of token columns."""
        return tuple(head for head in self.tokens if isinstance(head, CategoricalHead))
