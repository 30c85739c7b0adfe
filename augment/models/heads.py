"""The layer that turns a hidden state into a distribution over records."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional

from augment.models.blocks import linear
from augment.models.categorical import CategoricalHead
from augment.models.columns import array_spans, column_groups, element_columns
from augment.models.distribution import Inside, RecordDistribution, RecordShape
from augment.models.within_bin import WithinBin, wide_columns

if TYPE_CHECKING:
    from torch import Tensor

    from augment.data.layout import Layout

__all__ = ["GaussianHead", "RecordHead"]

_SCALE_FLOOR = 0.02
_START_GAIN = 0.1


class GaussianHead(nn.Module):
    """Means and standard deviations of array elements: shape (N, width) to two of (N, D).

    The scale of an element is learned, with one summand a record and array, because a record of which
    nothing is seen is far less certain than one seen whole. It is never below 0.02 of the column's
    standard deviation: without a floor an element that is constant (the corner of a digit) would make
    the likelihood infinite.
    """

    span_of_element: Tensor

    def __init__(self, layout: Layout, width: int, generator: torch.Generator) -> None:
        super().__init__()
        spans = array_spans(layout)
        self.mean = linear(width, layout.array_width, generator, gain=_START_GAIN)
        self.record_scale = linear(width, len(spans), generator, gain=_START_GAIN)
        self.element_scale = nn.Parameter(torch.zeros(layout.array_width))
        lengths = torch.tensor([span.stop - span.start for span in spans])
        index = torch.arange(len(spans)).repeat_interleave(lengths)
        self.register_buffer("span_of_element", index, persistent=False)

    def forward(self, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """Return means and standard deviations."""
        record: Tensor = self.record_scale(hidden)
        scale = functional.softplus(self.element_scale + record.index_select(1, self.span_of_element))
        return self.mean(hidden), _SCALE_FLOOR + scale


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
        self.arrays = GaussianHead(layout, width, generator) if layout.array_width else None
        self.spans = array_spans(layout)
        side_by_side = torch.tensor([column for group in groups for column in group])
        self.register_buffer("places", side_by_side.argsort(), persistent=False)
        self.register_buffer("owners", element_columns(layout), persistent=False)

    def forward(self, hidden: Tensor) -> RecordDistribution:
        """Return the distribution of the records behind `hidden`."""
        empty = hidden[:, :0]
        mean, scale = self.arrays(hidden) if self.arrays is not None else (empty, empty)
        logits = tuple(head(hidden) for head in self.groups)
        shape = RecordShape(self.places, self.spans, self.owners)
        inside = Inside(self.within, self.within(hidden)) if self.within is not None else None
        return RecordDistribution(shape, self.groups, logits, inside, mean, scale)

    @property
    def groups(self) -> tuple[CategoricalHead, ...]:
        """The groups of token columns."""
        return tuple(head for head in self.tokens if isinstance(head, CategoricalHead))
