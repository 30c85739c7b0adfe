"""Records in whatever form a caller has them, as an Arrow table. Imports neither pandas nor polars."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol, TypeAlias

import pyarrow as pa

from augment_client.errors import InvalidArrowError, InvalidRecordsError
from augment_proto.errors import ArrowFormatError
from augment_proto.limits import Limits
from augment_proto.plain import to_plain
from augment_proto.types import check_schema

__all__ = ["RecordsLike", "latent_table", "tables_of", "to_table"]


class _ArrowStream(Protocol):
    """Whatever speaks the Arrow PyCapsule interface: pandas, polars, pyarrow, DuckDB, ..."""

    def __arrow_c_stream__(self, requested_schema: object = None) -> object: ...


RecordsLike: TypeAlias = _ArrowStream | Iterable[Mapping[str, Any]] | Mapping[str, Any]
"""A table of pandas, polars, pyarrow or any library with `__arrow_c_stream__`; dicts; or one dict."""


def to_table(records: RecordsLike, field: str = "records") -> pa.Table:
    """Return records as a table of types that may travel, without metadata.

    Args:
        records: A data frame, an Arrow table or batch, a list of dicts, or one dict. A pandas index is
            left out; dicts may lack keys, whose cells are then missing.
        field: What the caller knows them as, for errors.

    Raises:
        InvalidRecordsError: They are none of these, or cannot be a table.
    """
    table = to_plain(_any_table(records, field)).replace_schema_metadata(None)
    try:
        check_schema(table.schema, Limits().max_columns)
    except ArrowFormatError as error:
        raise InvalidArrowError.of(field, error.rule, error.value) from error
    return table


def tables_of(batches: Any) -> Any:
    """Return what gives tables, told from one table: who goes through that gets its columns, or their names.

    Raises:
        InvalidRecordsError: It is one table, or nothing to go through.
    """
    is_table = hasattr(batches, "columns") or isinstance(batches, Mapping | str | bytes)
    if is_table or not (hasattr(batches, "__aiter__") or isinstance(batches, Iterable)):
        remedy = "Give a list of tables, or call denoise"
        raise InvalidRecordsError.of("batches", "must be an iterable of tables", batches, remedy)
    return batches


def latent_table(latent: Any) -> pa.Table:
    """Return latent vectors as a table: a numpy array of shape (rows, width) becomes `latent_0` and so on."""
    if getattr(latent, "ndim", 0) == 2 and not hasattr(latent, "__arrow_c_stream__"):  # noqa: PLR2004 - a matrix
        columns = [pa.array(column) for column in latent.T]
        return pa.table(columns, names=[f"latent_{index}" for index in range(len(columns))])
    return to_table(latent, "latent")


def _any_table(records: Any, field: str) -> pa.Table:
    if isinstance(records, pa.Table):
        return records
    if hasattr(records, "__arrow_c_stream__"):
        return _from_stream(records, field)
    if hasattr(records, "__arrow_c_array__"):
        return pa.Table.from_batches([pa.record_batch(records)])
    if isinstance(records, Mapping):
        return _from_dicts([records], field)
    if isinstance(records, Iterable) and not isinstance(records, str | bytes):
        return _from_dicts(list(records), field)
    raise _not_records(records, field)


def _from_stream(records: Any, field: str) -> pa.Table:
    try:
        table = pa.RecordBatchReader.from_stream(_with_lists(records)).read_all()
    except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
        raise InvalidRecordsError.of(field, "must be a table that Arrow can hold", str(error)) from error
    index = [name for name in _pandas_index(table.schema) if name in table.column_names]
    return table.drop_columns(index) if index else table


def _with_lists(records: Any) -> Any:
    """Return a data frame of pandas with lists where arrays have several dimensions: Arrow refuses these."""
    if not hasattr(records, "isetitem"):
        return records
    places = [place for place, dtype in enumerate(records.dtypes) if str(dtype) == "object"]
    arrays = [place for place in places if any(map(_is_deep, records.iloc[:, place]))]
    if not arrays:
        return records
    frame = records.copy(deep=False)
    for place in arrays:
        frame.isetitem(place, frame.iloc[:, place].map(_plain))
    return frame


def _is_deep(cell: Any) -> bool:
    """Whether a cell is an array of several dimensions."""
    dimensions = getattr(cell, "ndim", 0)
    return isinstance(dimensions, int) and dimensions > 1


def _pandas_index(schema: pa.Schema) -> list[str]:
    """Return the columns that were a data frame's index: names of rows, not data."""
    described = schema.pandas_metadata or {}
    return [name for name in described.get("index_columns", ()) if isinstance(name, str)]


def _from_dicts(rows: list[Any], field: str) -> pa.Table:
    for number, row in enumerate(rows):
        if not isinstance(row, Mapping) or not all(isinstance(name, str) for name in row):
            raise InvalidRecordsError.of(
                f"{field}[{number}]", "must be a dict with column names as keys", row
            )
    names = dict.fromkeys(name for row in rows for name in row)
    if not names:
        raise InvalidRecordsError.of(field, "must have at least 1 row with at least 1 column", rows)
    return pa.table({name: _column(name, [row.get(name) for row in rows]) for name in names})


def _column(name: str, cells: list[Any]) -> Any:
    try:
        return pa.array([_plain(cell) for cell in cells], from_pandas=True)
    except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
        rule = "must have cells of one type that Arrow knows"
        raise InvalidRecordsError.of(f"columns.{name}", rule, str(error)) from error


def _plain(cell: Any) -> Any:
    """Return a cell of numpy as Arrow takes it: NaN as None, arrays of several dimensions as lists."""
    dimensions = getattr(cell, "ndim", None)
    if dimensions == 0:
        return None if cell != cell else cell  # noqa: PLR0124 - what is not equal to itself is NaN
    return cell if dimensions is None or dimensions == 1 else cell.tolist()


def _not_records(records: object, field: str) -> InvalidRecordsError:
    rule = "must be a table of pandas, polars or pyarrow, a list of dicts, or one dict"
    inside = [name for name in ("records", "latent") if hasattr(records, name)]  # what a call gave back
    remedy = f"Give its .{inside[0]}" if inside else ""
    return InvalidRecordsError.of(field, rule, type(records).__name__, remedy)
