"""Sets of values of an ordered column, as spans of ordinals.

The ordinal of a cell is its whole number (of an integer, a boolean, a point in time in its unit since
1970, a decimal in its last place), or, of floating point numbers, the number itself as float64.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.types as pt

from augment.data.whole_numbers import to_whole

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

__all__ = ["Ends", "Spans", "ordinals_of"]

Ends = tuple[int, int] | tuple[float, float]
_LEAST, _MOST = -(2**63), 2**64 - 1


@dataclass(frozen=True)
class Spans:
    """Disjoint closed spans in increasing order.

    Attributes:
        ends: The first and last ordinal of each.
    """

    ends: tuple[Ends, ...]

    @classmethod
    def of(cls, ends: Iterable[Ends], kind: pa.DataType) -> Spans:
        """Return the union of spans, which may overlap; one whose low end is above its high is empty.

        Args:
            ends: First and last ordinal of each.
            kind: The column's type, without a dictionary.
        """
        del kind
        united: list[Ends] = []
        for low, high in sorted((low, high) for low, high in ends if low <= high):
            if united and low <= united[-1][1]:
                united[-1] = (united[-1][0], max(united[-1][1], high))
            else:
                united.append((low, high))
        return cls(tuple(united))

    @classmethod
    def between(
        cls, low: Ends | None, high: Ends | None, kind: pa.DataType, *, low_open: bool, high_open: bool
    ) -> Spans:
        """Return the span from one value to another.

        Args:
            low: The ordinals that the low value stands for: several for a day. None: no low end.
            high: Likewise.
            kind: The column's type.
            low_open: The low value itself is left out.
            high_open: The high value itself is left out.
        """
        lowest, highest = (-np.inf, np.inf) if pt.is_floating(kind) else (_LEAST, _MOST)
        first = lowest if low is None else _after(low[1], kind) if low_open else low[0]
        last = highest if high is None else _before(high[0], kind) if high_open else high[1]
        return cls.of([(first, last)], kind)

    def __and__(self, other: Spans) -> Spans:
        """Return what is in both."""
        shared: list[Ends] = []
        mine, theirs = 0, 0
        while mine < len(self.ends) and theirs < len(other.ends):
            (low, high), (begin, end) = self.ends[mine], other.ends[theirs]
            if max(low, begin) <= min(high, end):
                shared.append((max(low, begin), min(high, end)))
            mine, theirs = (mine + 1, theirs) if high < end else (mine, theirs + 1)
        return Spans(tuple(shared))

    def arrays(self, dtype: np.dtype[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return the spans' first and last ordinals as arrays, without what the type cannot hold."""
        if dtype.kind == "f":
            lows, highs = [low for low, _ in self.ends], [high for _, high in self.ends]
            return np.array(lows, dtype), np.array(highs, dtype)
        least, most = int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)
        cut = [(max(int(low), least), min(int(high), most)) for low, high in self.ends]
        kept = [(low, high) for low, high in cut if low <= high]
        return np.array([low for low, _ in kept], dtype), np.array([high for _, high in kept], dtype)

    def contain(self, ordinals: NDArray[Any]) -> NDArray[np.bool_]:
        """Return which ordinals lie in a span."""
        lows, highs = self.arrays(ordinals.dtype)
        if not len(lows):
            return np.zeros(len(ordinals), np.bool_)
        place = np.searchsorted(lows, ordinals, "right") - 1
        inside: NDArray[np.bool_] = (place >= 0) & (ordinals <= highs[np.maximum(place, 0)])
        return inside


def ordinals_of(cells: pa.Array) -> NDArray[Any]:
    """Return the ordinals of cells: int64, uint64 or float64; anything where a cell is null."""
    if pt.is_floating(cells.type):
        return np.asarray(cells.cast(pa.float64()).fill_null(0.0))
    return to_whole(cells)


def _after(ordinal: float, kind: pa.DataType) -> float:
    return _next(ordinal, kind, np.inf) if pt.is_floating(kind) else ordinal + 1


def _before(ordinal: float, kind: pa.DataType) -> float:
    return _next(ordinal, kind, -np.inf) if pt.is_floating(kind) else ordinal - 1


def _next(ordinal: float, kind: pa.DataType, way: float) -> float:
    narrow = kind.to_pandas_dtype()
    with np.errstate(over="ignore"):
        return float(np.nextafter(narrow(ordinal), narrow(way)))
