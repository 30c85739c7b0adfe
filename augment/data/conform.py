"""Tables made to fit a schema: its columns, its types."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.types as pt

from augment.data.array_cells import as_arrays
from augment.data.cleaning import clean_table
from augment.data.csv_declared import parse_texts
from augment.data.schema import ArrayColumn, DatetimeColumn, IdentifierColumn, TextColumn
from augment.data.storage import is_string, result_type
from augment.errors import ColumnNotFoundError, SchemaError, Violation, shorten

if TYPE_CHECKING:
    from augment.data.schema import Column, Schema

__all__ = ["conform", "type_fault"]

_MOST_DIGITS = 38


def conform(table: pa.Table, schema: Schema, *, partial: bool = False) -> pa.Table:
    """Return the table with the schema's columns, in its order and types.

    Values are never changed: a cast that would lose something is an error. Identifier and text
    columns may be absent, since no model sees them; they are then null throughout.

    Args:
        table: The records.
        schema: What they must fit.
        partial: Absent columns and missing cells are allowed everywhere.

    Raises:
        ColumnNotFoundError: A column of the schema is absent (and `partial` is not set).
        SchemaError: A column is not in the schema, has another type, or lacks cells it must have.
    """
    table = clean_table(table)
    _check_columns(table, schema, partial=partial)
    columns = [_conformed(table, column, partial=partial) for column in schema.columns]
    fields = [
        pa.field(column.name, cells.type) for column, cells in zip(schema.columns, columns, strict=True)
    ]
    return pa.Table.from_arrays(columns, schema=pa.schema(fields))


def type_fault(column: Column, found: pa.DataType) -> Violation | None:
    """Return why no cell of that type can be one of the column's; None: some can, and missing ones always.

    Of arrays only their elements tell.
    """
    kind = result_type(column)
    if isinstance(column, ArrayColumn | TextColumn) or pt.is_null(found) or found == kind:
        return None
    given = found.value_type if pt.is_dictionary(found) else found
    wanted = kind.value_type if pt.is_dictionary(kind) else kind
    if isinstance(column, DatetimeColumn) and is_string(given):
        return None
    if pt.is_null(wanted):
        rule = "must be missing throughout, as it was in the training data"
        return Violation(f"columns.{column.name}", rule, str(found), "Leave the column out")
    if _alike(given, wanted):
        return None
    rule = f"must be {column.kind} ({column.storage})"
    return Violation(f"columns.{column.name}", rule, str(found), "Cast the column")


def _check_columns(table: pa.Table, schema: Schema, *, partial: bool) -> None:
    present = set(table.column_names)
    for column in schema.columns:
        optional = partial or isinstance(column, IdentifierColumn | TextColumn)
        if not optional and column.name not in present:
            raise ColumnNotFoundError(column.name, tuple(table.column_names))
    known = {column.name: column for column in schema.columns}
    extra = [name for name in table.column_names if name not in known]
    if extra:
        rule = f"must be in the schema, which has: {', '.join(known)}"
        remedy = "Drop the column, or declare it (`kind: text` leaves it out)"
        raise SchemaError(
            *(Violation(f"columns.{name}", rule, "an unknown column", remedy) for name in extra)
        )


def _conformed(table: pa.Table, column: Column, *, partial: bool) -> pa.Array:
    kind = result_type(column)
    if column.name not in table.column_names:
        return pa.nulls(table.num_rows, kind)
    cells = table.column(column.name).chunk(0) if table.num_rows else pa.array([], kind)
    if isinstance(column, TextColumn):
        return cells
    made = _cast(cells, column, kind)
    if made.null_count and not (column.nullable or partial or isinstance(column, IdentifierColumn)):
        row = int(np.argmax(np.asarray(made.is_null())))
        raise SchemaError.of(
            f"columns.{column.name}.rows[{row}]",
            "must be there: the column is not nullable",
            None,
            "Fill the cell",
        )
    return made


def _cast(cells: pa.Array, column: Column, kind: pa.DataType) -> pa.Array:
    if pt.is_null(cells.type) or cells.null_count == len(cells):
        return pa.nulls(len(cells), kind)
    if isinstance(column, ArrayColumn):  # even of the right type, for its elements are to be looked at
        return as_arrays(column.name, cells, column.shape, kind)
    if cells.type == kind:
        return cells
    if pt.is_dictionary(kind) and pt.is_dictionary(cells.type) and cells.type.value_type == kind.value_type:
        return cells.cast(kind)
    plain = cells.cast(cells.type.value_type) if pt.is_dictionary(cells.type) else cells
    wanted = kind.value_type if pt.is_dictionary(kind) else kind
    if isinstance(column, DatetimeColumn) and is_string(plain.type):
        return _parsed(plain, column)
    if fault := type_fault(column, cells.type):
        raise SchemaError(fault)
    try:
        cast = _exactly(plain, wanted)
    except pa.ArrowInvalid as exc:
        raise _lossy(plain, column, wanted) from exc
    return cast.dictionary_encode().cast(kind) if pt.is_dictionary(kind) else cast.cast(kind)


def _exactly(cells: pa.Array, wanted: pa.DataType) -> pa.Array:
    """Cast cells; raise ArrowInvalid where the type cannot hold one of them."""
    if pt.is_decimal(wanted) and pt.is_integer(cells.type):
        cells = cells.cast(pa.decimal128(_MOST_DIGITS, wanted.scale))
    cast = cells.cast(wanted)
    if pt.is_date(wanted) and not cast.cast(cells.type).equals(cells):
        msg = "a time of day would be lost"
        raise pa.ArrowInvalid(msg)
    return cast


def _alike(found: pa.DataType, wanted: pa.DataType) -> bool:
    """Return whether values of one type can be meant as values of the other."""
    if is_string(wanted):
        return is_string(found)
    if pt.is_boolean(wanted):
        return bool(pt.is_boolean(found))
    if _is_numeric(wanted):
        return _is_numeric(found)
    if pt.is_timestamp(wanted):
        return bool(
            pt.is_date(found) or (pt.is_timestamp(found) and (found.tz is None) == (wanted.tz is None))
        )
    return bool(pt.is_date(wanted) and (pt.is_date(found) or (pt.is_timestamp(found) and found.tz is None)))


def _is_numeric(kind: pa.DataType) -> bool:
    return bool(pt.is_integer(kind) or pt.is_floating(kind) or pt.is_decimal(kind))


def _parsed(texts: pa.Array, column: DatetimeColumn) -> pa.Array:
    stamps = parse_texts(texts.cast(pa.string()), column)
    failed = np.asarray(texts.is_valid()) & np.asarray(stamps.is_null())
    if failed.any():
        row = int(np.argmax(failed))
        rule = f"must be a point in time in the format {column.format or 'ISO 8601'}"
        raise SchemaError.of(f"columns.{column.name}.rows[{row}]", rule, texts[row].as_py())
    return stamps


def _lossy(cells: pa.Array, column: Column, wanted: pa.DataType) -> SchemaError:
    """Return the error for the first cell that the wanted type cannot hold."""
    held, failing = 0, len(cells)
    while failing - held > 1:
        middle = (held + failing) // 2
        try:
            _exactly(cells[:middle], wanted)
            held = middle
        except pa.ArrowInvalid:
            failing = middle
    field, value = f"columns.{column.name}.rows[{held}]", shorten(cells[held].as_py())
    return SchemaError(Violation(field, f"must fit {column.storage}", value))
