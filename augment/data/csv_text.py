"""CSV files as columns of text: delimiter, header, and every cell as it stands."""

from __future__ import annotations

import csv
import gzip
import io
import shutil
import zlib
from collections import deque
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, BinaryIO, cast

import pyarrow as pa
import pyarrow.csv as pacsv

from augment.errors import DataFileError, InvalidInputError, Violation, shorten

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

__all__ = ["CsvText", "csv_pieces", "read_csv_text", "require_whole", "sniff_delimiter"]

_DELIMITERS = ",;\t|"
_SAMPLE_BYTES = 1 << 18
_SAMPLE_ROWS = 50
_BLOCK_BYTES = 1 << 24
_PIECE_BYTES = 1 << 20  # of which Arrow reads 32 ahead
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

    @property
    def rows(self) -> int:
        """How many there are."""
        return len(self.columns[0])


def read_csv_text(path: Path) -> CsvText:
    """Read a CSV file, gzipped or not, with every cell as text.

    Raises:
        DataFileError: The file is empty, not UTF-8, not a whole gzip file, or ragged.
    """
    delimiter, width = _form(path)
    return _text_of(_parse(path, delimiter, width), delimiter)


def csv_pieces(path: Path) -> Iterator[CsvText]:
    """Yield the same cells in pieces of some MiB of the file: in constant memory, however large it is.

    The first piece may have no rows: it tells the names. That a gzipped file is whole, `require_whole` says.

    Raises:
        DataFileError: The file is empty, not UTF-8, ragged, or a row of it is larger than a piece.
    """
    delimiter, width = _form(path)
    names = [str(index) for index in range(width)]
    with _explained(path, delimiter, names):
        tables = (
            pa.Table.from_batches([batch]) for batch in _streamed(path, names, _parse_options(delimiter))
        )
        for table in islice(tables, 1):
            head = _text_of(table, delimiter)
            yield head
            yield from (replace(head, columns=tuple(more.columns)) for more in tables)


def require_whole(path: Path) -> None:
    """Refuse a gzipped file that was cut short, in constant memory; others are passed over.

    Raises:
        DataFileError: It is not whole.
    """
    if _is_zipped(path):
        try:
            with _open(path) as stream:
                while stream.read(_PIECE_BYTES):
                    pass
        except _UNREADABLE as exc:
            raise _unreadable(path, exc) from exc


def _form(path: Path) -> tuple[str, int]:
    """Return the delimiter, and how many columns there are."""
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
    return delimiter, len(header)


def _text_of(table: pa.Table, delimiter: str) -> CsvText:
    """Return cells whose first row is the header."""
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
    with _explained(path, delimiter, names), _native(path) as stream:
        return pacsv.read_csv(
            stream,
            read_options=pacsv.ReadOptions(column_names=names, block_size=_BLOCK_BYTES),
            parse_options=_parse_options(delimiter),
            convert_options=_convert_options(names),
        )


@contextmanager
def _explained(path: Path, delimiter: str, names: list[str]) -> Iterator[None]:
    """Turn what Arrow says of a file that it cannot read into an error that says where."""
    try:
        yield
    except pa.ArrowInvalid as exc:
        if "UTF8" in str(exc):
            raise DataFileError.of(
                "file", "must be UTF-8", str(exc), _UTF8_REMEDY, context=str(path)
            ) from exc
        raise _ragged(path, delimiter, names) or _unreadable(path, exc) from exc
    except _UNREADABLE as exc:
        raise _unreadable(path, exc) from exc


def _streamed(path: Path, names: list[str], parse: pacsv.ParseOptions) -> Iterator[pa.RecordBatch]:
    """Yield all rows as text; in larger pieces from a row on that is larger than a piece."""
    done, size = 0, _PIECE_BYTES
    while True:
        first = 0
        try:
            for batch in _pieces(path, names, parse, size):
                rows = batch.slice(min(batch.num_rows, max(0, done - first)))
                first += batch.num_rows
                done += rows.num_rows
                if rows.num_rows:
                    yield rows
        except pa.ArrowInvalid as exc:
            if "straddling" not in str(exc) or size >= _BLOCK_BYTES:
                raise
            size = _BLOCK_BYTES
        else:
            return


def _pieces(path: Path, names: list[str], parse: pacsv.ParseOptions, size: int) -> Iterator[pa.RecordBatch]:
    """Yield all rows as text, by one thread, which knows a row's number."""
    read = pacsv.ReadOptions(column_names=names, block_size=size, use_threads=False)
    source = pa.OSFile(str(path))
    with pa.CompressedInputStream(source, "gzip") if _is_zipped(path) else source as stream:
        yield from pacsv.open_csv(stream, read, parse, _convert_options(names))


def _parse_options(
    delimiter: str, invalid: Callable[[pacsv.InvalidRow], str] | None = None
) -> pacsv.ParseOptions:
    return pacsv.ParseOptions(delimiter=delimiter, newlines_in_values=True, invalid_row_handler=invalid)


def _convert_options(names: list[str]) -> pacsv.ConvertOptions:
    return pacsv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()))


def _ragged(path: Path, delimiter: str, names: list[str]) -> InvalidInputError | None:
    """Return the error for the file's first row whose cells are too few or too many."""
    found: list[pacsv.InvalidRow] = []

    def note(row: pacsv.InvalidRow) -> str:
        found.append(row)
        return "error"

    with suppress(pa.ArrowInvalid):
        deque(_streamed(path, names, _parse_options(delimiter, note)), maxlen=0)
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
