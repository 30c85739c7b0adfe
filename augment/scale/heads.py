"""The first rows of a step's files, held against its model before any work."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.types as pt

from augment.data import conform
from augment.data.schema import TextColumn
from augment.data.storage import is_string
from augment.errors import ColumnNotFoundError, InvalidInputError, RecordsError, RequestError, meant

if TYPE_CHECKING:
    from collections.abc import Sequence

    from augment.data import Schema
    from augment.scale.inputs import InputFile, Reader

__all__ = ["PROVENANCE", "Head", "checked_head"]

PROVENANCE = pa.schema(
    [("_synthetic", pa.bool_()), ("_model", pa.string()), ("_seed", pa.uint64()), ("_row", pa.int64())]
)
"""The last columns of the output: whether a row is synthetic, of which model, by which seed; its number."""
_GLANCE_ROWS = 16
_OPTIONAL = {"identifier", "text"}


@dataclass(frozen=True)
class Head:
    """What a first look at the input found.

    Attributes:
        rows: The first ones of the first file; None without files.
        texts: The free-text columns, of types that those of all files fit.
    """

    rows: pa.Table | None
    texts: pa.Schema


def checked_head(files: Sequence[InputFile], reader: Reader, schema: Schema, *, filled: bool) -> Head:
    """Return the first rows of the first file, where those of each file fit the model.

    Args:
        files: The input.
        reader: Of the input.
        schema: What the rows must fit.
        filled: Whether the first operation fills in columns that are not there.

    Raises:
        RecordsError: A file has other columns than the model, than the first one, or of a type that fits not.
        ColumnNotFoundError: A file lacks a column.
        RequestError: A column to be dropped is in no file.
    """
    _check_names(schema)
    _check_drop(files, reader)
    first: pa.Table | None = None
    texts = pa.schema([])
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
        texts = _with_texts(texts, head, schema, file.path)
    return Head(first, texts)


def _check_drop(files: Sequence[InputFile], reader: Reader) -> None:
    """Refuse to leave out what is nowhere: a name that is misspelt would leave the column in."""
    missing, seen = set(reader.drop), dict[str, None]()
    for file in files if missing else ():
        names = reader.names(file)
        seen |= dict.fromkeys(names)
        missing -= set(names)
        if not missing:
            return
    if missing and files:
        name = min(missing)
        rule = f"must name columns of the input, which has: {', '.join(seen)}"
        raise RequestError.of("drop", rule, name, meant(name, seen))


def _with_texts(texts: pa.Schema, head: pa.Table, schema: Schema, path: str) -> pa.Schema:
    """Return the free-text columns of the files so far and of this one; an empty column is of any type.

    Raises:
        RecordsError: One is of another type than in the files before.
    """
    fields = []
    for name in [column.name for column in schema.columns if isinstance(column, TextColumn)]:
        if name in head.column_names:
            found = head.schema.field(name).type
            before = texts.field(name).type if name in texts.names else pa.null()
            kind = _common(before, found)
            if kind is None:
                rule = f"must be {before}, as in the files before"
                raise RecordsError.of(f"columns.{name}", rule, str(found), "Cast the column", context=path)
            fields.append(pa.field(name, kind))
    return pa.schema(fields)


def _common(one: pa.DataType, other: pa.DataType) -> pa.DataType | None:
    """Return a type for cells of both: text, where one is text or a number of another kind; None: none."""
    plain = [pa.string() if pt.is_string_view(kind) else kind for kind in (one, other)]
    known = [kind for kind in plain if not pt.is_null(kind)]
    if len(set(known)) < 2:  # noqa: PLR2004 - they are the same, or one says nothing
        return known[0] if known else pa.null()
    values = [kind.value_type if pt.is_dictionary(kind) else kind for kind in known]
    if not all(is_string(kind) or pt.is_primitive(kind) or pt.is_decimal(kind) for kind in values):
        return None
    return pa.large_string() if any(pt.is_large_string(kind) for kind in values) else pa.string()


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
