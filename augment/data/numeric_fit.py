"""The tables of numeric columns, learnt from their cells."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from augment.data.binning import cut
from augment.data.rounding import Grid, common_step
from augment.data.tables import RealTable, WholeTable
from augment.data.whole_numbers import offsets_from, to_whole

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["fit_real", "fit_whole"]

_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


def fit_whole(name: str, column: pa.Array, *, calendar: bool) -> WholeTable:
    """Return the table of integers, decimals or points in time.

    Args:
        name: The column's name.
        column: Its cells, of an integer, decimal, date or timestamp type.
        calendar: The cells are points in time: their step is a natural unit, such as a day.
    """
    numbers = np.sort(to_whole(column.drop_null()))
    origin = int(numbers[0]) if len(numbers) else 0
    offsets = offsets_from(numbers, origin)
    distinct, counts = np.unique(offsets, return_counts=True)
    bins = cut(counts)
    knots = _whole_between(offsets, *bins.knots())
    mean, deviation = _moments(offsets.astype(np.float64))
    return WholeTable(
        column=name,
        counts=(column.null_count, *bins.counts.tolist()),
        widths=tuple(bins.stretches.tolist()),
        mean=mean,
        deviation=deviation,
        origin=origin,
        step=_calendar_step(distinct, column.type) if calendar else common_step(distinct),
        knots=tuple(knots.tolist()),
    )


def fit_real(name: str, column: pa.Array, *, decimals: int | None) -> RealTable:
    """Return the table of floating point numbers, rounded to `decimals` places (None: not at all)."""
    numbers = np.asarray(column.drop_null().cast(pa.float64()))
    numbers = np.sort(numbers if decimals is None else Grid(decimals).round(numbers))
    distinct, counts = np.unique(numbers, return_counts=True)
    bins = cut(counts)
    knots = _between(numbers, *bins.knots())
    mean, deviation = _moments(numbers)
    return RealTable(
        column=name,
        counts=(column.null_count, *bins.counts.tolist()),
        widths=tuple(bins.stretches.tolist()),
        mean=mean,
        deviation=deviation,
        decimals=decimals,
        step=1 if decimals is None else _decimal_step(distinct, decimals),
        knots=tuple(knots.tolist()),
    )


def _between(
    cells: NDArray[np.float64], whole: NDArray[np.int64], share: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the values at fractional places among the sorted cells."""
    lower, upper = cells[whole], cells[_next(cells, whole)]
    return np.clip(lower * (1 - share) + upper * share, lower, upper)


def _whole_between(
    cells: NDArray[np.uint64], whole: NDArray[np.int64], share: NDArray[np.float64]
) -> NDArray[np.uint64]:
    lower, upper = cells[whole], cells[_next(cells, whole)]
    way = np.rint((upper - lower) * share).astype(np.uint64)
    between: NDArray[np.uint64] = lower + np.minimum(way, upper - lower)
    return between


def _next(cells: NDArray[np.float64] | NDArray[np.uint64], whole: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.minimum(whole + 1, max(len(cells) - 1, 0))


def _moments(numbers: NDArray[np.float64]) -> tuple[float, float]:
    """Return mean and standard deviation, scaled on the way so that huge numbers do not overflow."""
    if not len(numbers):
        return 0.0, 0.0
    largest = float(np.abs(numbers).max()) or 1.0
    scaled = numbers / largest
    return float(scaled.mean()) * largest, float(scaled.std()) * largest


def _decimal_step(distinct: NDArray[np.float64], decimals: int) -> int:
    places = Grid(decimals).places(distinct)
    return 1 if places is None or not len(places) else common_step((places - places[0]).astype(np.uint64))


def _calendar_step(distinct: NDArray[np.uint64], kind: pa.DataType) -> int:
    """Return the longest of a day, an hour, a minute, ... that divides all offsets."""
    if len(distinct) <= 1:
        return 1
    common = int(np.gcd.reduce(distinct))
    return next((unit for unit in _natural_units(kind) if common % unit == 0), 1)


def _natural_units(kind: pa.DataType) -> tuple[int, ...]:
    """Return a day, an hour, a minute, ... in the type's unit."""
    if pa.types.is_date32(kind):
        return (1,)
    second = _PER_SECOND["ms" if pa.types.is_date64(kind) else kind.unit]
    spans = (86_400 * second, 3600 * second, 60 * second, second, second // 10**3, second // 10**6)
    return tuple(span for span in spans if span)
