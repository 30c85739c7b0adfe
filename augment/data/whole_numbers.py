"""Arrow columns whose cells are whole numbers of a smallest unit, as numpy and back.

Integers are themselves; points in time count their unit since 1970; decimals count their last place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.types as pt

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Whole = NDArray[np.integer[Any]]

__all__ = ["fits_64_bits", "from_whole", "offsets_from", "to_whole", "whole_type"]


def whole_type(kind: pa.DataType) -> pa.DataType:
    """Return int64, or uint64 for unsigned 64-bit integers."""
    return pa.uint64() if pt.is_uint64(kind) else pa.int64()


def to_whole(column: pa.Array) -> Whole:
    """Return the cells of an integer, time or decimal column as int64 or uint64; 0 where null."""
    kind = column.type
    if pt.is_decimal128(kind):
        return np.where(_valid(column), _halves(column)[:, 0], 0)
    if pt.is_date32(kind):
        column = column.cast(pa.int32())
    numbers = column.cast(whole_type(kind))
    return np.asarray(numbers.fill_null(0) if numbers.null_count else numbers)


def from_whole(numbers: Whole, kind: pa.DataType, missing: NDArray[np.bool_]) -> pa.Array:
    """Return a column of that type; null where `missing`."""
    if pt.is_decimal128(kind):
        return _decimals(numbers.astype(np.int64), kind, missing)
    mask = missing if missing.any() else None
    array = pa.array(numbers, whole_type(kind), mask=mask)
    if pt.is_date32(kind):
        return array.cast(pa.int32()).cast(kind)
    return array if array.type == kind else array.cast(kind)


def offsets_from(numbers: Whole, origin: int) -> NDArray[np.uint64]:
    """Return `numbers - origin`, for numbers not below it; exact over 64 bits: it wraps around.

    >>> offsets_from(np.array([2**63 - 1]), -(2**63))
    array([18446744073709551615], dtype=uint64)
    """
    return numbers.view(np.uint64) - np.uint64(origin % 2**64)


def fits_64_bits(column: pa.Array) -> bool:
    """Return whether every decimal, counted in its last place, fits 64 bits."""
    halves = _halves(column)[_valid(column)]
    return bool((halves[:, 1] == halves[:, 0] >> 63).all())


def _valid(column: pa.Array) -> NDArray[np.bool_]:
    return np.asarray(column.is_valid())


def _halves(column: pa.Array) -> NDArray[np.int64]:
    """Return the low and high 64 bits of each decimal, shape (rows, 2)."""
    buffer = column.buffers()[1]
    flat = np.frombuffer(buffer, np.int64) if buffer is not None else np.zeros(0, np.int64)
    return flat.reshape(-1, 2)[column.offset : column.offset + len(column)]


def _decimals(numbers: NDArray[np.int64], kind: pa.DataType, missing: NDArray[np.bool_]) -> pa.Array:
    halves = np.stack([numbers, numbers >> 63], axis=1)
    validity = pa.py_buffer(np.packbits(~missing, bitorder="little").tobytes())
    return pa.Array.from_buffers(kind, len(numbers), [validity, pa.py_buffer(halves.tobytes())])
