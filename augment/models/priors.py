"""Where latent vectors lie: the distributions that new ones are drawn from, as exportable modules."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional

from augment.models.mixture import fit_mixture
from augment.models.trainable import Port

if TYPE_CHECKING:
    from torch import Tensor

    from augment.models.batch import Batch
    from augment.models.mixture import Cells

__all__ = ["GaussianMixture", "GivenPrior", "Prior", "StandardNormal"]


class Prior(nn.Module):
    """Turns noise into latent vectors (N, L); `ports` names the noise that `forward` takes, in order."""

    ports: tuple[Port, ...]


class GivenPrior(Prior, ABC):
    """A prior that also knows the latent vectors of records with given table cells."""

    @abstractmethod
    def given(self, batch: Batch, *noise: Tensor) -> Tensor:
        """Turn noise, as `ports` names it, into latent vectors (N, L) of records with the batch's tokens."""


class StandardNormal(Prior):
    """N(0, I), the prior of the evidence lower bound: right at beta = 1, too wide below it."""

    def __init__(self, latent_dim: int) -> None:
        super().__init__()
        self.ports = (Port("latent_normal", "float32", latent_dim),)

    def forward(self, latent_normal: Tensor) -> Tensor:
        """Return the noise itself."""
        return latent_normal


class GaussianMixture(GivenPrior):
    """A mixture of full-covariance Gaussians. Drawn from: component by its weight, then `mean + root @ e`.

    Given the table cells of a record, a component weighs as much as the cells are likely in it.

    Attributes:
        edges: Cumulative weights but the last, shape (K - 1,).
        means: Shape (K, L).
        roots: Lower Cholesky factors of the covariances, shape (K, L, L).
        log_weights: Shape (K,).
        log_levels: What each token of each column, side by side, adds to them: shape (tokens, K).
        offsets: Where each column's tokens begin: shape (C,).
    """

    edges: Tensor
    means: Tensor
    roots: Tensor
    log_weights: Tensor
    log_levels: Tensor
    offsets: Tensor

    def __init__(
        self,
        weights: Tensor,
        means: Tensor,
        roots: Tensor,
        *,
        log_levels: Tensor | None = None,
        offsets: Tensor | None = None,
    ) -> None:
        super().__init__()
        self.ports = (Port("component_u", "float32", None), Port("latent_normal", "float32", means.shape[1]))
        self.register_buffer("edges", weights.cumsum(0)[:-1].float())
        self.register_buffer("means", means.float())
        self.register_buffer("roots", roots.float())
        self.register_buffer("log_weights", weights.log().float())
        nothing = torch.zeros((1, len(weights)))
        self.register_buffer("log_levels", nothing if log_levels is None else log_levels.float())
        self.register_buffer("offsets", torch.zeros(1, dtype=torch.int32) if offsets is None else offsets)

    @classmethod
    def fit(
        cls,
        latents: Tensor,
        *,
        components: int,
        generator: torch.Generator,
        cells: Cells | None = None,
    ) -> GaussianMixture:
        """Fit to latent vectors (M, L) by expectation maximisation; `generator` places the start.

        Args:
            latents: The vectors.
            components: At most.
            generator: Places the start.
            cells: The table cells of their records, which components then tell apart as well.
        """
        if cells is None:
            mixture = fit_mixture(latents, components=components, generator=generator)
            return cls(mixture.weights, mixture.means, mixture.roots)
        mixture = fit_mixture(latents, components=components, generator=generator, cells=cells)
        return cls(
            mixture.weights,
            mixture.means,
            mixture.roots,
            log_levels=mixture.log_levels,
            offsets=torch.tensor(cells.offsets, dtype=torch.int32),
        )

    def given(self, batch: Batch, *noise: Tensor) -> Tensor:
        """Draw latent vectors of records with these table cells."""
        component_u, latent_normal = noise
        told = functional.embedding(batch.tokens + self.offsets, self.log_levels).sum(1)
        weights = torch.softmax(self.log_weights + told, dim=1)
        passed = (weights.cumsum(1)[:, :-1] < component_u.unsqueeze(1)).sum(1, dtype=torch.int32)
        return self._drawn(passed.long(), latent_normal)

    def forward(self, component_u: Tensor, latent_normal: Tensor) -> Tensor:
        """Draw latent vectors."""
        passed = (self.edges < component_u.unsqueeze(1)).sum(1, dtype=torch.int32)
        component = passed.long() if len(self.edges) else torch.zeros_like(component_u, dtype=torch.int64)
        return self._drawn(component, latent_normal)

    def _drawn(self, component: Tensor, latent_normal: Tensor) -> Tensor:
        roots = self.roots.index_select(0, component)
        spread = (roots @ latent_normal.unsqueeze(2)).squeeze(2)
        return self.means.index_select(0, component) + spread
