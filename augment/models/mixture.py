"""Expectation maximisation for mixtures of full-covariance Gaussians, in float64."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import TYPE_CHECKING

import torch
from torch.nn import functional

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Cells", "Mixture", "fit_mixture"]

_MAX_ROUNDS = 60
_TOLERANCE = 1e-3
_SHRINKAGE_ROWS = 2.0
_LARGEST_VOCABULARY = 64


@dataclass(frozen=True)
class Cells:
    """Table cells of the records behind points.

    Attributes:
        tokens: int32, shape (M, C).
        vocab_sizes: Tokens of each column, C of them.
    """

    tokens: Tensor
    vocab_sizes: tuple[int, ...]

    @property
    def offsets(self) -> tuple[int, ...]:
        """Where each column's tokens begin, all side by side."""
        return tuple(accumulate(self.vocab_sizes, initial=0))[:-1]

    def log_levels(self, shares: Tensor) -> Tensor:
        """Return the log probability of each token in each component, given its shares (M, K): (tokens, K).

        As if each component had seen one more row, with the column's own frequencies. Columns of more than 64
        tokens say nothing: a component sees too few rows of each.
        """
        told = torch.zeros((sum(self.vocab_sizes), shares.shape[1]), dtype=shares.dtype)
        for column, (offset, size) in enumerate(zip(self.offsets, self.vocab_sizes, strict=True)):
            if size > _LARGEST_VOCABULARY:
                continue
            counts = told.new_zeros((size, shares.shape[1]))
            counts.index_add_(0, self.tokens[:, column].long(), shares)
            frequency = (counts.sum(1, keepdim=True) + 1 / size) / (len(self.tokens) + 1)
            told[offset : offset + size] = ((counts + frequency) / (counts.sum(0) + 1)).log()
        return told

    def joint(self, log_levels: Tensor) -> Tensor:
        """Return the log probability of each row's cells in each component: (M, K)."""
        packed = self.tokens + torch.tensor(self.offsets, dtype=torch.int32)
        return functional.embedding(packed, log_levels).sum(1)


@dataclass(frozen=True)
class Mixture:
    """K Gaussians in L dimensions, float64.

    Attributes:
        weights: Shape (K,), adding up to 1.
        means: Shape (K, L).
        roots: Lower Cholesky factors of the covariances, shape (K, L, L).
        log_levels: What each token of a record's cells adds to the log density, shape (tokens, K); None
            where there are no cells.
    """

    weights: Tensor
    means: Tensor
    roots: Tensor
    log_levels: Tensor | None = None

    def responsibilities(self, points: Tensor, cells: Cells | None = None) -> tuple[Tensor, float]:
        """Return each component's share in each point (M, K) and the mean log density."""
        joint = self._joint(points)
        if cells is not None and self.log_levels is not None:
            joint = joint + cells.joint(self.log_levels)
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


def fit_mixture(
    points: Tensor, *, components: int, generator: torch.Generator, cells: Cells | None = None
) -> Mixture:
    """Fit a mixture to points (M, L), M >= 1, and to the cells of their records; at most M components.

    Covariances shrink towards the pooled diagonal as if it had been seen on two rows, which keeps
    components of few points invertible.
    """
    points = points.detach().to("cpu", torch.float64)
    components = max(1, min(components, len(points)))
    shares = _nearest_shares(points, _spread_out(points, components, generator))
    best = -math.inf
    for _ in range(_MAX_ROUNDS):
        mixture = _maximise(points, shares)
        if cells is not None:
            mixture = replace(mixture, log_levels=cells.log_levels(shares))
        shares, density = mixture.responsibilities(points, cells)
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
