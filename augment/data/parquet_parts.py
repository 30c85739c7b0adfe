"""Parquet that need not fit memory: a file, or a directory of parts of one schema, read batch by batch."""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.types as pt

from augment.data.array_cells import is_list
from augment.data.cleaning import check_names, clean_table
from augment.errors import DataFileError, InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["ParquetParts", "in_part"]

_BATCH_ROWS = 65_536
_BATCH_BYTES = 64 * 2**20
_FEWEST_ROWS = 64
_GLANCE_ROWS = 4_096
_READ_BYTES = 2**20
_ENCODED_BYTES = 24  # a token and a residual, each of 4 bytes, as they are encoded, copied and split


@dataclass(frozen=True)
class Part:
    """One file: where it is, its rows, and the number of its first row among those of all parts."""

    path: Path
    rows: int
    first_row: int


@dataclass(frozen=True)
class ParquetParts:
    """Parquet files of one schema, one after the other by name.

    Attributes:
        path: The file, or the directory.
        parts: The files.
        schema: Of all of them. A column that is of no type in one part, because no cell is there, has the
            other parts' type.
        row_bytes: Of a row in memory, as its first rows are.
        cells: How many encoded cells a row has: one a column, or one an array's element.
    """

    path: Path
    parts: tuple[Part, ...]
    schema: pa.Schema
    row_bytes: float
    cells: int

    @classmethod
    def open(cls, path: Path | str) -> ParquetParts:
        """Look at the footer of each part, and at the first rows of the first.

        Args:
            path: A Parquet file, or a directory of files that end in `.parquet`.

        Raises:
            DataFileError: There is none, one is damaged or has no rows, or their schemas differ.
        """
        path = Path(path)
        files = sorted(path.glob("*.parquet")) if path.is_dir() else [path]
        if not files:
            remedy = "Give a Parquet file, or a directory with files that end in .parquet"
            raise DataFileError.of("directory", "must hold Parquet files", "none", remedy, context=str(path))
        parts: list[Part] = []
        schema: pa.Schema | None = None
        for file in files:
            rows, own = _footer(file)
            schema = own if schema is None else _one_schema(files[0], schema, file, own)
            parts.append(Part(file, rows, parts[-1].first_row + parts[-1].rows if parts else 0))
        assert schema is not None  # noqa: S101 - there is a file
        unsized = cls(path, tuple(parts), schema, 1.0, 1)
        return replace(unsized, **_sizes(next(iter(unsized.batches()))[2]))

    @property
    def rows(self) -> int:
        """Of all parts."""
        return self.parts[-1].first_row + self.parts[-1].rows

    @property
    def training_bytes(self) -> int:
        """About how much memory training takes that holds the whole table: decoded and encoded."""
        return round(self.rows * (self.row_bytes + _ENCODED_BYTES * self.cells))

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[tuple[Part, int, pa.Table]]:
        """Yield the records as clean tables of at most 65,536 rows and about 64 MiB.

        Args:
            columns: Which to read; None: all.

        Yields:
            The part, how many of its rows came before, and the table.

        Raises:
            DataFileError: A part cannot be read to its end, or holds an infinite number.
        """
        for part in self.parts:
            before = 0
            for table in self._of(part, columns):
                with in_part(part, before):
                    yield part, before, clean_table(table, error=DataFileError)
                before += table.num_rows

    def read(self) -> pa.Table:
        """Return all records."""
        return pa.concat_tables([table for part in self.parts for table in self._of(part, None)])

    def _of(self, part: Part, columns: Sequence[str] | None) -> Iterator[pa.Table]:
        wanted = self.schema if columns is None else _chosen(self.schema, columns)
        rows = int(min(_BATCH_ROWS, max(_FEWEST_ROWS, _BATCH_BYTES // self.row_bytes)))
        group = 0
        try:
            with pq.ParquetFile(part.path, buffer_size=_READ_BYTES, pre_buffer=False) as file:
                for group in range(file.num_row_groups):
                    read = file.iter_batches(rows, row_groups=[group], columns=wanted.names)
                    for batch in read:
                        if batch.num_rows:
                            yield _as_wanted(batch, wanted)
        except (pa.ArrowException, OSError) as exc:
            rule, remedy = "must be readable as Parquet", "Write this part again"
            raise DataFileError.of(
                f"row group {group}", rule, str(exc), remedy, context=str(part.path)
            ) from exc


def _sizes(table: pa.Table) -> dict[str, Any]:
    """Return `row_bytes` and `cells` of a table's first rows."""
    rows = min(_GLANCE_ROWS, table.num_rows)
    glance = table.take(pa.array(range(rows)))  # a slice counts what it is cut from
    cells = sum(_elements(column) for column in glance.columns)
    return {"row_bytes": max(1.0, glance.nbytes / rows), "cells": cells}


def _footer(path: Path) -> tuple[int, pa.Schema]:
    """Return a file's rows and schema.

    Raises:
        DataFileError: It is no whole Parquet file, or has no rows or columns.
    """
    try:
        if path.stat().st_size == 0:
            raise DataFileError.of(
                "file", "must be Parquet", "an empty file", "Take it away", context=str(path)
            )
        with pq.ParquetFile(path) as file:
            rows, schema = file.metadata.num_rows, file.schema_arrow
    except FileNotFoundError as exc:
        raise DataFileError.of("file", "must exist", path.name, context=str(path)) from exc
    except (pa.ArrowException, OSError) as exc:
        remedy = "A file that was cut short has no footer: write it again"
        raise DataFileError.of("file", "must be whole Parquet", str(exc), remedy, context=str(path)) from exc
    if not rows or not schema.names:
        value = f"{len(schema.names)} columns and {rows} rows"
        raise DataFileError.of(
            "file", "must have columns and at least one row", value, "Take it away", context=str(path)
        )
    check_names(schema.names, error=DataFileError, context=str(path))
    return rows, schema


def _one_schema(first: Path, schema: pa.Schema, path: Path, own: pa.Schema) -> pa.Schema:
    """Return the schema of both; columns may come in another order.

    Raises:
        DataFileError: A column is in one alone, or has another type.
    """
    for name in [*schema.names, *own.names]:
        if (name in own.names) != (name in schema.names):
            there, not_there = (first, path) if name in schema.names else (path, first)
            rule = f"must be in every part, and is in {there.name}"
            remedy = "Write all parts with the same columns, or take the others away"
            raise DataFileError.of(f"columns.{name}", rule, "no such column", remedy, context=str(not_there))
    fields = [_one_type(first, schema.field(name), path, own.field(name)) for name in schema.names]
    return pa.schema(fields, metadata=schema.metadata)


def _one_type(first: Path, field: pa.Field, path: Path, own: pa.Field) -> pa.Field:
    if own.type == field.type or pt.is_null(own.type):
        return field
    if pt.is_null(field.type):
        return own
    rule = f"must be {field.type} in every part, as in {first.name}"
    remedy = "Write the parts anew with one type for the column"
    raise DataFileError.of(f"columns.{field.name}", rule, str(own.type), remedy, context=str(path))


def _chosen(schema: pa.Schema, columns: Sequence[str]) -> pa.Schema:
    return pa.schema([schema.field(name) for name in columns], metadata=schema.metadata)


def _as_wanted(batch: pa.RecordBatch, wanted: pa.Schema) -> pa.Table:
    table = pa.Table.from_batches([batch]).select(wanted.names)
    columns = [
        column if column.type == field.type else column.cast(field.type)
        for column, field in zip(table.columns, wanted, strict=True)
    ]
    return pa.Table.from_arrays(columns, schema=wanted)


def _elements(column: pa.ChunkedArray) -> int:
    """Return how many encoded numbers a cell becomes."""
    if not is_list(column.type):
        return 1
    flat = pa.chunked_array([chunk.storage for chunk in column.chunks]) if _is_extension(column) else column
    while is_list(flat.type):
        flat = pa.chunked_array([chunk.flatten() for chunk in flat.chunks])
    return max(1, round(len(flat) / max(1, len(column))))


def _is_extension(column: pa.ChunkedArray) -> bool:
    return isinstance(column.type, pa.BaseExtensionType)


@contextmanager
def in_part(part: Part | str, before: int) -> Iterator[None]:
    """Name the part, and its own row numbers, in errors about one of its batches.

    Args:
        part: The part, or a file's path or URL.
        before: How many of its rows came before the batch.
    """
    try:
        yield
    except InvalidInputError as exc:
        if exc.context:
            raise
        moved = [replace(one, field=_moved(one.field, before)) for one in exc.violations]
        raise type(exc)(*moved, context=part if isinstance(part, str) else str(part.path)) from exc


def _moved(field: str, before: int) -> str:
    return re.sub(r"\.rows\[(\d+)\]$", lambda row: f".rows[{int(row[1]) + before}]", field)
