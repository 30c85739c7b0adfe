"""The undercomplete autoencoder: records to few numbers and back, deterministically."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional

from augment.models.batch import LossParts
from augment.models.blocks import dropout, linear
from augment.models.features import RecordFeatures
from augment.models.spoiling import Spoiling, spoil
from augment.models.trainable import Trainable

if TYPE_CHECKING:
    from torch import Tensor

    from augment.data.layout import Layout
    from augment.models.batch import Batch
    from augment.models.features import Decoded

__all__ = ["Autoencoder", "AutoencoderOptions"]

_START_GAIN = 0.1


@dataclass(frozen=True)
class AutoencoderOptions:
    """What an `Autoencoder` is made of.

    Attributes:
        latent_dim: L, the width of the bottleneck.
        hidden: Widths of the encoder's hidden layers; the decoder has them the other way round.
        tied: The decoder's weights are the encoder's, transposed.
        dropout: Rate in the hidden layers.
        spoiling: What is spoilt in the records that the encoder is shown in training.
    """

    latent_dim: int
    hidden: tuple[int, ...] = (256,)
    tied: bool = False
    dropout: float = 0.0
    spoiling: Spoiling = field(default_factory=Spoiling)


class Autoencoder(Trainable):
    """Encoder and decoder around a narrow layer, each beside a straight linear way.

    The straight way starts at the principal components of the data (`start_at_components`), the others near
    zero: so the autoencoder starts as PCA of the same width, and what it learns is what PCA cannot say.
    The loss is the squared error of standardised numbers and array elements plus the cross-entropy of
    categories.
    """

    def __init__(self, layout: Layout, options: AutoencoderOptions, generator: torch.Generator) -> None:
        super().__init__()
        self.options = options
        self.features = RecordFeatures(layout)
        widths = (self.features.width, *options.hidden, options.latent_dim)
        gains = (*(1.0 for _ in options.hidden), _START_GAIN)
        pairs = list(zip(widths, widths[1:], gains, strict=False))
        self.encoder = nn.ModuleList(linear(a, b, generator, gain=gain) for a, b, gain in pairs)
        self.straight = linear(widths[0], widths[-1], generator)
        backs = [(b, a) for a, b, _ in reversed(pairs)]
        self.decoder = nn.ModuleList(
            _Tied(a) if options.tied else linear(b, a, generator, gain=gain)
            for (b, a), gain in zip(backs, gains, strict=True)
        )
        self.back = _Tied(widths[0]) if options.tied else linear(widths[-1], widths[0], generator)

    @torch.no_grad()
    def start_at_components(self, records: Batch) -> None:
        """Set the straight way to the principal components of records.

        Where there are fewer components than the bottleneck is wide, the rest keeps its random weights.
        """
        vectors = self.features(records).double()
        mean = vectors.mean(0)
        centred = vectors - mean
        _, axes = torch.linalg.eigh(centred.T @ centred)
        count = min(self.options.latent_dim, len(axes), max(1, len(vectors) - 1))
        axes = axes.flip(1)[:, :count].T
        signs = axes.gather(1, axes.abs().argmax(1, keepdim=True)).sign()
        axes = (axes * signs).float()
        self.straight.weight[:count] = axes
        self.straight.bias[:count] = -(axes @ mean.float())
        self.back.bias.copy_(mean.float())
        if isinstance(self.back, nn.Linear):
            self.back.weight[:, :count] = axes.T
            self.back.weight[:, count:] *= _START_GAIN

    @torch.no_grad()
    def keep_to_layers(self) -> None:
        """Start the straight way at nothing, so that all goes through the layers."""
        for part in (self.straight, self.back):
            for weights in part.parameters():
                weights.zero_()

    def encode(self, batch: Batch) -> Tensor:
        """Return the latent vectors, (N, L)."""
        return self.squeeze(self.features(batch))

    def squeeze(self, vectors: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Return the latent vectors (N, L) of feature vectors (N, width)."""
        hidden = vectors
        for layer in self.encoder[:-1]:
            hidden = self._bent(layer(hidden), generator)
        squeezed: Tensor = self.straight(vectors) + self.encoder[-1](hidden)
        return squeezed

    def expand(self, latent: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Return feature vectors (N, width) of latent vectors (N, L); levels are logits."""
        mirror = list(reversed(self.encoder))
        hidden = latent
        for place, layer in enumerate(self.decoder):
            hidden = _through(layer, hidden, mirror[place])
            if place < len(self.decoder) - 1:
                hidden = self._bent(hidden, generator)
        return _through(self.back, latent, self.straight) + hidden

    def reconstruct(self, batch: Batch) -> Tensor:
        """Return feature vectors (N, width) of the records' reconstructions."""
        return self.expand(self.encode(batch))

    def decode(self, latent: Tensor) -> Decoded:
        """Return the records that stand for latent vectors (N, L)."""
        return self.features.decode(self.expand(latent))

    def score(self, batch: Batch) -> Tensor:
        """Return how far each record is from its reconstruction, (N,): odd records score higher."""
        return self.features.distance(self.reconstruct(batch), batch).total

    def loss(self, batch: Batch, generator: torch.Generator, *, progress: float = 1.0) -> LossParts:
        """Return the reconstruction error of clean records from spoilt ones."""
        del progress
        vectors = self.features(batch)
        if not self.options.spoiling.nothing:
            vectors = spoil(vectors, self.features, self.options.spoiling, generator)
        latent = self.squeeze(vectors, generator)
        apart = self.features.distance(self.expand(latent, generator), batch)
        parts = {"numbers": apart.numbers, "categories": apart.categories, "arrays": apart.arrays}
        return LossParts(apart.total.mean(), {name: part.mean().detach() for name, part in parts.items()})

    def _bent(self, hidden: Tensor, generator: torch.Generator | None) -> Tensor:
        """Normalise and bend a hidden layer; dropout in training."""
        bent = functional.silu(functional.layer_norm(hidden, hidden.shape[-1:]))
        if generator is not None and self.training and self.options.dropout > 0:
            return dropout(bent, self.options.dropout, generator)
        return bent


class _Tied(nn.Module):
    """A linear map whose weights are another's, transposed; the bias is its own."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, values: Tensor, mirror: nn.Linear) -> Tensor:
        """Return the map of values (N, its mirror's outputs)."""
        return functional.linear(values, mirror.weight.t(), self.bias)


def _through(layer: nn.Module, values: Tensor, mirror: nn.Module) -> Tensor:
    """Return a decoder layer's map of values."""
    mapped: Tensor = layer(values, mirror) if isinstance(layer, _Tied) else layer(values)
    return mapped
