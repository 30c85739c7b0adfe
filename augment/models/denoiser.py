"""The denoising autoencoder: any part of a record, possibly wrong, to the whole clean record."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional

from augment.models.batch import Batch, LossParts
from augment.models.blocks import Trunk, linear
from augment.models.corruption import ArrayColumns, CorruptionOptions, corrupt
from augment.models.embedding import RecordEmbedding
from augment.models.evidence import SwapEvidence
from augment.models.heads import RecordHead
from augment.models.marginals import Marginals
from augment.models.masking import cells_to_restore
from augment.models.restoring import ArrayRestorer
from augment.models.trainable import Trainable

if TYPE_CHECKING:
    from torch import Tensor

    from augment.data.layout import Layout
    from augment.models.distribution import RecordDistribution

__all__ = ["Denoiser", "DenoiserOptions", "Prediction"]

_MOSTLY_INTACT = 2.0


@dataclass(frozen=True)
class DenoiserOptions:
    """What a `Denoiser` is made of.

    Attributes:
        hidden: Width of the hidden layers.
        layers: Their number.
        dropout: Rate in the hidden layers.
        blur: How far the targets of ordered columns are blurred in training, in ranks (0 to 1).
        doubt_share: Share of the training records whose given cells may be wrong; in the others they are
            right.
        observed_weight: Weight of the observed cells of doubted records beside the hidden cells.
        corruption: What doubted records suffer.
    """

    hidden: int = 256
    layers: int = 3
    dropout: float = 0.0
    blur: float = 0.0
    doubt_share: float = 0.2
    observed_weight: float = 1.0
    corruption: CorruptionOptions = field(default_factory=CorruptionOptions)


@dataclass(frozen=True)
class Prediction:
    """What a `Denoiser` makes of N records.

    Attributes:
        record: The distribution of each clean cell.
        intact: Logits that each given cell is right, shape (N, C).
    """

    record: RecordDistribution
    intact: Tensor


class Denoiser(Trainable):
    """A masked denoising autoencoder.

    Vincent et al., Extracting and Composing Robust Features with Denoising Autoencoders (2008). It imputes
    and repairs all columns at once: an input flag, `doubt`, tells it whether the given cells may be wrong,
    and the logit of a given token is raised by what the hidden state trusts it, so that copying need not
    be learnt token by token. A `Maker` is asked for one column after another, and generates.
    """

    def __init__(self, layout: Layout, options: DenoiserOptions, generator: torch.Generator) -> None:
        super().__init__()
        self.options = options
        columns = len(layout.names)
        self.embedding = RecordEmbedding(layout, generator)
        self.trunk = Trunk(
            self.embedding.width + 1,
            options.hidden,
            layers=options.layers,
            rate=options.dropout,
            generator=generator,
        )
        self.head = RecordHead(layout, options.hidden, blur=options.blur, generator=generator)
        self.intact = linear(options.hidden, columns, generator, gain=0.1)
        nn.init.constant_(self.intact.bias, _MOSTLY_INTACT)
        self.restorer = ArrayRestorer(layout, options.hidden, generator) if layout.array_width else None
        self.evidence = SwapEvidence(layout)
        self.marginals = Marginals(layout)
        self.trust = linear(options.hidden, columns, generator, gain=0.1)

    def forward(
        self, batch: Batch, observed: Tensor, doubt: Tensor, generator: torch.Generator | None = None
    ) -> Prediction:
        """Predict clean records.

        Args:
            batch: What is given.
            observed: 1 where a cell is given, 0 where it is to be predicted: float32, (N, C).
            doubt: 1 where the given cells may be wrong, 0 where they are right: float32, (N, 1).
            generator: For dropout; None for none.
        """
        inputs = torch.cat([self.embedding(batch, observed), doubt], dim=1)
        hidden = self.trunk(inputs, generator)
        base: RecordDistribution = self.head(hidden)
        seen = self.embedding.seen(batch, observed)
        cells = self.trust(hidden) * seen
        with torch.no_grad():
            surprise = base.nll(batch)
        intact = self.intact(hidden) + self.evidence(surprise, batch.tokens)
        return Prediction(self._restored(base.leaning_to(batch, cells), batch, seen, hidden), intact)

    def _restored(
        self, base: RecordDistribution, batch: Batch, seen: Tensor, hidden: Tensor
    ) -> RecordDistribution:
        """Return the distribution with given arrays restored; the others stay as the record tells them."""
        if self.restorer is None or base.shape.law is None:
            return base
        there = seen.index_select(1, self.embedding.owners)
        location, scale = self.restorer(batch.arrays * there, hidden)
        scale = base.shape.law.floor + functional.softplus(scale)
        return replace(
            base, mean=torch.lerp(base.mean, location, there), scale=torch.lerp(base.scale, scale, there)
        )

    def _arrays(self) -> ArrayColumns:
        """Return where arrays lie and which values they have."""
        return ArrayColumns(self.head.spans, self.head.arrays.law if self.head.arrays is not None else None)

    def loss(
        self,
        batch: Batch,
        generator: torch.Generator,
        *,
        progress: float = 1.0,  # noqa: ARG002 - no schedule
    ) -> LossParts:
        """Return the loss in nats a record: of hidden cells, of given ones, and of finding the wrong.

        Wrong cells are other records' of the batch; where there is one record alone, its columns' marginals'.
        """
        rows, columns, device = *batch.tokens.shape, batch.tokens.device
        uniform = torch.rand((rows, 1), generator=generator, device=device)
        doubt = (uniform < self.options.doubt_share).float()
        observed = cells_to_restore(doubt, columns, generator)
        alone = self.marginals.draw(1, generator, device) if rows == 1 else None
        spoilt = corrupt(batch, doubt, self._arrays(), self.options.corruption, generator, strangers=alone)
        prediction = self(spoilt.batch, observed, doubt, generator)
        cells = prediction.record.nll(batch, blur=self.training)
        hidden = _hidden_loss(cells, observed)
        doubted = observed * doubt
        given = (cells * doubted).sum(1).mean()
        finding = functional.binary_cross_entropy_with_logits(
            prediction.intact, spoilt.intact, weight=doubted, reduction="none"
        )
        detection = finding.sum(1).mean()
        total = hidden + self.options.observed_weight * given + detection
        parts = {"hidden": hidden, "observed": given, "detection": detection}
        return LossParts(total, {name: part.detach() for name, part in parts.items()})


def _hidden_loss(cells: Tensor, observed: Tensor) -> Tensor:
    """Return the loss of the hidden cells as if every column had been hidden, in nats a record.

    A record with h of C columns hidden counts C / h times the sum over them (Uria et al. 2014, eq. 6),
    so that each number of hidden columns weighs the same.
    """
    hidden = 1 - observed
    count = hidden.sum(1)
    return ((cells * hidden).sum(1) * hidden.shape[1] / count.clamp(min=1)).mean()
