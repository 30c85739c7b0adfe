"""Latent vectors on two axes, for a map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Projection", "project"]


@dataclass(frozen=True)
class Projection:
    """The two main axes of a cloud of points.

    Attributes:
        mean: Shape (width,).
        axes: Shape (width, 2), orthonormal columns; the first explains the most variance.
        explained: Share of the variance along each axis, shape (2,).
    """

    mean: NDArray[np.float64]
    axes: NDArray[np.float64]
    explained: NDArray[np.float64]

    def __call__(self, points: NDArray[np.float32] | NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the points on the two axes, shape (rows, 2)."""
        return np.asarray((points - self.mean) @ self.axes)


def project(points: NDArray[np.float32] | NDArray[np.float64]) -> Projection:
    """Fit the two main axes (principal components) of points of shape (rows, width).

    The sign of an axis is fixed by its largest element, so that the same points give the same map.
    """
    mean = points.mean(axis=0, dtype=np.float64)
    _, spread, axes = np.linalg.svd(points - mean, full_matrices=False)
    variances = np.zeros(max(2, len(spread)))
    variances[: len(spread)] = spread**2
    chosen = np.zeros((points.shape[1], 2))
    for column, axis in enumerate(axes[:2]):
        chosen[:, column] = axis * np.sign(axis[np.abs(axis).argmax()])
    return Projection(mean=mean, axes=chosen, explained=variances[:2] / max(variances.sum(), 1e-12))
