"""Output files, written batch by batch in constant memory; whole or not there at all.

A file's bytes depend on its rows alone and not on how they came in: rows are gathered into groups
whose size follows from the columns' types.
"""

from __future__ import annotations

import os
import secrets
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from augment.cli.csv_lines import csv_header, csv_lines
from augment.errors import PublishError, RequestError
from augment.sources.sizes import row_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

__all__ = ["check_output", "is_array", "write_batches", "write_bytes"]

_SUFFIXES = (".csv", ".csv.gz", ".parquet", ".arrow", ".feather", ".npz")
_GROUP_BYTES = 16 << 20
_MIN_GROUP_ROWS, _MAX_GROUP_ROWS = 1 << 10, 1 << 18


class _Writer(Protocol):
    def write_table(self, table: pa.Table) -> None: ...

    def close(self) -> None: ...


def check_output(path: Path, schema: pa.Schema | None = None, *, option: str = "--out") -> str:
    """Return the output's suffix if such a file can be written there, before any work is done.

    Raises:
        RequestError: An unknown suffix, no such directory, or arrays in a CSV file.
    """
    suffix = next((suffix for suffix in reversed(_SUFFIXES) if path.name.lower().endswith(suffix)), None)
    if suffix is None:
        raise RequestError.of(option, f"must end in one of {', '.join(_SUFFIXES)}", str(path))
    if not path.parent.is_dir():
        raise RequestError.of(
            "--out", "must lie in a directory that exists", str(path), f"mkdir -p {path.parent}"
        )
    if path.is_dir():
        raise RequestError.of(option, "must be a file", f"the directory {path}")
    arrays = [field.name for field in schema or [] if is_array(field.type)]
    if arrays and suffix.startswith(".csv"):
        remedy = "Write .parquet, .arrow or .npz"
        raise RequestError.of(
            "--out", f"cannot hold array columns ({', '.join(arrays)}) as CSV", path.name, remedy
        )
    return suffix


def write_batches(
    path: Path,
    schema: pa.Schema,
    tables: Iterable[pa.Table],
    formats: Mapping[str, str] | None = None,
) -> int:
    """Write tables of one schema, one after the other, and return how many rows.

    Args:
        path: The file; its suffix says how. It appears when all is written, and replaces an earlier one.
        schema: The columns.
        tables: The rows, in any portions.
        formats: How CSV files write points in time: a strptime format for a column; ISO 8601 if not said.

    Raises:
        PublishError: The file cannot be written. An earlier one is as it was.
    """
    suffix = check_output(path, schema)
    try:
        with _replacing(path) as temporary:
            if suffix != ".npz":
                return _write(temporary, suffix, schema, tables, formats or {})
            from augment.cli.npz_file import write_npz  # noqa: PLC0415 - numpy, which clients may not have

            with _beside(path) as gathered:
                rows = _write(gathered, ".arrow", schema, tables, {})
                write_npz(temporary, gathered)
            return rows
    except _SourceError as exc:
        raise exc.error from None


def write_bytes(path: Path, content: bytes) -> None:
    """Write a small file, whole or not at all.

    Raises:
        PublishError: The file cannot be written. An earlier one is as it was.
    """
    with _replacing(path) as temporary:
        temporary.write_bytes(content)


def _write(
    path: Path, suffix: str, schema: pa.Schema, tables: Iterable[pa.Table], formats: Mapping[str, str]
) -> int:
    """Write the rows to a new file, in groups; returns how many."""
    rows, writer = 0, _open(path, suffix, schema, formats)
    try:
        for group in _groups(schema, _from_source(tables)):
            writer.write_table(group)
            rows += group.num_rows
    finally:
        writer.close()
    return rows


class _SourceError(Exception):
    """The rows, not the file, failed: a server that goes away is an OSError, too."""

    def __init__(self, error: OSError) -> None:
        super().__init__()
        self.error = error


def _from_source(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    try:
        yield from tables
    except OSError as exc:
        raise _SourceError(exc) from exc


@contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """Yield a file beside `path` that takes its place in the end, or is gone after a failure."""
    try:
        with _beside(path) as temporary:
            yield temporary
            _put(temporary, path)
    except OSError as exc:
        raise PublishError(f"{path} could not be written: {exc.strerror or exc}") from exc


def _put(temporary: Path, path: Path) -> None:
    """Let a file that is on the disk take the place of another."""
    with temporary.open("rb") as file:
        os.fsync(file.fileno())
    temporary.replace(path)


@contextmanager
def _beside(path: Path) -> Iterator[Path]:
    """Yield the name of a file beside `path` that is gone in the end."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


def _open(path: Path, suffix: str, schema: pa.Schema, formats: Mapping[str, str]) -> _Writer:
    if suffix == ".parquet":
        writer: _Writer = pq.ParquetWriter(path, schema, compression="zstd")
        return writer
    if suffix.startswith(".csv"):
        return _CsvWriter(path, schema, formats, zipped=suffix == ".csv.gz")
    arrow: _Writer = pa.ipc.new_file(str(path), schema)
    return arrow


class _CsvWriter:
    """Writes CSV, gzipped or not, in the portions it is given."""

    def __init__(self, path: Path, schema: pa.Schema, formats: Mapping[str, str], *, zipped: bool) -> None:
        self._formats = formats
        self._file = pa.output_stream(str(path), compression="gzip" if zipped else None)
        self._file.write(csv_header(schema))

    def write_table(self, table: pa.Table) -> None:
        """Write the rows."""
        self._file.write(csv_lines(table, self._formats))

    def close(self) -> None:
        """Write what is left in buffers."""
        self._file.close()


def _groups(schema: pa.Schema, tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """Yield the same rows in groups of one fixed size (the last may be smaller), each in one chunk."""
    size = group_rows(schema)
    waiting, rows = [], 0
    for table in tables:
        waiting.append(table)
        rows += table.num_rows
        while rows >= size:
            together = pa.concat_tables(waiting)
            yield together.slice(0, size).combine_chunks()
            waiting, rows = [together.slice(size)], rows - size
    if rows:
        yield pa.concat_tables(waiting).combine_chunks()


def group_rows(schema: pa.Schema) -> int:
    """Return how many rows of these columns take about 16 MiB: a power of two from 1,024 to 262,144."""
    fitting = max(1, _GROUP_BYTES // row_bytes(schema))
    return min(_MAX_GROUP_ROWS, max(_MIN_GROUP_ROWS, 1 << (fitting.bit_length() - 1)))


def is_array(kind: pa.DataType) -> bool:
    """Whether cells are arrays."""
    return isinstance(kind, pa.BaseExtensionType) or bool(pa.types.is_nested(kind))
