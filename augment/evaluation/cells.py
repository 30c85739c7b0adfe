"""Arrow columns as numpy arrays that statistics can use."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from augment.data.schema import Column, Schema

__all__ = ["MISSING", "OTHER", "compared", "is_number", "labels", "numbers", "top_labels", "within_reach"]

MISSING = "(missing)"
OTHER = "(other)"
_NUMBER_KINDS = frozenset({"integer", "number", "datetime"})
_LABEL_KINDS = frozenset({"category", "boolean"})
_FAR = 480  # powers of two: of numbers within them, a billion squares have a finite sum, and none vanishes
_TICKS = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}


def is_number(column: Column) -> bool:
    """Whether the column's values have an order and a distance."""
    return column.kind in _NUMBER_KINDS


def compared(schema: Schema, *tables: pa.Table) -> list[Column]:
    """Return the columns that can be compared: in every table, and neither text, array nor identifier."""
    kinds = _NUMBER_KINDS | _LABEL_KINDS
    return [
        column
        for column in schema.columns
        if column.kind in kinds and all(column.name in table.column_names for table in tables)
    ]


def numbers(values: pa.ChunkedArray) -> NDArray[np.float64]:
    """Return the cells as float64, shape (rows,), NaN where missing; points in time in seconds."""
    kind = values.type
    if pa.types.is_date(kind):
        values = values.cast(pa.timestamp("s"))
    if pa.types.is_timestamp(values.type):
        return np.asarray(_floats(values.cast(pa.int64())) / _TICKS[values.type.unit])
    return _floats(values)


def _floats(values: pa.ChunkedArray) -> NDArray[np.float64]:
    floats = values.cast(pa.float64(), safe=False)
    return np.asarray(pc.fill_null(floats, np.nan).to_numpy(), dtype=np.float64)


def within_reach(parts: Sequence[NDArray[np.float64]]) -> list[NDArray[np.float64]]:
    """Return a column's cells in several tables, over one power of two where they are huge or tiny.

    No figure depends on a column's unit, and 1e308 squared is no number.
    """
    most = max((float(np.nanmax(np.abs(part))) for part in parts if not np.isnan(part).all()), default=0.0)
    exponent = int(np.frexp(most)[1])
    return list(parts) if abs(exponent) <= _FAR else [np.ldexp(part, -exponent) for part in parts]


def labels(values: pa.ChunkedArray) -> NDArray[np.str_]:
    """Return the cells as text, shape (rows,), `MISSING` where missing."""
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    text = pc.fill_null(values.cast(pa.string()), MISSING)
    return np.asarray(text.to_numpy(zero_copy_only=False), dtype=np.str_)


def top_labels(cells: NDArray[np.str_], keep: int) -> list[str]:
    """Return the `keep` most frequent labels, most frequent first; ties in the order of the text."""
    values, counts = np.unique(cells, return_counts=True)
    order = np.argsort(-counts, kind="stable")[:keep]
    return [str(value) for value in values[order]]
