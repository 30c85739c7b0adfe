"""Columns of fixed-shape arrays: flat floats of zero mean and unit variance."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.types as pt

from augment.data.column_codec import missing_cells
from augment.data.layout import ArrayGrid
from augment.data.novelty import beyond_range
from augment.data.tables import ArrayTable

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from augment.data.schema import ArrayColumn

    Elements = NDArray[np.float32] | NDArray[np.float64]

__all__ = ["ArrayCodec", "fit_array"]

_BLOCK_ROWS = 4096
_NARROW_BITS = 16
_LEAST_REACH = 10.0
_LEVELS = (1, 255)
_ROUNDING = 1e-6
_MOST_STEPS = 65_535
_SPIKE_SHARE = 0.01


def _elements(column: pa.Array, width: int) -> Elements:
    """Return the elements of the present arrays, shape (present rows, width), exactly where float32 is."""
    storage = column.storage if isinstance(column, pa.ExtensionArray) else column
    flat = storage.drop_null().flatten() if storage.null_count else storage.flatten()
    narrow = pt.is_float32(flat.type) or flat.type.bit_width <= _NARROW_BITS
    return np.asarray(flat.cast(pa.float32() if narrow else pa.float64())).reshape(-1, width)


def fit_array(column: ArrayColumn, cells: pa.Array) -> ArrayTable:
    """Return the table of an array column: one scale for all elements."""
    elements = _elements(cells, math.prod(column.shape))
    some = elements.size > 0
    mean = float(elements.mean(dtype=np.float64)) if some else 0.0
    low, high = (float(elements.min()), float(elements.max())) if some else (0.0, 0.0)
    return ArrayTable(
        column=column.name,
        counts=(cells.null_count, len(cells) - cells.null_count),
        mean=mean,
        deviation=_deviation(elements, mean) or 1.0,
        low=low,
        high=high,
        levels=_levels(elements, high - low),
        spikes=(_is_spike(elements, low), _is_spike(elements, high)),
    )


def _levels(elements: Elements, span: float) -> int:
    """Return 1 where all elements are whole, 255 where they are bytes scaled to [0, 1], else 0."""
    return next((levels for levels in _LEVELS if _on_grid(elements, span, levels)), 0)


def _on_grid(elements: Elements, span: float, levels: int) -> bool:
    if not 0 < span * levels <= _MOST_STEPS:
        return False
    blocks = (elements[start : start + _BLOCK_ROWS] for start in range(0, len(elements), _BLOCK_ROWS))
    scaled = (block.astype(np.float64) * levels for block in blocks)
    return all(bool((np.abs(block - np.rint(block)) <= _ROUNDING * levels).all()) for block in scaled)


def _is_spike(elements: Elements, value: float) -> bool:
    """Return whether more elements have this very value than of a continuous distribution would."""
    return bool(elements.size) and float((elements == value).mean()) > _SPIKE_SHARE


def _deviation(elements: Elements, mean: float) -> float:
    """Return the standard deviation, block by block: a copy of all images in float64 is too much."""
    blocks = (elements[start : start + _BLOCK_ROWS] for start in range(0, len(elements), _BLOCK_ROWS))
    squares = sum(float(np.square(block.astype(np.float64) - mean).sum()) for block in blocks)
    return math.sqrt(squares / max(elements.size, 1))


class ArrayCodec:
    """Arrays as flat, standardised floats.

    Attributes:
        table: The column's table.
        width: Elements of one array.
        wire_type: A fixed-size list of the elements' type, flattened in row-major order.
    """

    def __init__(self, table: ArrayTable, column: ArrayColumn, element: pa.DataType) -> None:
        self.table = table
        self.width = math.prod(column.shape)
        self.wire_type = pa.list_(element, self.width)

    @property
    def grid(self) -> ArrayGrid:
        """The values that elements have, standardised."""
        mean, deviation = self.table.mean, self.table.deviation
        low, high = ((end - mean) / deviation for end in (self.table.low, self.table.high))
        step = 1 / (self.table.levels * deviation) if self.table.levels else 0.0
        return ArrayGrid(low, high, step, self.table.spikes)

    def encode(self, column: pa.Array) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
        """Return standardised elements, shape (rows, width), and presence tokens, shape (rows,).

        Elements further beyond the training data's than these are apart, and than 10 standard deviations,
        count as so far out: a model's arithmetic must not overflow because of one cell.
        """
        present = ~missing_cells(column)
        scaled = np.zeros((len(column), self.width), np.float32)
        elements = _elements(column, self.width).astype(np.float64)
        far = (elements - self.table.mean) / self.table.deviation
        grid = self.grid
        reach = max(_LEAST_REACH, grid.high - grid.low)
        scaled[present] = np.clip(far, grid.low - reach, grid.high + reach)
        return scaled, present.astype(np.int32)

    def novelty(self, column: pa.Array) -> NDArray[np.float64]:
        """Return how far the elements of each array lie beyond the training range, in nats, shape (rows,).

        The sum over its elements; where all of training were alike, any other was never seen.
        """
        table, present = self.table, ~missing_cells(column)
        elements = _elements(column, self.width).astype(np.float64)
        nats = np.zeros(len(column))
        with np.errstate(over="ignore"):
            distance = np.maximum(np.maximum(table.low - elements, elements - table.high), 0.0)
            deviation = table.deviation if table.low < table.high else 0.0
            each = beyond_range(
                distance, deviation=deviation, ends=(table.low, table.high), rows=sum(table.counts)
            )
        nats[present] = each.sum(axis=1)
        return nats

    def decode(self, arrays: NDArray[np.float32], tokens: NDArray[np.int32]) -> pa.Array:
        """Return the arrays, of values that training data may have; null where the token is 0."""
        values = arrays.astype(np.float64) * self.table.deviation + self.table.mean
        np.clip(values, self.table.low, self.table.high, out=values)
        element = self.wire_type.value_type
        levels = self.table.levels or (1 if pt.is_integer(element) else 0)
        if levels:
            values = np.rint(values * levels) / levels
        flat = pa.array(values.astype(element.to_pandas_dtype()).reshape(-1), element)
        missing = tokens == 0
        mask = pa.array(missing) if missing.any() else None
        return pa.FixedSizeListArray.from_arrays(flat, self.width, mask=mask)
