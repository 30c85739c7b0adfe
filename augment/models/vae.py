"""The variational autoencoder: records to a latent vector and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from augment.models.batch import LossParts
from augment.models.blocks import Trunk, linear
from augment.models.columns import must_be_known
from augment.models.embedding import RecordEmbedding
from augment.models.staged import StagedHead, best, drawn, given
from augment.models.trainable import Trainable

if TYPE_CHECKING:
    from torch import Tensor

    from augment.data.layout import Layout
    from augment.models.batch import Batch
    from augment.models.distribution import Best, Noise, RecordDistribution

__all__ = ["Posterior", "Vae", "VaeOptions"]


@dataclass(frozen=True)
class VaeOptions:
    """What a `Vae` is made of.

    Attributes:
        latent_dim: L.
        hidden: Width of the hidden layers.
        layers: Hidden layers of the encoder, and of the decoder.
        beta: Weight of the Kullback-Leibler term. Below 1 the posterior is sharper than the prior,
            and a prior is fitted to it after training (`augment.models.priors`).
        warmup: Share of the training steps over which `beta` rises from 0.
        mask_rate: Share of cells hidden from the encoder in training, in columns that are never missing:
            so it learns what to do with a category that it has not seen.
        dropout: Rate in the hidden layers.
        blur: How far the targets of ordered columns are blurred in training, in ranks (0 to 1).
        stages: The columns that the decoder draws first, those that it draws given these, and so on; none:
            all at once.
    """

    latent_dim: int
    hidden: int = 192
    layers: int = 3
    beta: float = 0.25
    warmup: float = 0.2
    mask_rate: float = 0.05
    dropout: float = 0.0
    blur: float = 0.0
    stages: tuple[tuple[int, ...], ...] = ()


@dataclass(frozen=True)
class Posterior:
    """Independent Gaussians over the latent space.

    Attributes:
        mean: Shape (N, L).
        scale: Standard deviations, shape (N, L).
    """

    mean: Tensor
    scale: Tensor

    def draw(self, generator: torch.Generator) -> Tensor:
        """Draw one latent vector a row: (N, L)."""
        noise = torch.randn(self.mean.shape, generator=generator, device=self.mean.device)
        return self.mean + self.scale * noise

    def divergence(self) -> Tensor:
        """Return the Kullback-Leibler divergence from N(0, I) of each row in nats: (N,).

        Kingma and Welling, Auto-Encoding Variational Bayes (2014), appendix B.
        """
        variance = self.scale * self.scale
        return 0.5 * (self.mean * self.mean + variance - 1 - variance.log()).sum(1)


class Vae(Trainable):
    """Encoder and decoder. The loss is the summed cross-entropy of the cells plus `beta` times KL.

    Kingma and Welling (2014); the weight `beta` as in Higgins et al., beta-VAE (2017).
    """

    known: Tensor

    def __init__(self, layout: Layout, options: VaeOptions, generator: torch.Generator) -> None:
        super().__init__()
        self.options = options
        width, latent = options.hidden, options.latent_dim
        self.embedding = RecordEmbedding(layout, generator)
        self.encoder = Trunk(
            self.embedding.width, width, layers=options.layers, rate=options.dropout, generator=generator
        )
        self.to_mean = linear(width, latent, generator)
        self.to_scale = linear(width, latent, generator, gain=0.1)
        self.decoder = Trunk(latent, width, layers=options.layers, rate=options.dropout, generator=generator)
        stages = options.stages or (tuple(range(len(layout.names))),)
        self.head = StagedHead(layout, width, stages=stages, blur=options.blur, generator=generator)
        self.register_buffer("known", must_be_known(layout), persistent=False)

    def encode(
        self, batch: Batch, observed: Tensor | None = None, generator: torch.Generator | None = None
    ) -> Posterior:
        """Return where the records lie in the latent space; `observed` (N, C) hides cells where 0."""
        if observed is None:
            observed = torch.ones_like(batch.residuals)
        hidden = self.encoder(self.embedding(batch, observed), generator)
        return Posterior(self.to_mean(hidden), self.to_scale(hidden).clamp(-7, 2).exp())

    def likely(
        self, latent: Tensor, records: Batch, generator: torch.Generator | None = None
    ) -> RecordDistribution:
        """Return the distribution at `latent` (N, L) that tells how likely the records are."""
        distribution: RecordDistribution = self.head(self.decoder(latent, generator), given(records.tokens))
        return distribution

    def draw(self, latent: Tensor, noise: Noise) -> Batch:
        """Draw a record at each latent vector (N, L)."""
        distribution: RecordDistribution = self.head(self.decoder(latent), drawn(noise))
        return distribution.draw(noise)

    def decode(self, latent: Tensor) -> Best:
        """Return the records that stand for latent vectors (N, L); cells may come out missing."""
        distribution: RecordDistribution = self.head(self.decoder(latent), best(missing=True))
        return distribution.best(missing=True)

    def loss(self, batch: Batch, generator: torch.Generator, *, progress: float = 1.0) -> LossParts:
        """Return reconstruction plus `beta` times divergence, in nats a record."""
        posterior = self.encode(batch, self._light_mask(batch, generator), generator)
        likely = self.likely(posterior.draw(generator), batch, generator)
        reconstruction = likely.nll(batch, blur=self.training).sum(1).mean()
        divergence = posterior.divergence().mean()
        warmth = min(1.0, progress / self.options.warmup) if self.options.warmup > 0 else 1.0
        total = reconstruction + self.options.beta * warmth * divergence
        return LossParts(
            total, {"reconstruction": reconstruction.detach(), "divergence": divergence.detach()}
        )

    def _light_mask(self, batch: Batch, generator: torch.Generator) -> Tensor:
        shape, device = batch.residuals.shape, batch.residuals.device
        hidden = torch.rand(shape, generator=generator, device=device) < self.options.mask_rate
        return 1 - hidden * self.known
