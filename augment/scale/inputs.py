"""The input of a step: its files, how many rows they have, and any stretch of these rows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from augment.data import read_table
from augment.data.parquet_parts import in_part
from augment.data.reading import is_csv
from augment.errors import DataFileError
from augment.scale.partitions import Partition, partition_of, with_partition
from augment.scale.places import copied, files_at, fingerprint, opened, reading
from augment.scale.stretches import ArrowStretches, parquet_names, parquet_rows, parquet_stretch
from augment.scale.walks import arrow_walk, csv_walk
from augment.urls import inner_path

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    import pyarrow as pa

    from augment.data import Schema

__all__ = ["Form", "InputFile", "Reader", "find_inputs"]

Form = Literal["parquet", "arrow", "arrow stream", "csv", "arrays"]
_MAGIC: dict[bytes, Form] = {b"PAR1": "parquet", b"ARROW1": "arrow", b"\xff\xff\xff\xff": "arrow stream"}
_MAGIC_BYTES = 8


@dataclass(frozen=True)
class InputFile:
    """One file.

    Attributes:
        path: Where it is: a path or a URL.
        rows: How many it has.
        first_row: The number of its first row among those of all files.
        fingerprint: Changes when its content does.
        form: How it is read.
        partition: Columns and values that its directories name, as in `year=2024/`.
    """

    path: str
    rows: int
    first_row: int
    fingerprint: str
    form: Form
    partition: Partition = ()


class _Rows(Protocol):
    """A file that is read from time and again."""

    @property
    def names(self) -> Sequence[str]:
        """Of all its columns, those to be dropped too."""

    def count(self) -> int:
        """Return how many rows it has."""

    def read(self, start: int, rows: int) -> pa.Table:
        """Return rows from `start` on; fewer where the file ends."""

    def close(self) -> None:
        """Let go of what is kept."""


class Reader:
    """Reads stretches of rows, in their order at best; keeps of the last file where it was.

    Args:
        schema: The model's columns: how text files and directories write them.
        drop: Columns to leave out.

    Attributes:
        schema: The model's columns.
        drop: Columns that are left out.
    """

    def __init__(self, schema: Schema, drop: Sequence[str]) -> None:
        self.schema = schema
        self.drop = frozenset(drop)
        self._last: tuple[str, _Rows] | None = None

    def read(self, file: InputFile, start: int, rows: int, *, only: str | None = None) -> pa.Table:
        """Return rows `start` to `start + rows` of a file.

        Args:
            file: The file.
            start: The first row.
            rows: How many.
            only: The one column that is wanted; others may be there. None: all.

        Raises:
            DataFileError: It cannot be read, or has fewer rows than before; or its directories say otherwise.
        """
        if file.form == "parquet":
            table = parquet_stretch(file.path, start, rows, self.drop, only=only)
        else:
            table = self._rows(file.path, file.form).read(start, rows)
        if table.num_rows != rows:
            rule = f"must have its {file.rows} rows for as long as the step runs"
            raise DataFileError.of("file", rule, start + table.num_rows, context=file.path)
        named = tuple((name, value) for name, value in file.partition if name not in self.drop)
        with in_part(file.path, start):
            return with_partition(table, named, self.schema)

    def names(self, file: InputFile) -> tuple[str, ...]:
        """Return the names of a file's columns, those to be dropped and those of its directories too.

        Raises:
            DataFileError: It is damaged.
        """
        is_parquet = file.form == "parquet"
        own = parquet_names(file.path) if is_parquet else self._rows(file.path, file.form).names
        return tuple(dict.fromkeys([*own, *(name for name, _ in file.partition)]))

    def count(self, path: str) -> tuple[int, Form]:
        """Return how many rows a file has, and how it is read.

        Raises:
            DataFileError: It is damaged, or in no known format.
        """
        form = _form_of(path)
        return parquet_rows(path) if form == "parquet" else self._rows(path, form).count(), form

    def _rows(self, path: str, form: Form) -> _Rows:
        if self._last is None or self._last[0] != path:
            if self._last is not None:
                self._last[1].close()
            self._last = (path, self._opened(path, form))
        return self._last[1]

    def _opened(self, path: str, form: Form) -> _Rows:
        match form:
            case "csv":
                return csv_walk(path, self.schema, self.drop)
            case "arrow stream":
                return arrow_walk(path, self.drop)
            case "arrow":
                return ArrowStretches(path, self.drop)
            case _:
                return _Whole(path, self.drop)


class _Whole:
    """A file of arrays, which is held as a whole."""

    def __init__(self, path: str, drop: Collection[str]) -> None:
        with copied(path) as here:
            table = read_table(here)
        self.names = tuple(table.column_names)
        self._table = table.drop_columns([name for name in table.column_names if name in drop])

    def count(self) -> int:
        return int(self._table.num_rows)

    def read(self, start: int, rows: int) -> pa.Table:
        return self._table.slice(start, rows)

    def close(self) -> None:
        """Nothing is open."""


def find_inputs(paths: Sequence[str], reader: Reader) -> tuple[InputFile, ...]:
    """Return the files of a step's input that have rows.

    Raises:
        DataFileError: There is none, or one is damaged.
    """
    files: dict[str, InputFile] = {}
    rows = 0
    for given in paths:
        for path in files_at([given]):
            if path in files:
                continue
            count, form = reader.count(path)
            partition = partition_of(inner_path(path), inner_path(given), reader.schema)
            files[path] = InputFile(path, count, rows, fingerprint(path), form, partition)
            rows += count
    if not rows:
        raise DataFileError.of("input", "must have at least one row", 0, context=", ".join(paths))
    return tuple(file for file in files.values() if file.rows)


def _form_of(path: str) -> Form:
    """Return how a file is read, by its first bytes, and for text by its name.

    Raises:
        DataFileError: It cannot be read, is of no known format, or not of the one that its name says.
    """
    with reading(path), opened(path) as source:
        if isinstance(source, str):
            with open(source, "rb") as file:  # noqa: PTH123 - as for what is remote
                magic = file.read(_MAGIC_BYTES)
        else:
            magic = source.read(_MAGIC_BYTES)
    form = next((form for start, form in _MAGIC.items() if magic.startswith(start)), None)
    if path.lower().endswith((".parquet", ".pq")):
        return "parquet"  # which says what is wrong with it, if it is none
    return form or ("csv" if is_csv(Path(path), magic) else "arrays")
