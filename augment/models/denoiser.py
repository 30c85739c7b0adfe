"""The denoising autoencoder: any part of a record, possibly wrong, to the whole clean record."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional

from augment.models.batch import Batch, LossParts
from augment.models.blocks import linear
from augment.models.corruption import CorruptionOptions, corrupt
from augment.models.embedding import RecordEmbedding
from augment.models.evidence import SwapEvidence
from augment.models.heads import RecordHead
from augment.models.masking import MaskingOptions, mask_cells
from augment.models.targeted import TargetedTrunk
from augment.models.trainable import Trainable

if TYPE_CHECKING:
    from torch import Tensor

    from augment.data.layout import Layout
    from augment.models.distribution import RecordDistribution

__all__ = ["Denoiser", "DenoiserOptions", "Prediction", "generation_order"]

_FIRST_TRUST = -2.0
_MOSTLY_INTACT = 2.0


def generation_order(layout: Layout) -> tuple[int, ...]:
    """Return the token columns in the order in which records are made from nothing."""
    return tuple(range(len(layout.names)))


@dataclass(frozen=True)
class DenoiserOptions:
    """What a `Denoiser` is made of.

    Attributes:
        hidden: Width of the hidden layers.
        layers: Hidden layers.
        dropout: Rate in the hidden layers.
        blur: How far the targets of ordered columns are blurred in training, in ranks (0 to 1).
        observed_weight: Weight of the observed cells of doubted records beside the hidden cells.
        masking: What training records are asked.
        corruption: What doubted ones suffer.
    """

    hidden: int = 384
    layers: int = 3
    dropout: float = 0.1
    blur: float = 0.0
    observed_weight: float = 1.0
    masking: MaskingOptions = field(default_factory=MaskingOptions)
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

    Vincent et al., Extracting and Composing Robust Features with Denoising Autoencoders (2008); asked for
    one column after another it is an autoregressive model that takes any columns as given (Uria, Murray
    and Larochelle 2014; Hoogeboom et al., Autoregressive Diffusion Models, 2022). Asked for all columns
    at once it imputes and repairs. An input flag, `doubt`, tells it whether the given cells may be wrong:
    to generate or condition they are right by decree. The logit of a given token is raised by what the
    hidden state trusts it, so that copying need not be learnt token by token.

    Attributes:
        order: The token columns in the order of generation: int64, (C,).
    """

    order: Tensor

    def __init__(self, layout: Layout, options: DenoiserOptions, generator: torch.Generator) -> None:
        super().__init__()
        self.options = options
        columns = len(layout.names)
        self.embedding = RecordEmbedding(layout, generator)
        self.first = linear(self.embedding.width + 1, options.hidden, generator)
        self.trunk = TargetedTrunk(
            options.hidden,
            layers=options.layers - 1,
            targets=columns + 1,
            rate=options.dropout,
            generator=generator,
        )
        self.head = RecordHead(layout, options.hidden, blur=options.blur, generator=generator)
        self.intact = linear(options.hidden, columns, generator, gain=0.1)
        nn.init.constant_(self.intact.bias, _MOSTLY_INTACT)
        elements = layout.array_width
        self.element_trust = linear(options.hidden, elements, generator, gain=0.1) if elements else None
        self.evidence = SwapEvidence(layout)
        self.trust = linear(options.hidden, columns, generator, gain=0.1)
        self.register_buffer("order", torch.tensor(generation_order(layout)), persistent=False)

    def state(self, batch: Batch, observed: Tensor, doubt: Tensor) -> Tensor:
        """Return the sum of what each given cell says: (N, hidden)."""
        state: Tensor = self.first(torch.cat([self.embedding(batch, observed), doubt], dim=1))
        return state

    def forward(
        self,
        batch: Batch,
        observed: Tensor,
        doubt: Tensor,
        *,
        target: Tensor,
        generator: torch.Generator | None = None,
    ) -> Prediction:
        """Predict clean records.

        Args:
            batch: What is given.
            observed: 1 where a cell is given, 0 where it is to be predicted: float32, (N, C).
            doubt: 1 where the given cells may be wrong, 0 where they are right: float32, (N, 1).
            target: The column asked for, whose prediction alone is then to be used; C for all: int64,
                (N,) or (1,).
            generator: For dropout; None for none.
        """
        hidden = self.trunk(self.state(batch, observed, doubt), target, generator)
        base: RecordDistribution = self.head(hidden)
        seen = self.embedding.seen(batch, observed) * doubt
        cells = self.trust(hidden) * seen
        elements = self._element_trust(hidden) * seen.index_select(1, self.embedding.owners)
        intact = self.intact(hidden) + self.evidence(base.nll(batch), batch.tokens)
        return Prediction(base.leaning_to(batch, cells, elements), intact)

    def _element_trust(self, hidden: Tensor) -> Tensor:
        """Return how far each array element is believed, 0 to 1: (N, D)."""
        if self.element_trust is None:
            return hidden[:, :0]
        return torch.sigmoid(self.element_trust(hidden) + _FIRST_TRUST)

    def loss(
        self,
        batch: Batch,
        generator: torch.Generator,
        *,
        progress: float = 1.0,  # noqa: ARG002 - no schedule
    ) -> LossParts:
        """Return the loss in nats a record: what was asked for, what was given, and finding the wrong."""
        masking = mask_cells(len(batch), self.order, self.options.masking, generator)
        spoilt = corrupt(batch, masking.doubt, self.head.spans, self.options.corruption, generator)
        prediction = self(
            spoilt.batch, masking.observed, masking.doubt, target=masking.target, generator=generator
        )
        cells = prediction.record.nll(batch, blur=self.training)
        hidden = (cells * masking.weight).sum(1).mean()
        doubted = masking.observed * masking.doubt
        observed = (cells * doubted).sum(1).mean()
        finding = functional.binary_cross_entropy_with_logits(
            prediction.intact, spoilt.intact, weight=doubted, reduction="none"
        )
        detection = finding.sum(1).mean()
        total = hidden + self.options.observed_weight * observed + detection
        parts = {"hidden": hidden, "observed": observed, "detection": detection}
        return LossParts(total, {name: part.detach() for name, part in parts.items()})
