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

__all__ = ["ArrayCodec", "elements_of", "fit_array"]


def elements_of(column: pa.Array, width: int) -> NDArray[np.float64]:
    """Return an array column's elements, shape (rows, width); zeros where the array is missing."""
    storage = column.storage if isinstance(column, pa.ExtensionArray) else column
    flat = np.zeros((len(storage), width))
    present = np.asarray(storage.is_valid())
    values = storage.drop_null().flatten()
    flat[present] = np.asarray(values.cast(pa.float64())).reshape(-1, width)
    return flat


def fit_array(column: ArrayColumn, cells: pa.Array) -> ArrayTable:
    """Return the table of an array column: one scale for all elements."""
    elements = elements_of(cells.drop_null(), math.prod(column.shape))
    some = elements.size > 0
    return ArrayTable(
        column=column.name,
        counts=(cells.null_count, len(cells) - cells.null_count),
        mean=float(elements.mean()) if some else 0.0,
        deviation=(float(elements.std()) if some else 0.0) or 1.0,
        low=float(elements.min()) if some else 0.0,
        high=float(elements.max()) if some else 0.0,
    )


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
        """Return standardised elements, shape (rows, width), and presence tokens, shape (rows,)."""
        missing = missing_cells(column)
        scaled = (elements_of(column, self.width) - self.table.mean) / self.table.deviation
        scaled[missing] = 0
        return scaled.astype(np.float32), (~missing).astype(np.int32)

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
