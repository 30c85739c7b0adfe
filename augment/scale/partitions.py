"""What the directories of a file's path say of its rows, as in `year=2024/city=Bern/1.parquet`."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import unquote

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from augment.data.csv_declared import parse_texts
from augment.data.schema import ArrayColumn, DatetimeColumn
from augment.errors import DataFileError
from augment.scale.places import is_glob

if TYPE_CHECKING:
    from augment.data import Schema

__all__ = ["Partition", "partition_of", "with_partition"]

Partition = tuple[tuple[str, str | None], ...]
"""Columns and their values as text; None: missing."""

_NAMED = re.compile(r"([^=/]+)=([^/]*)")
_NO_VALUE = ("__HIVE_DEFAULT_PARTITION__", "")


def partition_of(path: str, given: str, schema: Schema) -> Partition:
    """Return what the directories of a file say.

    Those below what the step names count, and in a glob those from its first sign on. Of those above, which
    are somebody else's order of things, only columns that the model knows.

    Args:
        path: The file's, with its directories.
        given: The file, directory or glob that the step names.
        schema: The model's columns.

    >>> from augment.data import Schema
    >>> city = {"name": "city", "kind": "category", "storage": "string"}
    >>> schema = Schema.model_validate({"columns": [city]})
    >>> partition_of("run=7/city=Bern/year=2024/1.parquet", "run=7/city=Bern", schema)
    (('city', 'Bern'), ('year', '2024'))
    """
    directories = PurePosixPath(path).parts[:-1]
    above = _fixed(given)
    found: dict[str, str | None] = {}
    for place, directory in enumerate(directories):
        match = _NAMED.fullmatch(directory)
        if match and (place >= above or schema.column(unquote(match[1])) is not None):
            found[unquote(match[1])] = None if match[2] in _NO_VALUE else unquote(match[2])
    return tuple(found.items())


def with_partition(table: pa.Table, partition: Partition, schema: Schema) -> pa.Table:
    """Return a file's rows with the columns that its directories name, typed as the model has them.

    Raises:
        DataFileError: A value is none of the model's type, or the file has the column with another value.
    """
    for name, text in partition:
        value = _typed(name, text, schema)
        if name not in table.column_names:
            table = table.append_column(name, pa.repeat(value, table.num_rows))
        else:
            _require_same(table[name], name, value)
    return table


def _fixed(given: str) -> int:
    """Return how many parts of a path are above what is looked through."""
    parts = PurePosixPath(given).parts
    return next((place for place, part in enumerate(parts) if is_glob(part)), len(parts))


def _typed(name: str, text: str | None, schema: Schema) -> pa.Scalar:
    """Return a value in its column's type; as text where the model does not know the column."""
    column = schema.column(name)
    texts = pa.array([text], pa.string())
    if column is None or isinstance(column, ArrayColumn):
        return texts[0]
    value = parse_texts(texts, column)[0]
    if isinstance(column, DatetimeColumn) and not value.is_valid:  # writers name days as ISO 8601 has them
        value = parse_texts(texts, column.model_copy(update={"format": ""}))[0]
    if text is not None and not value.is_valid:
        rule = f"must be {column.kind} ({column.storage}) in the name of its directory"
        raise DataFileError.of(f"columns.{name}", rule, text, "Rename the directory")
    return value


def _require_same(cells: pa.ChunkedArray, name: str, value: pa.Scalar) -> None:
    plain = cells.cast(cells.type.value_type) if pa.types.is_dictionary(cells.type) else cells
    try:
        same = pc.equal(plain.cast(value.type), value) if value.is_valid else plain.is_null()
    except pa.ArrowException:  # of another type: that is told where it is held against the model
        return
    differing = ~np.asarray(same.fill_null(pa.scalar(value=False)))
    if differing.any():
        row = int(np.argmax(differing))
        rule = f"must be {value.as_py()!r} as the file's directory says"
        remedy = "Rename the directory, or leave the column out of the file"
        raise DataFileError.of(f"columns.{name}.rows[{row}]", rule, plain[row].as_py(), remedy)
