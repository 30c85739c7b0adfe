"""Encoded records as one vector: token embeddings, numbers by value, flags, arrays."""

from __future__ import annotations

import math
from itertools import accumulate
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from augment.models.array_coding import ArrayEncoder
from augment.models.blocks import looked_up
from augment.models.columns import element_columns, must_be_known

if TYPE_CHECKING:
    from torch import Tensor

    from augment.data.layout import Layout
    from augment.models.batch import Batch

__all__ = ["RecordEmbedding"]

_OCTAVES = 6
_NUMBER_FEATURES = 2 + 2 * _OCTAVES


class RecordEmbedding(nn.Module):
    """Shape: a `Batch` of N records and flags (N, C) to (N, `width`).

    A cell gives its token's embedding and a flag "observed". An ordered column's cell gives its value
    as well: rank, standardised value, and sine and cosine of the rank at 6 octaves, because bins alone
    hide that neighbours are alike. A cell that is not observed gives zeros. Token 0 of a column that is
    never missing says "unknown" (e.g. a category unseen in training) and counts as not observed.
    Arrays come last, by `ArrayEncoder`.
    """

    offsets: Tensor
    known: Tensor
    owners: Tensor
    ordered: Tensor
    numbers: Tensor

    def __init__(self, layout: Layout, generator: torch.Generator, *, token_width: int = 12) -> None:
        super().__init__()
        columns = len(layout.names)
        ordered = [i for i, column_ordered in enumerate(layout.ordered) if column_ordered]
        starts = list(accumulate(layout.vocab_sizes, initial=0))[:-1]
        self.tokens = nn.Embedding(sum(layout.vocab_sizes), token_width, device="meta")
        self.tokens.to_empty(device="cpu")
        nn.init.normal_(self.tokens.weight, 0.0, 1 / math.sqrt(token_width), generator=generator)
        self.arrays = ArrayEncoder(layout, generator) if layout.array_width else None
        arrays = self.arrays.width if self.arrays is not None else 0
        self.width = columns * (token_width + 1) + len(ordered) * _NUMBER_FEATURES + arrays
        ranks = torch.from_numpy(np.concatenate(layout.ranks).astype(np.float32))
        values = torch.from_numpy(np.concatenate(layout.values).astype(np.float32))
        constants = {
            "offsets": torch.tensor(starts, dtype=torch.int32),
            "known": must_be_known(layout),
            "owners": element_columns(layout),
            "ordered": torch.tensor(ordered, dtype=torch.int64),
            "numbers": torch.stack(
                [*_places(ranks, torch.from_numpy(np.concatenate(layout.wide))), values], 1
            ),
        }
        for name, constant in constants.items():
            self.register_buffer(name, constant, persistent=False)

    def forward(self, batch: Batch, observed: Tensor) -> Tensor:
        """Embed records; `observed` is 1 where a cell may be seen: float32, (N, C)."""
        observed = self.seen(batch, observed)
        packed = batch.tokens + self.offsets
        cells = looked_up(packed, self.tokens.weight, training=self.training) * observed.unsqueeze(-1)
        features = [cells.flatten(1), observed]
        if len(self.ordered):
            features.append(self._numbers(batch, packed, observed))
        if self.arrays is not None:
            features.append(self.arrays(batch.arrays * observed.index_select(1, self.owners)))
        return torch.cat(features, dim=1)

    def seen(self, batch: Batch, observed: Tensor) -> Tensor:
        """Return `observed` with cells of unknown value taken out."""
        unknown = (batch.tokens == 0).to(observed.dtype) * self.known
        return observed * (1 - unknown)

    def number_features(self, packed: Tensor, residuals: Tensor, present: Tensor) -> Tensor:
        """Return what cells say by value: packed tokens, residuals and presence (...) to (..., 14)."""
        looked_up = functional.embedding(packed, self.numbers)
        low, width, value = torch.split(looked_up, 1, dim=-1)
        rank = low + residuals.unsqueeze(-1) * width
        octaves = torch.pi * 2.0 ** torch.arange(_OCTAVES, device=rank.device)
        angles = rank * octaves
        features = torch.cat([rank, value, angles.sin(), angles.cos()], dim=-1)
        return features * present.unsqueeze(-1)

    def folded(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        """Return a linear map of the embedding cell by cell.

        Args:
            weight: Of a linear map whose first inputs are this embedding: (H, `width` or more).

        Returns:
            What each observed token gives, (tokens of all columns, H), zeros for one that says "unknown";
            and the weights of each column's number features, (C, 14, H), zeros for unordered columns.
        """
        sizes = torch.diff(self.offsets, append=torch.tensor([len(self.tokens.weight)]))
        columns, token_width = len(sizes), self.tokens.weight.shape[1]
        owner = torch.arange(columns).repeat_interleave(sizes)
        flags = columns * token_width
        by_token = weight[:, :flags].reshape(len(weight), columns, token_width)[:, owner]
        table = torch.einsum("hvt,vt->vh", by_token, self.tokens.weight.detach())
        table += weight[:, flags : flags + columns].T[owner]
        table[self.offsets.long()] *= (1 - self.known).unsqueeze(1)
        numbers = torch.zeros(columns, _NUMBER_FEATURES, len(weight))
        first = flags + columns
        ordered = weight[:, first : first + len(self.ordered) * _NUMBER_FEATURES]
        numbers[self.ordered] = ordered.T.reshape(len(self.ordered), _NUMBER_FEATURES, len(weight))
        return table, numbers

    def _numbers(self, batch: Batch, packed: Tensor, observed: Tensor) -> Tensor:
        """Return the features of ordered columns: (N, columns * features); missing cells are zeros."""
        present = (batch.tokens > 0).to(observed.dtype) * observed
        chosen = (packed, batch.residuals, present)
        return self.number_features(*(part.index_select(1, self.ordered) for part in chosen)).flatten(1)


def _places(ranks: Tensor, wide: Tensor) -> tuple[Tensor, Tensor]:
    """Return where each token's ranks begin and how far they reach: a single value is at its middle rank.

    Whatever its residual says: one that was drawn for it means nothing.
    """
    low, high = ranks.T
    return torch.where(wide, low, (low + high) / 2), torch.where(wide, high - low, 0.0)
