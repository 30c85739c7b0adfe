"""Schemas found by looking at tables."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from augment.data.cleaning import clean_table
from augment.data.column_detection import detect_column
from augment.data.column_look import NO_CELLS, Look
from augment.data.schema import IdentifierColumn, Schema, TextColumn
from augment.errors import ColumnNotFoundError, SchemaError

if TYPE_CHECKING:
    import pyarrow as pa

    from augment.data.schema import Column

__all__ = ["detect_schema", "schema_warnings"]

_FEWEST_ROWS = 2


def detect_schema(table: pa.Table, *, target: str | None = None, rows: int | None = None) -> Schema:
    """Return a schema that describes a table; each column's `why` explains the choice.

    Args:
        table: The training data, at least two rows.
        target: The column that downstream models predict. Its whole numbers, if at most 20, are
            categories.
        rows: How many rows the table is a sample of; None: it is the whole.

    Raises:
        ColumnNotFoundError: There is no column `target`.
        SchemaError: Fewer than two rows, or a column of a type that no model learns.
    """
    table = clean_table(table)
    if target is not None and target not in table.column_names:
        raise ColumnNotFoundError(target, tuple(table.column_names))
    if table.num_rows < _FEWEST_ROWS:
        rule = f"must be at least {_FEWEST_ROWS} to learn from"
        raise SchemaError.of("rows", rule, table.num_rows, "Give more rows of data")
    columns = tuple(detect_column(Look.at(table, field, target, rows)) for field in table.schema)
    return Schema(columns=columns, pandas_metadata=_pandas_metadata(table, columns))


def schema_warnings(schema: Schema) -> tuple[str, ...]:
    """Return what people should know of a schema before they train on it, a sentence a column."""
    warnings = []
    for column in schema.columns:
        if isinstance(column, TextColumn):
            warnings.append(f"{column.name}: left out, since it is free text ({column.why})")
        elif isinstance(column, IdentifierColumn):
            warnings.append(
                f"{column.name}: not learnt but made anew, since it is an identifier ({column.why})"
            )
        elif column.why.startswith(NO_CELLS):
            warnings.append(f"{column.name}: {NO_CELLS}, so it comes back missing throughout")
    return tuple(warnings)


def _pandas_metadata(table: pa.Table, columns: tuple[Column, ...]) -> str:
    """Return the file's pandas metadata for the columns that are given back, without an index."""
    raw = (table.schema.metadata or {}).get(b"pandas")
    if not raw:
        return ""
    metadata = json.loads(raw)
    given = {column.name for column in columns if not isinstance(column, TextColumn)}
    kept = [entry for entry in metadata.get("columns", ()) if entry.get("field_name") in given]
    return json.dumps(metadata | {"index_columns": [], "columns": kept}, ensure_ascii=False)
