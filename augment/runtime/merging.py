"""Given tables with some of their cells replaced; every other cell stays as it was, to the bit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.types as pt

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from augment.runtime.engine import Engine

__all__ = ["Merged", "merged"]


@dataclass(frozen=True)
class Merged:
    """A table and which of its cells are other than before."""

    records: pa.Table
    changed: pa.Table


def merged(
    engine: Engine, before: pa.Table, after: pa.Table, replaced: Mapping[str, NDArray[np.bool_]]
) -> Merged:
    """Return `after` where replaced, else `before` with its very bits.

    Args:
        engine: Knows the columns.
        before: In storage types; may have columns besides those of the result.
        after: In the result schema.
        replaced: For each column of the result, booleans of shape (rows,).
    """
    schema = engine.codec.result_schema
    records, changed = [], []
    for name in schema.names:
        old, new = before.column(name), after.column(name)
        records.append(_merged(old, new, replaced[name]))
        differs = _differs(old, new, name in engine.codec.layout.array_names)
        changed.append(pa.array(replaced[name] & differs))
    return Merged(
        pa.Table.from_arrays(records, schema=schema), pa.Table.from_arrays(changed, names=schema.names)
    )


def _merged(before: pa.ChunkedArray, after: pa.ChunkedArray, replaced: NDArray[np.bool_]) -> pa.ChunkedArray:
    """Return the cells, in bytes that do not hang on what other rows need: what is missing is zeros."""
    if pt.is_dictionary(before.type) and not replaced.any():
        return before
    if pt.is_dictionary(before.type) and replaced.all():
        return after
    rows = len(replaced)
    both = pa.chunked_array([*before.chunks, *after.chunks], type=before.type)
    return both.take(pa.array(np.arange(rows) + rows * replaced))


def _differs(before: pa.ChunkedArray, after: pa.ChunkedArray, is_array: bool) -> NDArray[np.bool_]:  # noqa: FBT001
    """Return which cells are other than before; token columns are judged by their tokens already."""
    differs = np.ones(len(before), np.bool_)
    if is_array and len(there := np.flatnonzero(np.asarray(before.is_valid()))):
        differs[there] = (_elements(before, there) != _elements(after, there)).any(axis=1)
    return differs


def _elements(column: pa.ChunkedArray, rows: NDArray[np.intp]) -> NDArray[Any]:
    """Return the elements of some arrays of a column, shape (rows, width)."""
    cells = pa.concat_arrays(column.take(pa.array(rows)).chunks)
    storage = cells.storage if isinstance(cells, pa.ExtensionArray) else cells
    return np.asarray(storage.flatten()).reshape(len(rows), -1)
