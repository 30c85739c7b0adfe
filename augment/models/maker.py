"""The denoising autoencoder that makes records: one column after another, given any others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from augment.models.batch import Batch, LossParts
from augment.models.blocks import linear
from augment.models.embedding import RecordEmbedding
from augment.models.heads import RecordHead
from augment.models.masking import cells_before
from augment.models.targeted import TargetedTrunk
from augment.models.trainable import Trainable

if TYPE_CHECKING:
    from torch import Tensor

    from augment.data.layout import Layout
    from augment.models.distribution import RecordDistribution

__all__ = ["Maker", "MakerOptions", "generation_order"]

_FEWEST_ASKED, _ASKED_OF_FEW = 64, 16_384


def generation_order(layout: Layout) -> tuple[int, ...]:
    """Return the token columns in the order in which records are made from nothing."""
    return tuple(range(len(layout.names)))


@dataclass(frozen=True)
class MakerOptions:
    """What a `Maker` is made of.

    Attributes:
        hidden: Width of the hidden layers.
        layers: Hidden layers of each column.
        weight_sets: Columns have weights of their own where there are as many sets, else they share them.
        dropout: Rate in the hidden layers.
        blur: How far the targets of ordered columns are blurred in training, in ranks (0 to 1).
        condition_share: Share of the training records that are given some columns from the start.
    """

    hidden: int = 256
    layers: int = 1
    weight_sets: int = 32
    dropout: float = 0.1
    blur: float = 0.0
    condition_share: float = 0.6


class Maker(Trainable):
    """Makes records one column after another: given some cells, the distribution of one more.

    What the given cells say adds up in a state; the hidden layers of the column asked for turn it into
    that column's distribution. It is a denoising autoencoder whose noise hides columns, asked for one at a
    time, and so an autoregressive model that takes any columns as given (Uria, Murray and Larochelle 2014;
    Hoogeboom et al., Autoregressive Diffusion Models, 2022).

    Attributes:
        order: The token columns in the order of generation: int64, (C,).
    """

    order: Tensor

    def __init__(self, layout: Layout, options: MakerOptions, generator: torch.Generator) -> None:
        super().__init__()
        self.options = options
        columns = len(layout.names)
        self.embedding = RecordEmbedding(layout, generator)
        self.first = linear(self.embedding.width, options.hidden, generator)
        self.trunk = TargetedTrunk(
            options.hidden,
            layers=options.layers,
            columns=columns,
            sets=min(columns, options.weight_sets),
            rate=options.dropout,
            generator=generator,
        )
        self.head = RecordHead(layout, options.hidden, blur=options.blur, generator=generator)
        self.register_buffer("order", torch.tensor(generation_order(layout)), persistent=False)

    def state(self, batch: Batch, observed: Tensor) -> Tensor:
        """Return the sum of what the given cells say: (N, hidden)."""
        state: Tensor = self.first(self.embedding(batch, observed))
        return state

    def distribution(self, state: Tensor, generator: torch.Generator | None = None) -> RecordDistribution:
        """Return the distributions of columns with states of their own: (N, C, hidden)."""
        distribution: RecordDistribution = self.head(self.trunk(state, generator))
        return distribution

    def loss(
        self,
        batch: Batch,
        generator: torch.Generator,
        *,
        progress: float = 1.0,  # noqa: ARG002 - no schedule
    ) -> LossParts:
        """Return the negative log-likelihood in nats a record, by the chain rule.

        Each record is asked for one column, and each column of as many records, which are others than the
        next column's: so a step sees many. Small batches are asked for more than one: a few records a
        column are too few for a step that must not drown in noise. A single record is asked for each once.
        """
        columns = len(self.order)
        fewest = min(_FEWEST_ASKED, _ASKED_OF_FEW // len(batch)) if len(batch) > 1 else 1
        asked, records = self._asked(batch, max(fewest, -(-len(batch) // columns)))
        observed = cells_before(len(asked), self.order, self.options.condition_share, generator)
        state = self.state(records, observed.reshape(-1, columns))
        record = self.distribution(state.reshape(len(asked), columns, -1), generator)
        cells = record.nll(asked, blur=self.training).mean(0)
        total = cells.sum()
        return LossParts(total, {"made": total.detach(), "worst column": cells.detach().max()})

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
