"""How fast memory grows with the requests, whatever else it does meanwhile."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["Slope", "slope_of"]

_PARTS = 20
_DRAWS = 1000
_MILLION = 1_000_000


@dataclass(frozen=True)
class Slope:
    """Growth in MiB per million requests.

    Attributes:
        middle: The median of the slopes between all pairs of samples (Theil and Sen).
        low: 95 % of the slopes of resampled runs are above this or...
        high: ... below that, all but 2.5 % at either end.
    """

    middle: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.middle:.1f} MiB per million requests (95 %: {self.low:.1f} to {self.high:.1f})"


def slope_of(requests: Sequence[float], mebibytes: Sequence[float], windows: int, seed: int = 0) -> Slope:
    """Return the growth of a run.

    Of each window of time the least memory counts: what a call or a second version takes for a moment is no
    growth, what stays for good lifts the least as well. The interval is a bootstrap over consecutive parts of
    the run, since memory of one window is much like that of the window before.

    Args:
        requests: How many there had been, at each sample.
        mebibytes: The memory then.
        windows: Into how many the run is cut.
        seed: Of the bootstrap.
    """
    cut = [part for part in np.array_split(np.arange(len(requests)), windows) if len(part)]
    least = [part[int(np.argmin(np.take(mebibytes, part)))] for part in cut]
    x, y = np.take(requests, least).astype(float), np.take(mebibytes, least).astype(float)
    parts = np.array_split(np.arange(len(x)), min(_PARTS, len(x)))
    chance = np.random.default_rng(seed)
    drawn = []
    for _ in range(_DRAWS):
        chosen = np.concatenate([parts[number] for number in chance.integers(0, len(parts), len(parts))])
        if np.ptp(x[chosen]) > 0:
            drawn.append(np.polyfit(x[chosen], y[chosen], 1)[0] * _MILLION)
    low, high = np.percentile(drawn, [2.5, 97.5])
    return Slope(_theil_sen(x, y) * _MILLION, float(low), float(high))


def _theil_sen(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """Return the median slope between pairs of samples."""
    first, second = np.triu_indices(len(x), 1)
    apart = x[second] - x[first]
    return float(np.median(((y[second] - y[first])[apart > 0]) / apart[apart > 0]))
