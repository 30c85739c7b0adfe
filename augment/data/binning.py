"""Which values of a numeric column are tokens of their own, and which share a bin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Bins", "cut"]

_FEW_VALUES = 20
_MANY_VALUES = 200
_ROWS_PER_VALUE = 10
_HEAVY_SHARE = 0.005
_HEAVY_ROWS = 10
_MOST_BINS = 48
_ROWS_PER_BIN = 10
_MOST_STRETCHES = 16
_ROWS_PER_STRETCH = 3


@dataclass(frozen=True)
class Bins:
    """Disjoint intervals of a column's sorted present cells.

    Attributes:
        starts: Where each bin begins among the sorted cells, and at the end how many cells there are;
            int64, shape (bins + 1,).
        stretches: Stretches of each bin's spline; 0 for a bin of a single value; int64, shape (bins,).
    """

    starts: NDArray[np.int64]
    stretches: NDArray[np.int64]

    @property
    def counts(self) -> NDArray[np.int64]:
        """Cells in each bin."""
        return np.diff(self.starts)

    def knots(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return where the knots lie among the sorted cells: whole part and fraction.

        A bin's knots are evenly spaced by rank, its smallest and largest cell included.
        """
        places = [
            np.linspace(start, end - 1, stretches + 1)
            for start, end, stretches in zip(self.starts, self.starts[1:], self.stretches, strict=False)
        ]
        flat = np.concatenate(places) if places else np.zeros(0)
        whole = np.floor(flat).astype(np.int64)
        return whole, flat - whole


def cut(counts: NDArray[np.int64]) -> Bins:
    """Cut a column's distinct values, in increasing order, into bins.

    Few values, and up to 200 with ten rows each on average, are a bin each. Of others, each value
    heavier than 0.5 % of the cells (and 10 cells) is; what lies between those falls into at most 48
    bins of about equal weight, never across a heavy value, so that bins stay disjoint.

    Args:
        counts: Cells of each distinct value, in increasing order of the values.
    """
    if not len(counts):
        return Bins(np.zeros(1, np.int64), np.zeros(0, np.int64))
    alone = _alone(counts)
    keys = _keys(counts, alone)
    first = np.flatnonzero(np.append(True, keys[1:] != keys[:-1]))
    ends = np.append(first[1:], len(counts))
    starts = np.append(np.concatenate([[0], np.cumsum(counts)])[first], counts.sum())
    stretches = np.clip(np.diff(starts) // _ROWS_PER_STRETCH, 1, _MOST_STRETCHES)
    stretches[ends - first == 1] = 0
    return Bins(starts, stretches)


def _alone(counts: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which values are tokens of their own."""
    cells, values = int(counts.sum()), len(counts)
    few = values <= _FEW_VALUES and cells >= 2 * values
    many = values <= _MANY_VALUES and cells >= _ROWS_PER_VALUE * values
    if few or many:
        return np.ones(values, np.bool_)
    return counts >= max(_HEAVY_SHARE * cells, _HEAVY_ROWS)


def _keys(counts: NDArray[np.int64], alone: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return a number for each value that is the same exactly for values of the same bin."""
    run = np.cumsum(np.append(False, alone[1:] != alone[:-1]) | alone)
    weight = np.bincount(run, counts)[run]
    begin = np.concatenate([[0], np.cumsum(np.bincount(run, counts))])[run]
    middle = np.cumsum(counts) - counts / 2 - begin
    share = _MOST_BINS * weight / max(counts[~alone].sum(), 1)
    bins = np.maximum(np.minimum(np.rint(share), weight // _ROWS_PER_BIN), 1)
    inside = np.minimum(middle * bins // weight, bins - 1).astype(np.int64)
    return run * (_MOST_BINS + 1) + np.where(alone, 0, inside)
