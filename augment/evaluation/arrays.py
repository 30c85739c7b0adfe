"""Columns of arrays as numpy matrices."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["flat_arrays"]


def flat_arrays(values: pa.ChunkedArray) -> NDArray[np.float64]:
    """Return fixed-shape arrays as float64, shape (rows, elements); NaN rows where a cell is missing."""
    column = values.combine_chunks()
    if isinstance(column, pa.ChunkedArray):
        column = pa.concat_arrays(column.chunks)
    if isinstance(column, pa.ExtensionArray):
        column = column.storage
    present = column.is_valid().to_numpy(zero_copy_only=False)
    out = np.full((len(column), column.type.list_size), np.nan)
    elements = column.filter(pa.array(present)).flatten().cast(pa.float64())
    out[present] = elements.to_numpy(zero_copy_only=False).reshape(-1, column.type.list_size)
    return out
