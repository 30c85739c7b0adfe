"""The input of a step: its files, how many rows they have, and any stretch of these rows."""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from augment.data import read_table
from augment.errors import DataFileError
from augment.scale.places import copied, files_at, fingerprint, opened

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from augment.data import Schema

__all__ = ["InputFile", "Reader", "find_inputs"]

_MAGIC = b"PAR1"
_BATCH_ROWS = 16_384
_READ_BYTES = 2**20
_PARTITION = re.compile(r"([^=/]+)=([^/]*)")
_NO_VALUE = "__HIVE_DEFAULT_PARTITION__"


@dataclass(frozen=True)
class InputFile:
    """One file.

    Attributes:
        path: Where it is: a path or a URL.
        rows: How many it has.
        first_row: The number of its first row among those of all files.
        fingerprint: Changes when its content does.
        is_parquet: Whether a stretch of its rows can be read alone; else it is read as a whole.
        partition: Columns and values that its directories name, as in `year=2024/`; None: missing.
    """

    path: str
    rows: int
    first_row: int
    fingerprint: str
    is_parquet: bool
    partition: tuple[tuple[str, str | int | None], ...] = ()


class Reader:
    """Reads stretches of rows; keeps the last file that had to be read as a whole.

    Args:
        schema: How text files write the model's columns.
        drop: Columns to leave out.
    """

    def __init__(self, schema: Schema, drop: Sequence[str]) -> None:
        self._schema = schema
        self._drop = frozenset(drop)
        self._whole: tuple[str, pa.Table] | None = None

    def read(self, file: InputFile, start: int, rows: int) -> pa.Table:
        """Return rows `start` to `start + rows` of a file.

        Raises:
            DataFileError: It cannot be read, or has fewer rows than before.
        """
        table = _stretch(file, start, rows) if file.is_parquet else self._read(file.path).slice(start, rows)
        if table.num_rows != rows:
            rule = f"must have its {file.rows} rows for as long as the step runs"
            raise DataFileError.of("file", rule, start + table.num_rows, context=file.path)
        for name, value in file.partition:
            if name not in table.column_names:
                table = table.append_column(name, pa.array([value] * rows))
        return table.drop_columns([name for name in table.column_names if name in self._drop])

    def count(self, path: str) -> tuple[int, bool]:
        """Return how many rows a file has, and whether it is Parquet.

        Raises:
            DataFileError: It is damaged, or in no known format.
        """
        if _is_parquet(path):
            with _reading_parquet(path), opened(path) as source, pq.ParquetFile(source) as file:
                return int(file.metadata.num_rows), True
        return self._read(path).num_rows, False

    def _read(self, path: str) -> pa.Table:
        if self._whole is None or self._whole[0] != path:
            with copied(path) as here:
                self._whole = (path, read_table(here, schema=self._schema))
        return self._whole[1]


def find_inputs(paths: Sequence[str], reader: Reader) -> tuple[InputFile, ...]:
    """Return the files of a step's input that have rows.

    Raises:
        DataFileError: There is none, or one is damaged.
    """
    files: list[InputFile] = []
    rows = 0
    for path in files_at(paths):
        count, is_parquet = reader.count(path)
        if count:
            files.append(InputFile(path, count, rows, fingerprint(path), is_parquet, _partition_of(path)))
        rows += count
    if not files:
        raise DataFileError.of("input", "must have at least one row", 0, context=", ".join(paths))
    return tuple(files)


def _partition_of(path: str) -> tuple[tuple[str, str | int | None], ...]:
    """Return what directories say, with whole numbers as numbers.

    >>> _partition_of("rows/year=2024/city=Bern/1.parquet")
    (('year', 2024), ('city', 'Bern'))
    """
    found = (_PARTITION.fullmatch(part) for part in PurePosixPath(path).parts[:-1])
    return tuple((match[1], _value_of(match[2])) for match in found if match)


def _value_of(text: str) -> str | int | None:
    if text == _NO_VALUE:
        return None
    return int(text) if re.fullmatch(r"0|-?[1-9]\d{0,17}", text) else text


def _is_parquet(path: str) -> bool:
    if path.lower().endswith((".parquet", ".pq")):
        return True
    with _reading_parquet(path), opened(path) as source:
        if not isinstance(source, str):
            return bool(source.read(len(_MAGIC)) == _MAGIC)
        with open(source, "rb") as file:  # noqa: PTH123 - as for what is remote
            return file.read(len(_MAGIC)) == _MAGIC


def _stretch(file: InputFile, start: int, rows: int) -> pa.Table:
    """Return rows of a Parquet file, of whose row groups only those are read that have some of them."""
    end = start + rows
    pieces: list[pa.RecordBatch] = []
    with (
        _reading_parquet(file.path),
        opened(file.path) as source,
        pq.ParquetFile(source, buffer_size=_READ_BYTES, pre_buffer=False) as parquet,
    ):
        for group, first, last in _groups(parquet.metadata):
            if first < end and last > start:
                pieces += _rows_of(parquet, group, max(start, first) - first, min(end, last) - first)
        schema = parquet.schema_arrow
    return pa.Table.from_batches(pieces, schema)


def _groups(metadata: Any) -> Iterator[tuple[int, int, int]]:
    """Yield each row group's number, first row, and the row after its last."""
    first = 0
    for group in range(metadata.num_row_groups):
        last = first + metadata.row_group(group).num_rows
        yield group, first, last
        first = last


def _rows_of(parquet: pq.ParquetFile, group: int, start: int, end: int) -> Iterator[pa.RecordBatch]:
    """Yield rows `start` to `end` of a row group."""
    row = 0
    for batch in parquet.iter_batches(_BATCH_ROWS, row_groups=[group]):
        low, high = max(0, start - row), min(batch.num_rows, end - row)
        if low < high:
            yield batch.slice(low, high - low)
        row += batch.num_rows
        if row >= end:
            return


@contextmanager
def _reading_parquet(path: str) -> Iterator[None]:
    """Turn what a damaged file raises into an error that names it."""
    try:
        yield
    except (FileNotFoundError, PermissionError) as exc:
        raise DataFileError.of("file", "must be readable", str(exc), context=path) from exc
    except (pa.ArrowException, OSError) as exc:
        remedy = "A file that was cut short has no footer: write it again"
        raise DataFileError.of("file", "must be whole Parquet", str(exc), remedy, context=path) from exc
