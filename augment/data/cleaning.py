"""What every table goes through: unique names, one chunk a column, nulls for NaN, no infinities."""

from __future__ import annotations

import json
from collections import Counter

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt

from augment.errors import InvalidInputError, SchemaError, Violation, shorten

__all__ = ["check_names", "clean_column", "clean_table", "one_chunk"]


def check_names(names: list[str], *, error: type[InvalidInputError] = SchemaError, context: str = "") -> None:
    """Raise where a column has no name, or the name of another."""
    empty = [index for index, name in enumerate(names) if not name]
    twice = [name for name, count in Counter(names).items() if count > 1 and name]
    violations = [
        Violation(
            f"columns[{index}]",
            "must have a name",
            "''",
            "An index column written by pandas looks so: write with index=False, or name it",
        )
        for index in empty
    ] + [
        Violation(f"columns.{name}", "must be there once", f"{names.count(name)} times", "Rename all but one")
        for name in twice
    ]
    if violations:
        raise error(*violations, context=context)


def clean_table(
    table: pa.Table, *, error: type[InvalidInputError] = SchemaError, context: str = ""
) -> pa.Table:
    """Return the table with unnamed pandas indexes dropped and each column cleaned.

    Raises:
        InvalidInputError: Of the class `error`: names are empty or doubled, a number is infinite.
    """
    check_names(table.column_names, error=error, context=context)
    table = _without_unnamed_index(table)
    columns = [clean_column(field.name, table.column(field.name), error, context) for field in table.schema]
    fields = [field.with_type(column.type) for field, column in zip(table.schema, columns, strict=True)]
    return pa.Table.from_arrays(columns, schema=pa.schema(fields, metadata=table.schema.metadata))


def clean_column(
    name: str, column: pa.ChunkedArray, error: type[InvalidInputError], context: str
) -> pa.Array:
    """Return a column as one array with null for NaN; raise where a number is infinite."""
    array = one_chunk(column)
    if pt.is_string_view(array.type):  # Arrow computes little with it
        array = array.cast(pa.string())
    values = array.dictionary if pt.is_dictionary(array.type) else array
    if not pt.is_floating(values.type):
        return array
    if values is not array:
        return clean_column(name, pa.chunked_array([array.dictionary_decode()]), error, context)
    floats = np.asarray(array.fill_null(0.0)) if array.null_count else np.asarray(array)
    infinite = np.isinf(floats)
    if infinite.any():
        row = int(np.argmax(infinite))
        remedy = "Leave the cell empty, or put a finite number there"
        raise error(
            Violation(
                f"columns.{name}.rows[{row}]", "must be a finite number", shorten(array[row].as_py()), remedy
            ),
            context=context,
        )
    nan = np.isnan(floats)
    return pc.if_else(pa.array(nan), pa.scalar(None, array.type), array) if nan.any() else array


def one_chunk(column: pa.ChunkedArray) -> pa.Array:
    """Return a column as one array."""
    if column.num_chunks == 1:
        return column.chunk(0)
    if pt.is_dictionary(column.type):
        column = column.unify_dictionaries()
    if column.num_chunks == 0:
        return pa.array([], column.type)
    return pa.concat_arrays(column.chunks)


def _without_unnamed_index(table: pa.Table) -> pa.Table:
    """Drop `__index_level_0__` and the like: pandas' row labels, which are no column of the frame."""
    if not (raw := (table.schema.metadata or {}).get(b"pandas")):
        return table
    labels = [name for name in json.loads(raw).get("index_columns", ()) if isinstance(name, str)]
    return table.drop_columns(
        [name for name in labels if name.startswith("__index_level_") and name in table.column_names]
    )
