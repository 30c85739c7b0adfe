"""How far cells lie outside what training rows had: what an encoding cannot tell, since it ends there.

A number beyond the smallest or largest of training encodes as that end, and a value never seen as missing.
Their novelty is added to the score of the record: 0 for whatever a training row had, else minus the logarithm
of a probability, in nats.

- Beyond an end by a distance d: d / s, where s is the column's standard deviation. Above a high threshold the
  distance is exponential, -ln P(distance > d) = d / s (Pickands 1975, "Statistical inference using extreme
  order statistics", the generalised Pareto distribution of shape 0).
- A value never seen in n rows: ln(n + 1), by Laplace's rule of succession with one more kind than was seen.
- A column of one value: any other was never seen, and counts as both, at a distance in units of the value.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["beyond_range", "never_seen"]


def never_seen(rows: int) -> float:
    """Return the novelty of a value that none of so many rows had, in nats.

    >>> round(never_seen(999), 3)
    6.908
    """
    return math.log(rows + 1)


def beyond_range(
    distance: NDArray[Any], *, deviation: float, ends: tuple[float, float], rows: int
) -> NDArray[np.float64]:
    """Return the novelty of numbers by their distance from the training range.

    Args:
        distance: How far each is beyond the nearer end, 0 inside; any shape.
        deviation: Standard deviation over the training cells, in the same unit.
        ends: The smallest and the largest number of training.
        rows: Of training.
    """
    far = distance.astype(np.float64)
    unit = deviation or max(abs(ends[0]), abs(ends[1])) or 1.0
    with np.errstate(over="ignore"):
        nats = np.minimum(far / unit, np.finfo(np.float32).max)
    return nats if deviation else nats + np.where(far > 0, never_seen(rows), 0.0)
