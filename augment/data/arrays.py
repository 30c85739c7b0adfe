"""Columns of fixed-shape arrays: flat floats of zero mean and unit variance."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.types as pt

from augment.data.column_codec import missing_cells
from augment.data.tables import ArrayTable

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from augment.data.schema import ArrayColumn

    Elements = NDArray[np.float32] | NDArray[np.float64]

__all__ = ["ArrayCodec", "fit_array"]

_BLOCK_ROWS = 4096
_NARROW_BITS = 16
_FARTHEST = 1e3


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
    return ArrayTable(
        column=column.name,
        counts=(cells.null_count, len(cells) - cells.null_count),
        mean=mean,
        deviation=_deviation(elements, mean) or 1.0,
        low=float(elements.min()) if some else 0.0,
        high=float(elements.max()) if some else 0.0,
    )


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

    def encode(self, column: pa.Array) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
        """Return standardised elements, shape (rows, width), and presence tokens, shape (rows,).

        Elements beyond 1,000 standard deviations count as so far out: a model's arithmetic must not
        overflow because of one cell.
        """
        present = ~missing_cells(column)
        scaled = np.zeros((len(column), self.width), np.float32)
        elements = _elements(column, self.width).astype(np.float64)
        far = (elements - self.table.mean) / self.table.deviation
        scaled[present] = np.clip(far, -_FARTHEST, _FARTHEST)
        return scaled, present.astype(np.int32)

    def decode(self, arrays: NDArray[np.float32], tokens: NDArray[np.int32]) -> pa.Array:
        """Return the arrays, inside the training data's range; null where the token is 0."""
        values = arrays.astype(np.float64) * self.table.deviation + self.table.mean
        np.clip(values, self.table.low, self.table.high, out=values)
        element = self.wire_type.value_type
        if pt.is_integer(element):
            np.rint(values, out=values)
        flat = pa.array(values.astype(element.to_pandas_dtype()).reshape(-1), element)
        missing = tokens == 0
        mask = pa.array(missing) if missing.any() else None
        return pa.FixedSizeListArray.from_arrays(flat, self.width, mask=mask)
