"""Columns of text read as a schema declares them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt

from augment.data.csv_typing import TypedColumn
from augment.data.datetimes import parse_format
from augment.data.schema import ArrayColumn, Column, DatetimeColumn
from augment.data.storage import is_string, storage_type
from augment.errors import DataFileError, Violation, shorten

if TYPE_CHECKING:
    from augment.data.csv_typing import Cells

__all__ = ["declared_column", "parse_texts"]


def declared_column(cells: Cells, column: Column, *, context: str) -> TypedColumn:
    """Read a column of text as declared.

    Raises:
        DataFileError: A cell is not what the column is declared to be.
    """
    if isinstance(column, ArrayColumn):
        rule = "must be in a Parquet or Arrow file"
        raise DataFileError.of(
            f"columns.{cells.name}", rule, "an array column in a CSV file", context=context
        )
    typed = parse_texts(cells.values, column)
    failed = np.asarray(cells.values.is_valid()) & np.asarray(typed.is_null())
    if failed.any():
        row = cells.first_row(failed)
        text = cells.values[cells.codes[row].as_py()].as_py()
        rule = f"must be {_wanted(column)} as the schema declares"
        raise DataFileError(
            Violation(
                f"columns.{cells.name}.rows[{row}]", rule, shorten(text), "Mend the cell or the schema"
            ),
            context=context,
        )
    return TypedColumn(cells.spread(typed), _notes(column))


def parse_texts(values: pa.Array, column: Column) -> pa.Array:
    """Read texts as the column's storage has them; null where that cannot be."""
    kind: Any = storage_type(column.storage)
    kind = kind.value_type if pt.is_dictionary(kind) else kind
    if isinstance(column, DatetimeColumn):
        return _times(values, column, kind)
    if is_string(kind) or pt.is_null(kind):
        return values
    if pt.is_boolean(kind):
        return _booleans(values)
    return _numbers(values, kind)


def _times(values: pa.Array, column: DatetimeColumn, kind: pa.DataType) -> pa.Array:
    stamps = parse_format(values, column.format)
    zone = getattr(kind, "tz", None)
    if stamps.type.tz is None and zone:
        stamps = pc.assume_timezone(stamps, zone, ambiguous="earliest", nonexistent="earliest")
    return stamps.cast(kind, safe=False)


def _booleans(values: pa.Array) -> pa.Array:
    lower = pc.utf8_lower(values)
    true = pc.is_in(lower, value_set=pa.array(["true", "1", "yes", "t", "y"]))
    false = pc.is_in(lower, value_set=pa.array(["false", "0", "no", "f", "n"]))
    return pc.if_else(pc.or_(true, false), true, pa.scalar(None, pa.bool_()))


def _numbers(values: pa.Array, kind: pa.DataType) -> pa.Array:
    """Cast all at once, or one by one where a text fails."""
    texts = pc.utf8_ltrim(values, characters="+")
    try:
        numbers = _finite(texts.cast(kind))
    except pa.ArrowInvalid:
        numbers = pa.array([_number(text, kind) for text in texts.to_pylist()], kind)
    return numbers


def _finite(numbers: pa.Array) -> pa.Array:
    if not pt.is_floating(numbers.type):
        return numbers
    return pc.if_else(pc.is_finite(numbers), numbers, pa.scalar(None, numbers.type))


def _number(text: str | None, kind: pa.DataType) -> object:
    try:
        return _finite(pa.array([text], pa.string()).cast(kind))[0].as_py()
    except pa.ArrowInvalid:
        return None


def _wanted(column: Column) -> str:
    form = f" in the format {column.format}" if isinstance(column, DatetimeColumn) and column.format else ""
    return f"{column.kind} ({column.storage}){form}"


def _notes(column: Column) -> dict[str, str]:
    if isinstance(column, DatetimeColumn):
        return {"format": column.format}
    return {}
