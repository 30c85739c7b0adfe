"""Identifiers of a table that comes in several calls: numbered on from call to call, none made twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from augment.data import IdentifierColumn
from augment.data.identifiers import make_identifiers
from augment.errors import RequestError
from augment.runtime import MAX_ROW

if TYPE_CHECKING:
    from collections.abc import Collection

    import pyarrow as pa

    from augment.runtime import Model

__all__ = ["renumber"]


def renumber(records: pa.Table, model: Model, first_row: int, given: Collection[str] = ()) -> pa.Table:
    """Return the records with made-up identifiers as row `first_row` and those after it have them.

    Args:
        records: What the model made, in its result schema, numbered from 0.
        model: The model.
        first_row: The number of their first row in the caller's table.
        given: Columns whose identifiers are the caller's own: they stay.

    Raises:
        RequestError: A row would have no address.
    """
    if first_row + records.num_rows > MAX_ROW:
        raise RequestError.of("first_row", f"must be such that no row is beyond {MAX_ROW}", first_row)
    rows = np.arange(first_row, first_row + records.num_rows, dtype=np.uint64)
    for column in model.codec.schema.columns:
        if first_row and isinstance(column, IdentifierColumn) and column.name not in given:
            made = make_identifiers(column, model.wire_schema.field(column.name).type, rows, 0)
            position = records.column_names.index(column.name)
            field = records.schema.field(position)
            records = records.set_column(position, field, made.cast(field.type))
    return records
