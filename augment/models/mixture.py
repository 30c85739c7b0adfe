"""Expectation maximisation for mixtures of full-covariance Gaussians, in float64."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Mixture", "fit_mixture"]

_MAX_ROUNDS = 60
_TOLERANCE = 1e-3
_SHRINKAGE_ROWS = 2.0


@dataclass(frozen=True)
class Mixture:
    """K Gaussians in L dimensions, float64.

    Attributes:
        weights: Shape (K,), adding up to 1.
        means: Shape (K, L).
        roots: Lower Cholesky factors of the covariances, shape (K, L, L).
    """

    weights: Tensor
    means: Tensor
    roots: Tensor

    def responsibilities(self, points: Tensor) -> tuple[Tensor, float]:
        """Return each component's share in each point (M, K) and the mean log density."""
        joint = self._joint(points)
        total = joint.logsumexp(1, keepdim=True)
        return (joint - total).exp(), float(total.mean())

    def _joint(self, points: Tensor) -> Tensor:
        """Return log weight plus log density of each component: (M, K)."""
        constant = -0.5 * points.shape[1] * math.log(2 * math.pi)
        inverse = torch.linalg.solve_triangular(
            self.roots, torch.eye(points.shape[1], dtype=points.dtype).expand_as(self.roots), upper=False
        )
        logs = []
        for weight, mean, whiten in zip(self.weights, self.means, inverse, strict=True):
            distance = ((points - mean) @ whiten.T).square().sum(1)
            logs.append(weight.log() + whiten.diagonal().log().sum() + constant - 0.5 * distance)
        return torch.stack(logs, dim=1)


def fit_mixture(points: Tensor, *, components: int, generator: torch.Generator) -> Mixture:
    """Fit a mixture to points (M, L), M >= 1; at most M components.

    Covariances shrink towards the pooled diagonal as if it had been seen on two rows, which keeps
    components of few points invertible.
    """
    points = points.detach().to("cpu", torch.float64)
    components = max(1, min(components, len(points)))
    shares = _nearest_shares(points, _spread_out(points, components, generator))
    best = -math.inf
    for _ in range(_MAX_ROUNDS):
        mixture = _maximise(points, shares)
        shares, density = mixture.responsibilities(points)
        if density < best + _TOLERANCE:
            break
        best = density
    return mixture


def _spread_out(points: Tensor, components: int, generator: torch.Generator) -> Tensor:
    """Choose start centres as k-means++ does (Arthur and Vassilvitskii 2007); returns (K, L).

    Each is a point drawn with a probability proportional to its squared distance from those chosen.
    """
    chosen = [int(torch.randint(len(points), (1,), generator=generator))]
    nearest = (points - points[chosen[0]]).square().sum(1)
    for _ in range(components - 1):
        weights = nearest if float(nearest.sum()) > 0 else torch.ones_like(nearest)
        chosen.append(int(torch.multinomial(weights, 1, generator=generator)))
        nearest = torch.minimum(nearest, (points - points[chosen[-1]]).square().sum(1))
    return points[chosen]


def _nearest_shares(points: Tensor, centres: Tensor) -> Tensor:
    nearest = torch.cdist(points, centres).argmin(1)
    return torch.nn.functional.one_hot(nearest, len(centres)).to(points.dtype)


def _maximise(points: Tensor, shares: Tensor) -> Mixture:
    """Return the mixture that fits the points best, given each component's shares in them."""
    mass = shares.sum(0)
    counts = mass + 1e-6
    means = shares.T @ points / counts.unsqueeze(1)
    variance = points.var(0, correction=0) + 1e-6
    roots = []
    for share, count, mean in zip(shares.T, counts, means, strict=True):
        centred = points - mean
        scatter = (centred * share.unsqueeze(1)).T @ centred
        covariance = (scatter + _SHRINKAGE_ROWS * variance.diag()) / (count + _SHRINKAGE_ROWS)
        roots.append(torch.linalg.cholesky(covariance))
    return Mixture(counts / counts.sum(), means, torch.stack(roots))
