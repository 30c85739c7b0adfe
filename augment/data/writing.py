"""Writing data files: CSV, Parquet and Arrow; whole or not at all."""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import ipc

from augment.data.csv_writing import write_csv
from augment.errors import PublishError, RequestError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from augment.data.schema import Schema

__all__ = ["write_table"]

_SUFFIXES = (".csv", ".csv.gz", ".parquet", ".arrow", ".feather")


def write_table(table: pa.Table, path: Path | str, schema: Schema | None = None) -> None:
    """Write a table in the format that the path's suffix names.

    The file appears under its name only once it is whole and on disk. The same table gives the same
    bytes.

    Args:
        table: What to write.
        path: Ends in .csv, .csv.gz, .parquet, .arrow or .feather.
        schema: Says how text files write points in time.

    Raises:
        RequestError: The suffix is not known.
        SchemaError: A CSV file cannot hold one of the columns.
        PublishError: The file cannot be written; one that was there before is whole.
    """
    path = Path(path)
    suffix = next((suffix for suffix in reversed(_SUFFIXES) if path.name.endswith(suffix)), None)
    if suffix is None:
        raise RequestError.of("path", f"must end in one of {', '.join(_SUFFIXES)}", path.name)
    with _replacing(path) as temporary:
        if suffix == ".parquet":
            pq.write_table(table, temporary)
        elif suffix in {".arrow", ".feather"}:
            _write_arrow(table, temporary)
        else:
            write_csv(table, temporary, schema, zipped=suffix == ".csv.gz")


def _write_arrow(table: pa.Table, path: Path) -> None:
    with pa.OSFile(str(path), "wb") as sink, ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)


@contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """Give a temporary file beside `path`, and rename it once it is written and synchronised."""
    temporary = None
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        os.close(handle)
        temporary = Path(name)
        yield temporary
        _synchronise(temporary)
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    except OSError as exc:
        raise PublishError(f"{path} cannot be written: {exc}") from exc
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def _synchronise(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
