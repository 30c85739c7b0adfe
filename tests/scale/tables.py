"""Tables compared, and what the library makes of whole ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from augment.scale.operations import Denoise, Encode

if TYPE_CHECKING:
    from augment.runtime import Model
    from augment.scale.operations import Score

__all__ = ["same", "whole"]


def whole(model: Model, operation: Denoise | Encode | Score, records: pa.Table) -> pa.Table:
    """Return what the library makes of a whole table."""
    if isinstance(operation, Denoise):
        return model.denoise(records, threshold=operation.threshold, numbers=operation.numbers).records
    made = model.encode(records).latent if isinstance(operation, Encode) else model.score(records).scores
    for name in made.column_names:
        records = records.append_column(name, made[name])
    return records


def same(one: pa.Table, other: pa.Table) -> bool:
    """Return whether two tables hold the same, whatever their chunks, dictionaries and metadata."""
    return one.column_names == other.column_names and all(
        plain(one[name]).equals(plain(other[name])) for name in one.column_names
    )


def plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return a column without dictionaries and extension types."""
    cells = column.combine_chunks()
    cells = cells.chunk(0) if isinstance(cells, pa.ChunkedArray) else cells
    if isinstance(cells, pa.ExtensionArray):
        cells = cells.storage
    return cells.cast(cells.type.value_type) if pa.types.is_dictionary(cells.type) else cells
