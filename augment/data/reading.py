"""Reading data files: CSV, Parquet, Arrow, NPZ, idx and folders of images."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import ipc

from augment.data.array_files import idx_magic, read_idx, read_npy, read_npz
from augment.data.cleaning import check_names, clean_table
from augment.data.csv_declared import declared_column
from augment.data.csv_text import read_csv_text
from augment.data.csv_typing import TypedColumn, cells_of, type_column
from augment.data.image_folder import read_image_folder
from augment.data.parquet_parts import ParquetParts
from augment.errors import DataFileError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from augment.data.csv_text import CsvText
    from augment.data.schema import Column, Schema

__all__ = ["DEFAULT_MISSING", "is_csv", "is_parquet", "read_table", "typed_csv"]

DEFAULT_MISSING = (
    "",
    "NA",
    "N/A",
    "n/a",
    "<NA>",
    "#N/A",
    "#NA",
    "NaN",
    "nan",
    "NAN",
    "-nan",
    "-NaN",
    "null",
    "NULL",
    "Null",
    "None",
    "NaT",
    "?",
)
"""How text files write a missing cell. `none` and `unknown` are levels."""

_NPY = b"\x93NUMPY"
_ZIP = b"PK\x03\x04"
_REFUSED = {_ZIP: "an Excel workbook or zip archive", b"\xd0\xcf\x11\xe0": "an Excel workbook"}


def read_table(
    path: Path | str, *, missing: Sequence[str] = DEFAULT_MISSING, schema: Schema | None = None
) -> pa.Table:
    """Read a data file, a folder of Parquet parts or one of images; its content says which format it has.

    CSV files may be gzipped and separated by comma, semicolon, tab or bar. Their columns are typed by
    all of their cells; what the text said beyond values (the format of dates) is kept in the fields'
    metadata for detection and writing.

    Args:
        path: The file.
        missing: How a CSV file writes a missing cell, quoted or not, white space around it aside.
        schema: How to read the columns of a CSV file that it declares.

    Raises:
        DataFileError: The file is missing, empty, damaged, ragged, or a column mixes types.
    """
    path = Path(path)
    table = _reader(path)(path, missing, schema)
    if not table.num_columns or not table.num_rows:
        value = f"{table.num_columns} columns and {table.num_rows} rows"
        raise DataFileError.of(
            "file", "must have columns and at least one row of data", value, context=str(path)
        )
    return clean_table(table, error=DataFileError, context=str(path))


def is_parquet(path: Path) -> bool:
    """Return whether it is a Parquet file, or a directory of parts.

    Raises:
        DataFileError: It is not there, or cannot be read.
    """
    if path.is_dir():
        return any(path.glob("*.parquet"))
    return path.suffix == ".parquet" or _magic(path).startswith(b"PAR1")


def is_csv(path: Path, magic: bytes) -> bool:
    """Return whether a file is read as CSV, by its name and its first 8 bytes.

    Raises:
        DataFileError: It is in no known format, or not in the one that its name says.
    """
    return _file_reader(path, magic) is _read_csv


def _reader(path: Path) -> Callable[[Path, Sequence[str], Schema | None], pa.Table]:
    return _read_directory if path.is_dir() else _file_reader(path, _magic(path))


def _file_reader(path: Path, magic: bytes) -> Callable[[Path, Sequence[str], Schema | None], pa.Table]:
    if (arrays := _array_reader(path, magic)) is not None:
        return lambda path, _missing, _schema: arrays(path)
    for start, what in _REFUSED.items():
        if magic.startswith(start):
            rule = "must be CSV (also .gz), Parquet, Arrow, NPY, NPZ, idx or a folder of images"
            raise DataFileError.of("file", rule, what, "Save it as CSV", context=str(path))
    if magic.startswith(b"PAR1"):
        return _read_parquet
    if magic.startswith((b"ARROW1", b"\xff\xff\xff\xff")):
        return _read_arrow
    if path.suffix in {".parquet", ".arrow", ".feather", ".npy", ".npz"}:
        what = "an empty file" if not magic else f"a file beginning with {magic!r}"
        raise DataFileError.of("file", f"must be in the format {path.suffix}", what, context=str(path))
    return _read_csv


def _array_reader(path: Path, magic: bytes) -> Callable[[Path], pa.Table] | None:
    """Return what reads a file of arrays; None if it is none."""
    if magic.startswith(_ZIP) and path.suffix.lower() == ".npz":
        return read_npz
    if magic.startswith(_NPY):
        return read_npy
    return read_idx if idx_magic(magic[:4]) or _is_idx_name(path) else None


def _is_idx_name(path: Path) -> bool:
    """Return whether the name says idx: what is gzipped has no magic of its own."""
    return re.search(r"([.-]idx[1-8][.-]ubyte|\.idx)(\.gz)?$", path.name) is not None


def _magic(path: Path) -> bytes:
    if not path.exists():
        raise DataFileError.of("file", "must exist", path.name, context=str(path))
    if not path.is_file():
        raise DataFileError.of("file", "must be a file", "a directory", context=str(path))
    try:
        with path.open("rb") as file:
            return file.read(8)
    except OSError as exc:
        raise DataFileError.of("file", "must be readable", str(exc), context=str(path)) from exc


def _read_directory(path: Path, _missing: Sequence[str], _schema: Schema | None) -> pa.Table:
    return ParquetParts.open(path).read() if is_parquet(path) else read_image_folder(path)


def _read_parquet(path: Path, _missing: Sequence[str], _schema: Schema | None) -> pa.Table:
    try:
        with pq.ParquetFile(path) as file:
            return file.read()
    except (pa.ArrowException, OSError) as exc:
        raise _damaged(path, "Parquet", exc) from exc


def _read_arrow(path: Path, _missing: Sequence[str], _schema: Schema | None) -> pa.Table:
    try:
        with pa.OSFile(str(path)) as file:
            named = file.read(6) == b"ARROW1"
            file.seek(0)
            table = (ipc.open_file(file) if named else ipc.open_stream(file)).read_all()
        table.validate(full=True)
    except (pa.ArrowException, OSError) as exc:
        raise _damaged(path, "Arrow", exc) from exc
    return table


def _damaged(path: Path, form: str, exc: Exception) -> Exception:
    return DataFileError.of("file", f"must be readable as {form}", str(exc), context=str(path))


def _read_csv(path: Path, missing: Sequence[str], schema: Schema | None) -> pa.Table:
    text = read_csv_text(path)
    check_names(list(text.names), error=DataFileError, context=str(path))
    typed = []
    for name, column in zip(text.names, text.columns, strict=True):
        cells = cells_of(name, column, missing)
        declared = schema.column(name) if schema else None
        if declared is None:
            typed.append(type_column(cells, context=str(path)))
        else:
            typed.append(declared_column(cells, declared, context=str(path)))
    fields = [_field(name, column) for name, column in zip(text.names, typed, strict=True)]
    return pa.Table.from_arrays([column.values for column in typed], schema=pa.schema(fields))


def typed_csv(text: CsvText, schema: Schema, *, drop: Collection[str] = ()) -> pa.Table:
    """Return a piece of a CSV file, each column as `read_table` with a schema reads it.

    Columns that the schema does not know stay text: what they are only the whole file could tell.

    Args:
        text: Some rows.
        schema: How to read them.
        drop: Columns to leave out, unread.

    Raises:
        DataFileError: Names are empty or doubled; or a cell is not what its column is declared to be, whose
            row is counted in the piece.
    """
    kept = [(name, cells) for name, cells in zip(text.names, text.columns, strict=True) if name not in drop]
    check_names([name for name, _ in kept], error=DataFileError)
    columns = {}
    for name, cells in kept:
        declared = schema.column(name)
        columns[name] = cells if declared is None else _declared(name, cells, declared)
    return clean_table(pa.table(columns), error=DataFileError)


def _declared(name: str, column: pa.ChunkedArray, declared: Column) -> pa.Array:
    return declared_column(cells_of(name, column, DEFAULT_MISSING), declared, context="").values


def _field(name: str, column: TypedColumn) -> pa.Field:
    notes = {f"augment.{key}": value for key, value in column.notes.items()}
    return pa.field(name, column.values.type, metadata=notes or None)
