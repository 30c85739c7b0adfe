"""The three tables that are judged, made comparable: same columns, same types, no more rows than said."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.types as pt

from augment.data.cleaning import clean_table
from augment.data.csv_declared import parse_texts
from augment.data.detection import detect_schema
from augment.data.schema import Schema
from augment.data.storage import is_string
from augment.errors import SchemaError, Violation
from augment.evaluation.cells import is_number

if TYPE_CHECKING:
    from augment.data.schema import Column

__all__ = ["Inputs", "prepare"]

_LEFT_OUT = {
    "identifier": "an identifier, which is made anew",
    "text": "free text, which no model learns",
    "array": "an array, which this judge of tables does not look into",
}


@dataclass(frozen=True)
class Inputs:
    """What is judged.

    Attributes:
        train: The real rows that the generator saw, with the compared columns alone.
        holdout: Real rows that it did not see, likewise.
        synthetic: The synthetic rows, likewise.
        columns: The compared columns, in the schema's order.
        target: The column that downstream models predict; None if none was named or it is left out.
        notes: What was left out, ignored or cut, a sentence each.
    """

    train: pa.Table
    holdout: pa.Table
    synthetic: pa.Table
    columns: tuple[Column, ...]
    target: Column | None
    notes: tuple[str, ...]

    @property
    def schema(self) -> Schema:
        """The compared columns as a schema."""
        return Schema(columns=self.columns)


def prepare(
    tables: dict[str, pa.Table], schema: Schema | None, target: str | None, *, seed: int, max_rows: int
) -> Inputs:
    """Return the tables `train`, `holdout` and `synthetic` with the compared columns, in one order and type.

    Raises:
        ColumnNotFoundError: `train` has no column `target`.
        SchemaError: A table lacks compared columns, has a number that is infinite, or a column of a
            wrong type; or there is no column to compare.
    """
    tables = {name: clean_table(table, context=f"the {name} table") for name, table in tables.items()}
    if schema is None:
        schema = _detect(tables["train"], target)
    elif target is not None:
        schema = schema.with_target(target)
    columns = tuple(column for column in schema.columns if column.kind not in _LEFT_OUT)
    _check_columns(tables, columns)
    notes = [*_left_out(schema), *_extra(tables, schema)]
    made = {}
    for index, (name, table) in enumerate(tables.items()):
        fitted = pa.table({c.name: _fit(c, table[c.name], tables["train"], name) for c in columns})
        made[name] = _cut(fitted, max_rows, seed + index)
        if table.num_rows > max_rows:
            notes.append(f"{name}: {max_rows:,} of {table.num_rows:,} rows, drawn at random, were judged")
    chosen = schema.target if schema.target in columns else None
    return Inputs(made["train"], made["holdout"], made["synthetic"], columns, chosen, tuple(notes))


def _detect(train: pa.Table, target: str | None) -> Schema:
    # Detection wants two rows; a single one, twice, has the same types.
    return detect_schema(pa.concat_tables([train, train]) if train.num_rows == 1 else train, target=target)


def _check_columns(tables: dict[str, pa.Table], columns: tuple[Column, ...]) -> None:
    if not columns:
        rule = "must have one to compare besides identifiers, free text and arrays"
        raise SchemaError.of("columns", rule, "none", "Give a column a kind in the schema")
    violations = []
    for name, table in tables.items():
        lacking = [column.name for column in columns if column.name not in table.column_names]
        if lacking:
            there = f"only {', '.join(table.column_names)}"
            rule = f"must have the columns {', '.join(lacking)}, too"
            violations.append(Violation(f"the {name} table", rule, there, "Names are compared as written"))
    if violations:
        raise SchemaError(*violations)


def _left_out(schema: Schema) -> list[str]:
    return [
        f"{c.name}: left out, since it is {_LEFT_OUT[c.kind]}" for c in schema.columns if c.kind in _LEFT_OUT
    ]


def _extra(tables: dict[str, pa.Table], schema: Schema) -> list[str]:
    known = {column.name for column in schema.columns}
    return [
        f"{column}: ignored in the {name} table, since the schema has no such column"
        for name, table in tables.items()
        for column in table.column_names
        if column not in known
    ]


def _cut(table: pa.Table, rows: int, seed: int) -> pa.Table:
    if table.num_rows <= rows:
        return table
    picked = np.sort(np.random.default_rng(seed).permutation(table.num_rows)[:rows])
    return table.take(picked)


def _fit(column: Column, cells: pa.ChunkedArray, train: pa.Table, name: str) -> pa.ChunkedArray:
    """Return cells that compare with those of the training file, whatever type another tool wrote."""
    if pt.is_dictionary(cells.type):
        cells = cells.cast(cells.type.value_type)
    if is_number(column):
        return _as_numbers(column, cells, name)
    wanted = train[column.name].type
    return _as_levels(cells, wanted.value_type if pt.is_dictionary(wanted) else wanted)


def _as_numbers(column: Column, cells: pa.ChunkedArray, name: str) -> pa.ChunkedArray:
    if pt.is_null(cells.type):
        return cells.cast(pa.float64())
    temporal = pt.is_timestamp(cells.type) or pt.is_date(cells.type)
    numeric = pt.is_integer(cells.type) or pt.is_floating(cells.type) or pt.is_decimal(cells.type)
    if column.kind == "datetime":
        if is_string(cells.type):
            texts = cells.combine_chunks().cast(pa.string())
            stamps = parse_texts(
                pa.concat_arrays(texts.chunks) if isinstance(texts, pa.ChunkedArray) else texts, column
            )
            if stamps.null_count == cells.null_count:
                return pa.chunked_array([stamps])
        elif temporal:
            return cells
    elif numeric:
        return cells
    elif pt.is_boolean(cells.type):
        return cells.cast(pa.int8())
    rule = f"must hold {'points in time' if column.kind == 'datetime' else 'numbers'}"
    remedy = "Write the column in the type of the training file, or declare its kind in the schema"
    raise SchemaError.of(f"columns.{column.name}", rule, str(cells.type), remedy, context=f"the {name} table")


def _as_levels(cells: pa.ChunkedArray, wanted: pa.DataType) -> pa.ChunkedArray:
    """Return the cells in the wanted type where all of them can be; else as they are, as other levels."""
    try:
        return cells.cast(wanted)
    except pa.ArrowException:
        return cells  # levels that real rows have not: the detectors are to see them
