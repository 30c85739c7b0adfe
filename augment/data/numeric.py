"""Columns of numbers and of points in time."""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from augment.data.column_codec import EncodedColumn, Scale, missing_cells, ranks_of, unseen_values
from augment.data.novelty import beyond_range, never_seen
from augment.data.rounding import Grid
from augment.data.spans import ordinals_of
from augment.data.splines import Splines
from augment.data.whole_numbers import from_whole, offsets_from, to_whole

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from augment.data.tables import NumericTable, RealTable, WholeTable

__all__ = ["RealCodec", "WholeCodec"]

_CLIP = 8.0
_FARTHEST = 1e6
_GLANCE = 2048
_SLACK = 2.0**-49
"""Above twice the relative error of a value between two knots: two products and a sum, 2^-51."""


class _NumericCodec(ABC):
    """What whole and real numbers share.

    Attributes:
        table: The column's table.
        wire_type: The Arrow type it decodes to.
    """

    def __init__(self, table: NumericTable, wire_type: pa.DataType, splines: Splines[Any]) -> None:
        self.table = table
        self.wire_type = wire_type
        self._splines = splines
        self._empty = not table.widths

    @cached_property
    def scale(self) -> Scale:
        """Where the tokens lie: by rank in the training data, and by standardised value."""
        vocab = len(self.table.counts)
        if self._empty:
            return Scale.none(vocab)
        middle = self._splines.evaluate(np.arange(vocab), np.full(vocab, 0.5, np.float32))
        scaled = (middle.astype(np.float64) - self.table.mean) / (self.table.deviation or 1.0)
        values = np.clip(scaled, -_CLIP, _CLIP).astype(np.float32)
        values[0] = 0
        return Scale(
            ordered=True,
            ranks=ranks_of(self.table.counts),
            values=values,
            wide=self._splines.widths > 0,
            knots=self._standardised_knots.astype(np.float32),
            stretches=self._splines.widths,
        )

    @property
    def _standardised_knots(self) -> NDArray[np.float64]:
        """All knots in standard deviations from the mean, at most a million of them, shape (K,)."""
        with np.errstate(over="ignore", invalid="ignore"):
            scaled = (self._splines.knots.astype(np.float64) - self.table.mean) / (
                self.table.deviation or 1.0
            )
        return np.clip(np.nan_to_num(scaled), -_FARTHEST, _FARTHEST)

    def encode(self, column: pa.Array) -> EncodedColumn:
        """Encode cells of the column's type; beyond the training range they count as its ends.

        Without any training value each cell counts as missing, and is reported as unseen.
        """
        if self._empty:
            unseen = unseen_values(self.table.column, column, ~missing_cells(column))
            return EncodedColumn(
                np.zeros(len(column), np.int32), np.full(len(column), 0.5, np.float32), unseen
            )
        if _repeats(column):
            distinct = column.dictionary_encode()
            codes = np.asarray(distinct.indices.fill_null(0))
            tokens, residuals = (
                part[codes] for part in self._splines.locate(self._ordinals(distinct.dictionary))
            )
        else:
            tokens, residuals = self._splines.locate(self._ordinals(column))
        if column.null_count:
            missing = missing_cells(column)
            tokens[missing], residuals[missing] = 0, 0.5
        return EncodedColumn(tokens, residuals)

    def novelty(self, column: pa.Array) -> NDArray[np.float64]:
        """Return how far cells lie beyond the training range, in nats; any cell, without a training value."""
        rows, present = sum(self.table.counts), ~missing_cells(column)
        if self._empty:
            return np.where(present, never_seen(rows), 0.0)
        deviation = self.table.deviation
        nats = beyond_range(self._beyond(column), deviation=deviation, ends=self._ends, rows=rows)
        return np.where(present, nats, 0.0)

    def reach(
        self, tokens: NDArray[np.int32], residuals: NDArray[np.float32]
    ) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return the ordinals between which a token's decoded values turn from below to above.

        Whatever has a residual not smaller decodes to the first or more, whatever has one not larger to
        the second or less. Both are what `decode` gives, but for reals, which it may round the wrong way
        by the last bit.

        Args:
            tokens: Not 0, shape (rows,).
            residuals: In [0, 1], shape (rows,).
        """
        exact = ordinals_of(self.decode(tokens, residuals))
        return exact, exact

    def token_values(self) -> NDArray[np.float64]:
        """Return the mean of each token's training values, standardised: shape (vocab,).

        That of a spline, whose knots are evenly spaced by rank, is the mean of its stretches' middles.
        """
        if self._empty:
            return np.zeros(len(self.table.counts))
        knots = self._standardised_knots
        below = np.concatenate([[0.0], np.cumsum((knots[1:] + knots[:-1]) / 2)])
        first, widths = self._splines.starts, self._splines.widths
        means = (below[first + widths] - below[first]) / np.maximum(widths, 1)
        return np.where(widths > 0, means, knots[first])

    def nearest(self, standardised: NDArray[np.float32]) -> EncodedColumn:
        """Return the values of the column that are nearest to standardised ones; missing without any."""
        if self._empty:
            return EncodedColumn(
                np.zeros(len(standardised), np.int32), np.full(len(standardised), 0.5, np.float32)
            )
        with np.errstate(over="ignore"):
            wanted = standardised.astype(np.float64) * (self.table.deviation or 1.0) + self.table.mean
        return EncodedColumn(*self._splines.locate(self._in_units(wanted)))

    @abstractmethod
    def decode(self, tokens: NDArray[np.int32], residuals: NDArray[np.float32]) -> pa.Array:
        """Decode to cells of the wire type; token 0 gives null."""

    @abstractmethod
    def _in_units(self, values: NDArray[np.float64]) -> NDArray[Any]:
        """Return values of the knots' type, on the column's grid and in its range."""

    @property
    @abstractmethod
    def _ends(self) -> tuple[float, float]:
        """The smallest and the largest training value."""

    @abstractmethod
    def _beyond(self, column: pa.Array) -> NDArray[Any]:
        """Return how far each cell is beyond the nearer of them, 0 between; anything where it is null."""

    @abstractmethod
    def _ordinals(self, column: pa.Array) -> NDArray[Any]:
        """Return the cells in the units of the knots; anything where they are null."""


def _repeats(column: pa.Array) -> bool:
    """Return whether values recur, by the first rows: it is then faster to encode each once."""
    glance = column[:_GLANCE]
    return len(glance) == _GLANCE and len(glance.dictionary_encode().dictionary) < _GLANCE // 2


class WholeCodec(_NumericCodec):
    """Integers, decimals and points in time, exact over all 64 bits."""

    table: WholeTable

    def __init__(self, table: WholeTable, wire_type: pa.DataType) -> None:
        super().__init__(table, wire_type, Splines.of(table, np.array(table.knots, np.uint64)))
        self._step = np.uint64(table.step)

    @property
    def _ends(self) -> tuple[int, int]:
        return self.table.origin, self.table.origin + self.table.knots[-1]

    def _beyond(self, column: pa.Array) -> NDArray[np.uint64]:
        cells, (origin, top) = to_whole(column), self._ends
        above = offsets_from(np.maximum(cells, top), top)
        return above + np.where(cells < origin, np.uint64(origin % 2**64) - cells.view(np.uint64), 0)

    def _ordinals(self, column: pa.Array) -> NDArray[np.uint64]:
        origin, top = self._ends
        return offsets_from(np.clip(to_whole(column), origin, top), origin)

    def decode(self, tokens: NDArray[np.int32], residuals: NDArray[np.float32]) -> pa.Array:
        """Decode to whole numbers of the column's step, inside the token's bin."""
        missing = tokens == 0
        if self._empty:
            return pa.nulls(len(tokens), self.wire_type)
        wide = tokens.astype(np.int64)
        offsets = self._round(self._splines.evaluate(wide, residuals))
        wrapped = offsets + np.uint64(self.table.origin % 2**64)
        unsigned = pa.types.is_uint64(self.wire_type)
        return from_whole(wrapped if unsigned else wrapped.view(np.int64), self.wire_type, missing)

    def _in_units(self, values: NDArray[np.float64]) -> NDArray[np.uint64]:
        top = np.uint64(self.table.knots[-1])
        inside = np.clip(np.rint(values), 0, min(float(top), np.nextafter(2.0**64, 0)))
        return self._round(np.minimum(inside.astype(np.uint64), top))

    def _round(self, offsets: NDArray[np.uint64]) -> NDArray[np.uint64]:
        """Return the nearest multiples of the step; no bin is left, since its ends are multiples."""
        if self.table.step == 1:
            return offsets
        rest = offsets % self._step
        return offsets - rest + np.where(rest > (self._step - np.uint64(1)) // np.uint64(2), self._step, 0)


class RealCodec(_NumericCodec):
    """Floating point numbers, of up to 64 bits."""

    table: RealTable

    def __init__(self, table: RealTable, wire_type: pa.DataType) -> None:
        super().__init__(table, wire_type, Splines.of(table, np.array(table.knots, np.float64)))
        self._grid = _grid(table)

    @property
    def _ends(self) -> tuple[float, float]:
        return self.table.knots[0], self.table.knots[-1]

    def _beyond(self, column: pa.Array) -> NDArray[np.float64]:
        cells, (low, high) = self._ordinals(column), self._ends
        with np.errstate(over="ignore", invalid="ignore"):
            return np.maximum(np.maximum(low - cells, cells - high), 0.0)

    def _ordinals(self, column: pa.Array) -> NDArray[np.float64]:
        return self._round(np.asarray(column.cast(pa.float64()).fill_null(0.0)))

    def decode(self, tokens: NDArray[np.int32], residuals: NDArray[np.float32]) -> pa.Array:
        """Decode to numbers of the column's decimals, inside the token's bin."""
        missing = tokens == 0
        if self._empty:
            return pa.nulls(len(tokens), self.wire_type)
        wide = tokens.astype(np.int64)
        return self._cells(wide, self._splines.evaluate(wide, residuals), missing)

    def reach(
        self, tokens: NDArray[np.int32], residuals: NDArray[np.float32]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the same, two roundings away to be sure: floats between two knots need not increase."""
        wide = tokens.astype(np.int64)
        values = self._splines.evaluate(wide, residuals)
        largest = np.maximum(np.abs(self._splines.lows[wide]), np.abs(self._splines.highs[wide]))
        slack = largest * _SLACK + np.finfo(np.float64).smallest_subnormal * 4
        present = np.zeros(len(wide), np.bool_)
        with np.errstate(over="ignore"):
            below, above = (self._cells(wide, values + way, present) for way in (-slack, slack))
        return ordinals_of(below), ordinals_of(above)

    def _in_units(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        return self._round(np.clip(values, self.table.knots[0], self.table.knots[-1]))

    def _cells(
        self, tokens: NDArray[np.int64], values: NDArray[np.float64], missing: NDArray[np.bool_]
    ) -> pa.Array:
        """Return values of the tokens' splines as cells: rounded, inside the bin."""
        rounded = np.clip(self._round(values), self._splines.lows[tokens], self._splines.highs[tokens])
        mask = missing if missing.any() else None
        return pa.array(rounded, pa.float64(), mask=mask).cast(self.wire_type, safe=False)

    def _round(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        return values if self._grid is None else self._grid.round(values)


def _grid(table: RealTable) -> Grid | None:
    """Return the decimals that the column's values are, aligned with its smallest."""
    if table.decimals is None or not table.knots:
        return None
    return Grid(
        table.decimals, table.step, round(table.knots[0] * 10.0**table.decimals) if table.step > 1 else 0
    )
