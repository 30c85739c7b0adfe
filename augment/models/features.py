"""Records as plain vectors: numbers as numbers, categories one place a level, array elements as they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional

from augment.models.batch import Batch
from augment.models.cell_values import CellValues
from augment.models.columns import element_columns, first_tokens

if TYPE_CHECKING:
    from torch import Tensor

    from augment.data.layout import Layout

__all__ = ["Decoded", "Reconstruction", "RecordFeatures"]


@dataclass(frozen=True)
class Reconstruction:
    """How far reconstructions are from records, each of shape (N,).

    Attributes:
        numbers: Summed squared error of present numbers, in variances of their columns.
        categories: Summed cross-entropy of categories and of what is missing, in nats.
        arrays: Summed squared error of present arrays' elements, in variances of their columns.
    """

    numbers: Tensor
    categories: Tensor
    arrays: Tensor

    @property
    def total(self) -> Tensor:
        """Their sum, (N,)."""
        return self.numbers + self.categories + self.arrays


@dataclass(frozen=True)
class Decoded:
    """Records read off vectors.

    Attributes:
        records: Ordered columns hold token 0 where missing, 1 elsewhere: their values are beside.
        values: Standardised values of ordered columns, zeros in others: (N, C).
    """

    records: Batch
    values: Tensor


class RecordFeatures(nn.Module):
    """Shape: a `Batch` of N records to vectors (N, `width`), and vectors back to records.

    Places: the values of ordered columns, 1 or 0 for each level of the others (and for "missing" of ordered
    columns that may be), then array elements. A column with one possible token has no place; a record
    without any has one place that is always 0.

    Example:
        >>> from tests.models.encoded_tables import encoded_table  # doctest: +SKIP
        >>> layout, encoded = encoded_table("mixed")  # doctest: +SKIP
        >>> RecordFeatures(layout)(Batch.from_encoded(encoded)).shape  # doctest: +SKIP
        torch.Size([64, 42])

    Attributes:
        width: Places.
        numbers: Ordered columns; theirs are the first places.
        levels: Where the levels of each other column lie: column, first place, end, first token.
        arrays: Array elements; theirs are the last places.
    """

    slot_columns: Tensor
    slot_tokens: Tensor
    owners: Tensor
    cells: Tensor
    continuous: Tensor

    def __init__(self, layout: Layout) -> None:
        super().__init__()
        self.values = CellValues(layout)
        self.numbers = len(self.values.columns)
        self.arrays = layout.array_width
        self.levels: tuple[tuple[int, int, int, int], ...] = ()
        self.columns = len(layout.names)
        ordered = set(self.values.columns.tolist())
        slots: list[tuple[int, int]] = []
        for column, (first, size) in enumerate(zip(first_tokens(layout), layout.vocab_sizes, strict=True)):
            tokens = list(range(first, size)) if column not in ordered else [0, 1] if first == 0 else []
            if len(tokens) > 1:
                start = self.numbers + len(slots)
                self.levels += ((column, start, start + len(tokens), first),)
                slots += [(column, token) for token in tokens]
        self.places = {column: place for place, column in enumerate(self.values.columns.tolist())}
        self.alone = [max(0, min(1, size - 1)) for size in layout.vocab_sizes]
        places = self.numbers + len(slots) + self.arrays
        self.width = max(1, places)
        owners = element_columns(layout)
        constants = {
            "slot_columns": torch.tensor([column for column, _ in slots], dtype=torch.int64),
            "slot_tokens": torch.tensor([token for _, token in slots], dtype=torch.int32),
            "owners": owners,
            "cells": _cells(self.values.columns, self.levels, self.arrays, self.columns, self.width),
            "continuous": _continuous(self.numbers, len(slots), self.arrays, self.width),
            "is_ordered": torch.tensor([column in ordered for column in range(self.columns)]),
        }
        for name, constant in constants.items():
            self.register_buffer(name, constant, persistent=False)

    def forward(self, batch: Batch) -> Tensor:
        """Return the vectors; an unknown category has 0 at all its levels."""
        own = batch.tokens.index_select(1, self.slot_columns)
        is_ordered = self.get_buffer("is_ordered").index_select(0, self.slot_columns)
        levels = torch.where(is_ordered, own.clamp(max=1), own) == self.slot_tokens
        parts = [self.values(batch.tokens, batch.residuals), levels.float(), batch.arrays]
        if sum(part.shape[1] for part in parts) == 0:
            return batch.residuals[:, :1] * 0
        return torch.cat(parts, dim=1)

    def distance(self, vectors: Tensor, records: Batch) -> Reconstruction:
        """Return how far vectors (N, `width`) are from records (N rows); levels are logits."""
        clean = self(records)
        square = (vectors - clean).square()
        present = (records.tokens.index_select(1, self.values.columns) > 0).float()
        numbers = (square[:, : self.numbers] * present).sum(1)
        start = self.width - self.arrays
        shown = (records.tokens.index_select(1, self.owners) > 0).float()
        arrays = (square[:, start:] * shown).sum(1) if self.arrays else torch.zeros_like(numbers)
        if not (self.numbers or self.levels or self.arrays):
            numbers = square.sum(1)
        categories = torch.zeros_like(numbers)
        for _, first, end, _ in self.levels:
            likelihood = functional.log_softmax(vectors[:, first:end], dim=1)
            categories = categories - (likelihood * clean[:, first:end]).sum(1)
        return Reconstruction(numbers, categories, arrays)

    def decode(self, vectors: Tensor) -> Decoded:
        """Return the records that vectors (N, `width`) stand for."""
        zeros = torch.zeros_like(vectors[:, :1])
        fixed = {column: (zeros + token).int() for column, token in enumerate(self.alone)}
        for column, first, end, token in self.levels:
            fixed[column] = vectors[:, first:end].argmax(1, keepdim=True).int() + token
        tokens = torch.cat([fixed[column] for column in range(self.columns)], dim=1)
        places = self.places
        values = torch.cat(
            [
                vectors[:, places[column] : places[column] + 1] if column in places else zeros
                for column in range(self.columns)
            ],
            dim=1,
        )
        arrays = vectors[:, self.width - self.arrays :] if self.arrays else vectors[:, :0]
        if self.arrays:
            arrays = arrays * (tokens.index_select(1, self.owners) > 0)
        return Decoded(Batch(tokens, torch.zeros_like(values) + 0.5, arrays), values)


def _cells(
    ordered: Tensor, levels: tuple[tuple[int, int, int, int], ...], arrays: int, columns: int, width: int
) -> Tensor:
    """Return which cell each place belongs to: a token column, or an array element of its own: (width,)."""
    parts = [ordered, *(torch.full((end - first,), column) for column, first, end, _ in levels)]
    cells = torch.cat([*parts, columns + torch.arange(arrays)]).long()
    return cells if len(cells) else torch.zeros(width, dtype=torch.int64)


def _continuous(numbers: int, slots: int, arrays: int, width: int) -> Tensor:
    """Return 1 at places of numbers and array elements, 0 at levels: (width,)."""
    flags = torch.cat([torch.ones(numbers), torch.zeros(slots), torch.ones(arrays)])
    return flags if len(flags) else torch.zeros(width)
