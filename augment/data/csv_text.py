"""CSV files as columns of text: delimiter, header, and every cell as it stands."""

from __future__ import annotations

import csv
import gzip
import io
import shutil
import zlib
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, cast

import pyarrow as pa
import pyarrow.csv as pacsv

from augment.errors import DataFileError, InvalidInputError, Violation, shorten

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["CsvText", "read_csv_text", "sniff_delimiter"]

_DELIMITERS = ",;\t|"
_SAMPLE_BYTES = 1 << 18
_SAMPLE_ROWS = 50
_BLOCK_BYTES = 1 << 24
_GZIP_MAGIC = b"\x1f\x8b"
_UNREADABLE = (OSError, EOFError, zlib.error)
_UTF8_REMEDY = "Save the file as UTF-8"


@dataclass(frozen=True)
class CsvText:
    """A CSV file's cells as text.

    Attributes:
        names: The header's names as they stand, white space trimmed.
        columns: One string array a column, without the header.
        delimiter: What separates the cells.
    """

    names: tuple[str, ...]
    columns: tuple[pa.ChunkedArray, ...]
    delimiter: str


def read_csv_text(path: Path) -> CsvText:
    """Read a CSV file, gzipped or not, with every cell as text.

    Raises:
        DataFileError: The file is empty, not UTF-8, not a whole gzip file, or ragged.
    """
    sample = _sample(path)
    delimiter = sniff_delimiter(sample)
    header = next(iter(_first_rows(sample, delimiter)), [])
    if not any(cell.strip() for cell in header):
        raise DataFileError.of(
            "file",
            "must begin with a row of column names",
            sample[:40],
            "Write a header row",
            context=str(path),
        )
    table = _parse(path, delimiter, len(header))
    names = tuple(str(column[0]).strip() for column in table.columns)
    return CsvText(names, tuple(table.slice(1).columns), delimiter)


def sniff_delimiter(sample: str) -> str:
    r"""Return the delimiter with which the sample's rows agree best with its header.

    Of several that agree, one that tears no quoted cell apart wins, then the one with most columns;
    a file of one column counts as comma separated.

    >>> sniff_delimiter("a;b\n1,5;2\n")
    ';'
    """

    def agreement(delimiter: str) -> tuple[float, float, int]:
        rows = _first_rows(sample, delimiter)
        width = len(rows[0]) if rows else 1
        if width == 1:
            return 0.0, 0.0, 1
        torn = sum(cell.count('"') % 2 for row in rows for cell in row)
        return sum(len(row) == width for row in rows) / len(rows), -torn, width

    return max(_DELIMITERS, key=agreement)


def _first_rows(sample: str, delimiter: str) -> list[list[str]]:
    rows = []
    try:
        for row in csv.reader(io.StringIO(sample, newline=None), delimiter=delimiter):
            if row:
                rows.append(row)
            if len(rows) == _SAMPLE_ROWS:
                break
    except csv.Error:  # a cell beyond csv's limit: what was read so far decides
        pass
    return rows


def _open(path: Path) -> BinaryIO:
    """Open the file; gzip by Python, since Arrow takes a file cut short for a whole one."""
    return cast("BinaryIO", gzip.open(path)) if _is_zipped(path) else path.open("rb")


def _is_zipped(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) == _GZIP_MAGIC


def _native(path: Path) -> pa.NativeFile:
    """Open the file for Arrow's threads, without a Python object in it.

    They may drop the source after `read_csv` has returned; for a Python object they then wait for the
    interpreter's lock, and a process that exits meanwhile is aborted.
    """
    if not _is_zipped(path):
        return pa.OSFile(str(path))
    sink = pa.BufferOutputStream()
    with _open(path) as stream:
        shutil.copyfileobj(stream, sink, _BLOCK_BYTES)
    return pa.BufferReader(sink.getvalue())


def _sample(path: Path) -> str:
    """Return the file's first whole lines."""
    try:
        with _open(path) as stream:
            raw = stream.read(_SAMPLE_BYTES)
    except _UNREADABLE as exc:
        raise _unreadable(path, exc) from exc
    if not raw.strip():
        raise DataFileError.of(
            "file", "must have a row of column names and rows of data", "an empty file", context=str(path)
        )
    if len(raw) == _SAMPLE_BYTES:
        raw = raw[: raw.rfind(b"\n") + 1] or raw
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        raise DataFileError.of(
            f"byte {exc.start}",
            "must be UTF-8",
            exc.object[exc.start : exc.end],
            _UTF8_REMEDY,
            context=str(path),
        ) from exc


def _parse(path: Path, delimiter: str, width: int) -> pa.Table:
    names = [str(index) for index in range(width)]
    try:
        return _read(path, names, pacsv.ParseOptions(delimiter=delimiter, newlines_in_values=True))
    except pa.ArrowInvalid as exc:
        if "UTF8" in str(exc):
            raise DataFileError.of(
                "file", "must be UTF-8", str(exc), _UTF8_REMEDY, context=str(path)
            ) from exc
        raise _ragged(path, delimiter, names) or _unreadable(path, exc) from exc
    except _UNREADABLE as exc:
        raise _unreadable(path, exc) from exc


def _read(path: Path, names: list[str], parse: pacsv.ParseOptions, *, threads: bool = True) -> pa.Table:
    with _native(path) as stream:
        return pacsv.read_csv(
            stream,
            read_options=pacsv.ReadOptions(column_names=names, block_size=_BLOCK_BYTES, use_threads=threads),
            parse_options=parse,
            convert_options=pacsv.ConvertOptions(column_types=dict.fromkeys(names, pa.string())),
        )


def _ragged(path: Path, delimiter: str, names: list[str]) -> InvalidInputError | None:
    """Return the error for the file's first row whose cells are too few or too many."""
    found: list[pacsv.InvalidRow] = []

    def note(row: pacsv.InvalidRow) -> str:
        found.append(row)
        return "error"

    parse = pacsv.ParseOptions(delimiter=delimiter, newlines_in_values=True, invalid_row_handler=note)
    with suppress(pa.ArrowInvalid):
        _read(path, names, parse, threads=False)
    if not found:
        return None
    row = found[0]
    where = f"rows[{row.number - 2}]" if row.number is not None else "rows"
    return DataFileError(
        Violation(
            where,
            f"must have {row.expected_columns} cells as the header has",
            f"{row.actual_columns} cells in {shorten(row.text, 60)}",
            "Add or remove cells, or quote cells that hold the delimiter",
        ),
        context=str(path),
    )


def _unreadable(path: Path, exc: Exception) -> InvalidInputError:
    return DataFileError.of("file", "must be readable as CSV", str(exc), context=str(path))
