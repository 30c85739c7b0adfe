"""What a sampler may draw of a column, row by row."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["NEVER", "Bounds"]

NEVER = -1e9
"""The log weight of a token that must not be drawn."""


class Bounds(NamedTuple):
    """For each row and token, float32 of shape (N, V).

    Attributes:
        log_weights: Added to the token's log probability.
        low: The smallest residual that may be drawn of it.
        high: The largest.
    """

    log_weights: NDArray[np.float32]
    low: NDArray[np.float32]
    high: NDArray[np.float32]

    @classmethod
    def free(cls, shape: tuple[int, int]) -> Bounds:
        """Return bounds that allow everything."""
        return cls(np.zeros(shape, np.float32), np.zeros(shape, np.float32), np.ones(shape, np.float32))

    @classmethod
    def shared(cls, shape: tuple[int, int]) -> Bounds:
        """Return the same, to be read only, by all who make records."""
        zeros, ones = np.zeros(shape, np.float32), np.ones(shape, np.float32)
        return cls(zeros, zeros, ones)

    def padded(self, width: int) -> Bounds:
        """Return the bounds with tokens up to `width` that no column of this vocabulary has."""
        rows, own = self.low.shape
        wide = Bounds.free((rows, width))
        wide.log_weights[:, own:] = NEVER
        for mine, whole in zip(self, wide, strict=True):
            whole[:, :own] = mine
        return wide
