"""Where latent vectors lie: the distributions that new ones are drawn from, as exportable modules."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from augment.models.mixture import fit_mixture
from augment.models.trainable import Port

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["GaussianMixture", "Prior", "StandardNormal"]


class Prior(nn.Module):
    """Turns noise into latent vectors (N, L); `ports` names the noise that `forward` takes, in order."""

    ports: tuple[Port, ...]


class StandardNormal(Prior):
    """N(0, I), the prior of the evidence lower bound: right at beta = 1, too wide below it."""

    def __init__(self, latent_dim: int) -> None:
        super().__init__()
        self.ports = (Port("latent_normal", "float32", latent_dim),)

    def forward(self, latent_normal: Tensor) -> Tensor:
        """Return the noise itself."""
        return latent_normal


class GaussianMixture(Prior):
    """A mixture of full-covariance Gaussians. Drawn from: component by its weight, then `mean + root @ e`.

    Attributes:
        edges: Cumulative weights but the last, shape (K - 1,).
        means: Shape (K, L).
        roots: Lower Cholesky factors of the covariances, shape (K, L, L).
    """

    edges: Tensor
    means: Tensor
    roots: Tensor

    def __init__(self, weights: Tensor, means: Tensor, roots: Tensor) -> None:
        super().__init__()
        self.ports = (Port("component_u", "float32", None), Port("latent_normal", "float32", means.shape[1]))
        self.register_buffer("edges", weights.cumsum(0)[:-1].float())
        self.register_buffer("means", means.float())
        self.register_buffer("roots", roots.float())

    @classmethod
    def fit(cls, latents: Tensor, *, components: int, generator: torch.Generator) -> GaussianMixture:
        """Fit to latent vectors (M, L) by expectation maximisation; `generator` places the start."""
        mixture = fit_mixture(latents, components=components, generator=generator)
        return cls(mixture.weights, mixture.means, mixture.roots)

    def forward(self, component_u: Tensor, latent_normal: Tensor) -> Tensor:
        """Draw latent vectors."""
        passed = (self.edges < component_u.unsqueeze(1)).sum(1, dtype=torch.int32)
        component = passed.long() if len(self.edges) else torch.zeros_like(component_u, dtype=torch.int64)
        roots = self.roots.index_select(0, component)
        spread = (roots @ latent_normal.unsqueeze(2)).squeeze(2)
        return self.means.index_select(0, component) + spread
