"""Stretches of rows out of files that say where their rows are: Parquet, and Arrow's file format."""

from __future__ import annotations

from bisect import bisect_right
from contextlib import contextmanager
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import ipc

from augment.data.cleaning import check_names
from augment.errors import DataFileError
from augment.scale.places import opened, reading
from augment.urls import is_url, require_there

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

__all__ = [
    "ArrowStretches",
    "arrow_table",
    "parquet_names",
    "parquet_rows",
    "parquet_stretch",
    "reading_arrow",
    "reading_parquet",
]

_BATCH_ROWS = 16_384
_READ_BYTES = 2**20


def parquet_rows(path: str) -> int:
    """Return how many rows a Parquet file has.

    Raises:
        DataFileError: It is damaged.
    """
    with reading_parquet(path), opened(path) as source, pq.ParquetFile(source) as file:
        return int(file.metadata.num_rows)


def parquet_names(path: str) -> list[str]:
    """Return the names of a Parquet file's columns.

    Raises:
        DataFileError: It is damaged.
    """
    with reading_parquet(path), opened(path) as source, pq.ParquetFile(source) as file:
        return list(file.schema_arrow.names)


def parquet_stretch(
    path: str, start: int, rows: int, drop: Collection[str], *, only: str | None = None
) -> pa.Table:
    """Return rows of a Parquet file, of whose row groups only those are read that have some of them.

    Args:
        path: Of the file.
        start: The first row.
        rows: How many.
        drop: Columns to leave out, unread.
        only: The one column to read; None: all.

    Raises:
        DataFileError: It is damaged, or has a column twice.
    """
    end = start + rows
    pieces: list[pa.RecordBatch] = []
    with (
        reading_parquet(path),
        opened(path) as source,
        pq.ParquetFile(source, buffer_size=_READ_BYTES, pre_buffer=False) as parquet,
    ):
        schema = parquet.schema_arrow
        wanted = [name for name in schema.names if name not in drop and only in (None, name)]
        check_names(wanted, error=DataFileError, context=path)
        for group, first, last in _groups(parquet.metadata):
            if first < end and last > start:
                pieces += _rows_of(parquet, group, wanted, max(start, first) - first, min(end, last) - first)
    kept = pa.schema([schema.field(name) for name in wanted], metadata=schema.metadata)
    return pa.Table.from_batches(pieces, kept)


def _groups(metadata: Any) -> Iterator[tuple[int, int, int]]:
    """Yield each row group's number, first row, and the row after its last."""
    first = 0
    for group in range(metadata.num_row_groups):
        last = first + metadata.row_group(group).num_rows
        yield group, first, last
        first = last


def _rows_of(
    parquet: pq.ParquetFile, group: int, columns: list[str], start: int, end: int
) -> Iterator[pa.RecordBatch]:
    """Yield rows `start` to `end` of a row group."""
    row = 0
    for batch in parquet.iter_batches(_BATCH_ROWS, row_groups=[group], columns=columns):
        low, high = max(0, start - row), min(batch.num_rows, end - row)
        if low < high:
            yield batch.slice(low, high - low)
        row += batch.num_rows
        if row >= end:
            return


class ArrowStretches:
    """A file in Arrow's file format, of which batches are read that have wanted rows; the last one is kept.

    Args:
        path: Of the file.
        drop: Columns to leave out.

    Attributes:
        names: Of all its columns.

    Raises:
        DataFileError: It is damaged.
    """

    def __init__(self, path: str, drop: Collection[str]) -> None:
        self._path = path
        self._drop = drop
        self._kept: tuple[int, pa.RecordBatch] | None = None
        with self._file() as file:
            self.names = tuple(file.schema.names)
        with self._file(included_fields=[0]) as file:  # counts take no more than a column
            counts = [int(file.get_batch(number).num_rows) for number in range(file.num_record_batches)]
        self._firsts = tuple(accumulate(counts, initial=0))

    def count(self) -> int:
        """Return how many rows there are."""
        return self._firsts[-1]

    def read(self, start: int, rows: int) -> pa.Table:
        """Return rows from `start` on; fewer where the file ends.

        Raises:
            DataFileError: A batch is damaged.
        """
        end = min(start + rows, self._firsts[-1])
        taken: list[pa.Table] = []
        while start < end:
            number = bisect_right(self._firsts, start) - 1
            first = self._firsts[number]
            some = self._batch(number).slice(start - first, end - start)
            taken.append(arrow_table(some, self._drop, self._path))
            start += some.num_rows
        return pa.concat_tables(taken) if taken else pa.table({})

    def close(self) -> None:
        """Let go of the last batch."""
        self._kept = None

    def _batch(self, number: int) -> pa.RecordBatch:
        if self._kept is None or self._kept[0] != number:
            self._kept = None  # room for the next one
            with self._file() as file:
                self._kept = (number, file.get_batch(number))
        return self._kept[1]

    @contextmanager
    def _file(self, **options: Any) -> Iterator[ipc.RecordBatchFileReader]:
        read = ipc.IpcReadOptions(**options)
        with reading_arrow(self._path), opened(self._path) as source:
            mapped = source if is_url(self._path) else pa.memory_map(source)  # of what is mapped, no copy
            with ipc.open_file(mapped, options=read) as file:
                yield file


def arrow_table(batch: pa.RecordBatch, drop: Collection[str], path: str) -> pa.Table:
    """Return a batch's columns, looked through: what a file says of its own buffers may be wrong.

    Raises:
        DataFileError: They are damaged, or one is there twice.
    """
    wanted = [place for place, name in enumerate(batch.schema.names) if name not in drop]
    check_names([batch.schema.names[place] for place in wanted], error=DataFileError, context=path)
    table = pa.Table.from_batches([batch]).select(wanted)
    with reading_arrow(path):
        table.validate(full=True)
    return table


@contextmanager
def reading_parquet(path: str) -> Iterator[None]:
    """Turn what a damaged file raises into an error that names it."""
    remedy = "A file that was cut short has no footer: write it again"
    with _reading(path, "must be whole Parquet", remedy):
        yield


@contextmanager
def reading_arrow(path: str) -> Iterator[None]:
    """Likewise."""
    with _reading(path, "must be whole Arrow", "A file that was cut short: write it again"):
        yield


@contextmanager
def _reading(path: str, rule: str, remedy: str) -> Iterator[None]:
    with reading(path):
        try:
            yield
        except (FileNotFoundError, PermissionError):
            raise
        except (pa.ArrowException, OSError) as exc:
            require_there(path, exc)
            raise DataFileError.of("file", rule, str(exc), remedy, context=path) from exc
