"""A flow from noise to latent vectors, of all records or of those with given cells."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from augment.models.batch import LossParts
from augment.models.blocks import Trunk, linear
from augment.models.embedding import RecordEmbedding
from augment.models.priors import GivenPrior
from augment.models.trainable import Port

if TYPE_CHECKING:
    from torch import Tensor

    from augment.data.layout import Layout
    from augment.models.batch import Batch

__all__ = ["LatentFlow"]

_WIDTH, _LAYERS, _TOLD_WIDTH = 256, 4, 64
_OCTAVES = 6
_STEPS = 10
_NOTHING_SHARE = 0.25


class LatentFlow(GivenPrior):
    """A rectified flow: velocities that carry N(0, I) to the latent vectors along nearly straight lines.

    Liu et al., Flow Straight and Fast (2023), eq. 1; drawn from in 10 midpoint steps, which the graph holds
    one after another. The field hears the records' table cells, or in a quarter of the training none, so
    that one field gives latent vectors of all records and of those that are asked for.

    Attributes:
        mean: Of the latent vectors, shape (L,).
        deviation: Their standard deviations, shape (L,).
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, layout: Layout, mean: Tensor, deviation: Tensor, generator: torch.Generator) -> None:
        super().__init__()
        width = len(mean)
        self.ports = (Port("latent_normal", "float32", width),)
        self.embedding = RecordEmbedding(layout.without_arrays(), generator)
        self.told = linear(self.embedding.width, _TOLD_WIDTH, generator)
        inputs = width + 2 * _OCTAVES + _TOLD_WIDTH
        self.trunk = Trunk(inputs, _WIDTH, layers=_LAYERS, rate=0.0, generator=generator)
        self.velocity = linear(_WIDTH, width, generator, gain=0.1)
        self.columns = len(layout.names)
        self.register_buffer("mean", mean)
        self.register_buffer("deviation", deviation)

    def forward(self, latent_normal: Tensor) -> Tensor:
        """Carry noise to latent vectors of any records."""
        return self._carried(latent_normal, torch.zeros_like(latent_normal[:, :1]).expand(-1, _TOLD_WIDTH))

    def given(self, batch: Batch, *noise: Tensor) -> Tensor:
        """Carry noise to latent vectors of records with these table cells."""
        return self._carried(noise[0], self._told(batch, torch.ones_like(batch.residuals)))

    def loss(self, latents: Tensor, batch: Batch, generator: torch.Generator) -> LossParts:
        """Return the mean squared error of the velocity at random times, in units of the latent space."""
        device = latents.device
        wanted = (latents - self.mean) / self.deviation
        noise = torch.randn(wanted.shape, generator=generator, device=device)
        uniform = torch.rand((len(wanted), 1), generator=generator, device=device)
        time = torch.sigmoid(torch.randn((len(wanted), 1), generator=generator, device=device))
        told = self._told(batch, torch.ones_like(batch.residuals)) * (uniform > _NOTHING_SHARE)
        velocity = self._velocity(torch.lerp(noise, wanted, time), time, told)
        total = (velocity - (wanted - noise)).square().mean()
        return LossParts(total, {"velocity": total.detach()})

    def _told(self, batch: Batch, observed: Tensor) -> Tensor:
        told: Tensor = functional.silu(self.told(self.embedding(batch, observed)))
        return told

    def _carried(self, noise: Tensor, told: Tensor) -> Tensor:
        """Follow the velocity from time 0 to 1."""
        point, step = noise, 1 / _STEPS
        for index in range(_STEPS):
            start = torch.full_like(noise[:, :1], index * step)
            half = point + step / 2 * self._velocity(point, start, told)
            point = point + step * self._velocity(half, start + step / 2, told)
        return point * self.deviation + self.mean

    def _velocity(self, point: Tensor, time: Tensor, told: Tensor) -> Tensor:
        angles = time * (torch.pi / 2) * 2.0 ** torch.arange(_OCTAVES, device=time.device)
        inputs = torch.cat([point, angles.sin(), angles.cos(), told], dim=1)
        velocity: Tensor = self.velocity(self.trunk(inputs))
        return velocity
