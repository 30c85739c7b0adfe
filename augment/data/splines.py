"""NDArray[Number] as tokens and residuals: monotone splines side by side, one a token."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from augment.data.tables import NumericTable

__all__ = ["Splines"]

Number = TypeVar("Number", np.float64, np.uint64)

_BELOW_2_64 = np.nextafter(2.0**64, 0)


@dataclass(frozen=True)
class Splines(Generic[Number]):
    """The splines of one column, for tokens 1, 2, ... in increasing order.

    Attributes:
        knots: All knots side by side, float64 or uint64, shape (K,).
        starts: For each token, where its knots begin; int64, shape (V,). Token 0 is given the place
            of token 1, so that it can be evaluated (and then be masked).
        widths: For each token, its stretches; int64, shape (V,).
    """

    knots: NDArray[Number]
    starts: NDArray[np.int64]
    widths: NDArray[np.int64]

    @classmethod
    def of(cls, table: NumericTable, knots: NDArray[Number]) -> Splines[Number]:
        """Return the splines of a table."""
        widths = np.array((0, *table.widths), np.int64)
        starts = np.concatenate([[0, 0], np.cumsum(widths[1:] + 1)[:-1]])[: len(widths)]
        return cls(knots, starts.astype(np.int64), widths)

    @cached_property
    def lows(self) -> NDArray[Number]:
        """Each token's smallest value, shape (V,)."""
        lows: NDArray[Number] = self.knots[self.starts]
        return lows

    @cached_property
    def highs(self) -> NDArray[Number]:
        """Each token's largest value, shape (V,)."""
        highs: NDArray[Number] = self.knots[self.starts + self.widths]
        return highs

    def locate(self, values: NDArray[Number]) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Return the tokens and residuals of values.

        A value between two bins goes to the nearer, one beyond all to the outermost. Where several
        residuals give the value, theirs is the middle one.

        Args:
            values: Shape (rows,), of the knots' type.
        """
        tokens = self._tokens(values)
        starts, widths = self.starts[tokens], self.widths[tokens]
        left = np.searchsorted(self.knots, values, "left")
        right = np.searchsorted(self.knots, values, "right")
        lower = self.knots[np.maximum(left - 1, 0)]
        upper = self.knots[np.minimum(left, len(self.knots) - 1)]
        gap, above = _difference(upper, lower), _difference(values, lower)
        share = np.divide(above, gap, out=np.zeros(len(values)), where=(gap > 0) & np.isfinite(gap))
        between = left - 1 + np.minimum(np.maximum(share, 0), 1)
        place = np.where(right > left, (left + right - 1) / 2, between)
        inside = np.minimum(np.maximum(place - starts, 0), widths)
        residuals = np.where(widths > 0, inside / np.maximum(widths, 1), 0.5)
        return tokens.astype(np.int32), residuals.astype(np.float32)

    def _tokens(self, values: NDArray[Number]) -> NDArray[np.int64]:
        highs, lows = self.highs[1:], self.lows[1:]
        index = np.minimum(np.searchsorted(highs, values, "left"), len(highs) - 1)
        before = np.maximum(index - 1, 0)
        in_gap = (values < lows[index]) & (index > 0)
        nearer = _difference(values, highs[before]) < _difference(lows[index], values)
        return np.where(in_gap & nearer, before, index) + 1

    def evaluate(self, tokens: NDArray[np.int64], residuals: NDArray[np.float32]) -> NDArray[Number]:
        """Return the values at the tokens' residuals, shape (rows,); anything for token 0."""
        place = np.clip(residuals.astype(np.float64), 0, 1) * self.widths[tokens]
        stretch = np.minimum(place.astype(np.int64), np.maximum(self.widths[tokens] - 1, 0))
        index = self.starts[tokens] + stretch
        lower = self.knots[index]
        upper = self.knots[index + (self.widths[tokens] > 0)]
        return _between(lower, upper, place - stretch)


def _difference(high: Any, low: Any) -> NDArray[np.float64]:
    """Return `high - low` as floats; meaningless where unsigned and negative."""
    with np.errstate(over="ignore"):
        return np.asarray(high - low, np.float64)


def _between(lower: NDArray[Number], upper: NDArray[Number], share: NDArray[np.float64]) -> NDArray[Number]:
    """Return the value a share of the way up; exact at both ends, and never outside them."""
    if lower.dtype == np.float64:
        mixed: NDArray[Number] = np.clip(lower * (1 - share) + upper * share, lower, upper)
        return mixed
    gap = upper - lower
    way = np.minimum(np.rint(share * gap.astype(np.float64)), _BELOW_2_64).astype(np.uint64)
    between: NDArray[Number] = np.add(lower, np.where(share < 1, np.minimum(way, gap), gap))
    return between
