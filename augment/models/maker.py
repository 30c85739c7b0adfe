"""The part of a denoiser that makes records: one column after another, given any others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from augment.models.batch import Batch
from augment.models.blocks import linear
from augment.models.heads import RecordHead
from augment.models.masking import cells_before
from augment.models.targeted import TargetedTrunk

if TYPE_CHECKING:
    from torch import Tensor

    from augment.data.layout import Layout
    from augment.models.distribution import RecordDistribution
    from augment.models.embedding import RecordEmbedding

__all__ = ["Maker", "generation_order"]


def generation_order(layout: Layout) -> tuple[int, ...]:
    """Return the token columns in the order in which records are made from nothing."""
    return tuple(range(len(layout.names)))


class Maker(nn.Module):
    """Given some cells, the distribution of one more.

    What the given cells say adds up in a state; the hidden layers of the column asked for turn it into
    that column's distribution. One after another it is an autoregressive model that takes any columns
    as given (Uria, Murray and Larochelle 2014; Hoogeboom et al., Autoregressive Diffusion Models, 2022).

    Attributes:
        order: The token columns in the order of generation: int64, (C,).
    """

    order: Tensor

    def __init__(
        self,
        layout: Layout,
        embedding: RecordEmbedding,
        *,
        width: int,
        layers: int,
        rate: float,
        blur: float,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.width = width
        self.first = linear(embedding.width, width, generator)
        columns = len(layout.names)
        self.trunk = TargetedTrunk(width, layers=layers, columns=columns, rate=rate, generator=generator)
        self.head = RecordHead(layout, width, blur=blur, generator=generator)
        self.register_buffer("order", torch.tensor(generation_order(layout)), persistent=False)

    def state(self, embedding: RecordEmbedding, batch: Batch, observed: Tensor) -> Tensor:
        """Return the sum of what the given cells say: (N, width)."""
        state: Tensor = self.first(embedding(batch, observed))
        return state

    def loss(
        self,
        embedding: RecordEmbedding,
        batch: Batch,
        *,
        rows: int,
        condition_share: float,
        generator: torch.Generator,
    ) -> Tensor:
        """Return the negative log-likelihood in nats a record, each column asked of `rows` records.

        The records of a column are others than those of the next, so that a step sees many.
        """
        asked, records = self._asked(batch, rows)
        observed = cells_before(rows, self.order, condition_share, generator)
        columns = len(self.order)
        state = self.state(embedding, records, observed.reshape(-1, columns))
        record = self.distribution(state.reshape(rows, columns, -1), generator)
        return record.nll(asked, blur=self.training).sum(1).mean()

    def distribution(self, state: Tensor, generator: torch.Generator | None = None) -> RecordDistribution:
        """Return the distributions of each column's own states: (N, C, width)."""
        distribution: RecordDistribution = self.head(self.trunk(state, generator))
        return distribution

    def _asked(self, batch: Batch, rows: int) -> tuple[Batch, Batch]:
        """Return cells to be asked for, (rows, C), and the records that they are from, (rows * C)."""
        columns = len(self.order)
        index = torch.arange(rows * columns, device=batch.tokens.device) % len(batch)
        records = batch.rows(index)
        column = torch.arange(columns, device=index.device).expand(rows, columns).reshape(-1, 1)
        tokens, residuals = (
            part.gather(1, column).reshape(rows, columns) for part in (records.tokens, records.residuals)
        )
        return Batch(tokens, residuals, records.arrays[:rows]), records
