"""The first rows of a step's files, held against its model before any work."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from augment.data import conform
from augment.errors import ColumnNotFoundError, InvalidInputError, RecordsError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from augment.data import Schema
    from augment.scale.inputs import InputFile, Reader

__all__ = ["PROVENANCE", "checked_head"]

PROVENANCE = pa.schema(
    [("_synthetic", pa.bool_()), ("_model", pa.string()), ("_seed", pa.uint64()), ("_row", pa.int64())]
)
"""The last columns of the output: whether a row is synthetic, of which model, by which seed; its number."""
_GLANCE_ROWS = 16
_OPTIONAL = {"identifier", "text"}


def checked_head(
    files: Sequence[InputFile], reader: Reader, schema: Schema, *, filled: bool
) -> pa.Table | None:
    """Return the first rows of the first file, where those of each file fit the model; None without files.

    Args:
        files: The input.
        reader: Of the input.
        schema: What the rows must fit.
        filled: Whether the first operation fills in columns that are not there.

    Raises:
        RecordsError: A file has other columns than the model, than the first one, or of a type that fits not.
        ColumnNotFoundError: A file lacks a column.
    """
    _check_names(schema)
    first: pa.Table | None = None
    for file in files:
        head = reader.read(file, 0, min(_GLANCE_ROWS, file.rows))
        _check_columns(file, head, schema, filled=filled)
        first = head if first is None else first
        if differing := sorted(set(first.column_names) ^ set(head.column_names)):
            there = differing[0] in head.column_names
            rule = f"must be in every file or in none, and {files[0].path} has it{' not' if there else ''}"
            found = "a column" if there else "no such column"
            raise RecordsError.of(f"columns.{differing[0]}", rule, found, context=file.path)
        try:
            conform(head, schema, partial=filled)
        except InvalidInputError as exc:
            raise RecordsError(*exc.violations, context=file.path) from exc
    return first


def _check_names(schema: Schema) -> None:
    """Refuse a model with columns that a step writes itself."""
    taken = sorted(set(PROVENANCE.names) & {column.name for column in schema.columns})
    if taken:
        rule = "must not be the model's: a step writes it itself"
        raise RecordsError.of(f"columns.{taken[0]}", rule, "a column", "Train without this column")


def _check_columns(file: InputFile, head: pa.Table, schema: Schema, *, filled: bool) -> None:
    """Refuse columns of an earlier step, and a file without columns that no operation fills in."""
    if own := [name for name in PROVENANCE.names if name in head.column_names]:
        remedy = f"Leave them out with drop: [{', '.join(own)}]"
        rule = "must not be in the input: a step writes it itself"
        raise RecordsError.of(f"columns.{own[0]}", rule, "a column", remedy, context=file.path)
    for column in schema.columns:
        if not filled and column.kind not in _OPTIONAL and column.name not in head.column_names:
            raise ColumnNotFoundError(column.name, tuple(head.column_names), context=file.path)
