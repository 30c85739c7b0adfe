"""Tables in the types that rows are mixed in: the model's, without dictionaries, which differ by batch."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from augment_client.errors import InvalidRecordsError
from augment_client.records import to_table
from augment_proto.plain import to_plain

__all__ = ["conform", "plain_schema"]


def plain_schema(schema: pa.Schema) -> pa.Schema:
    """Return the types that rows of a model are mixed in."""
    plain = to_plain(schema.empty_table()).schema.remove_metadata()
    return pa.schema([pa.field(field.name, _decoded(field.type)) for field in plain])


def conform(records: Any, schema: pa.Schema, field: str = "real") -> pa.Table:
    """Return records in the columns and types of `schema`; columns that it lacks are left out.

    Args:
        records: What `Client` takes as records.
        schema: Of `plain_schema`.
        field: What the caller knows them as, for errors.

    Raises:
        InvalidRecordsError: A column is missing, or a value has no place in its type.
    """
    table = to_table(records, field)
    for name in schema.names:
        if table.schema.get_field_index(name) < 0:
            rule = f"must be in {field}, once, as it is in the model's records"
            raise InvalidRecordsError.of(f"columns.{name}", rule, table.column_names)
    columns = [_cast(table.column(wanted.name), wanted) for wanted in schema]
    return pa.Table.from_arrays(columns, schema=schema).combine_chunks()


def _decoded(kind: Any) -> Any:
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _cast(column: Any, wanted: pa.Field) -> Any:
    try:
        return _as_tensors(column, wanted.type) if _is_tensor(wanted.type) else column.cast(wanted.type)
    except (pa.ArrowException, ValueError) as error:
        rule = f"must have values that fit the model's type {wanted.type}"
        raise InvalidRecordsError.of(f"columns.{wanted.name}", rule, str(error)) from error


def _is_tensor(kind: Any) -> bool:
    return isinstance(kind, pa.FixedShapeTensorType)


def _as_tensors(column: Any, kind: Any) -> Any:
    """Return arrays of a fixed shape from what holds as many values a cell, in lists or otherwise."""
    if column.type.equals(kind):
        return column
    cells = column.combine_chunks()
    cells = cells.storage if isinstance(cells.type, pa.BaseExtensionType) else cells
    values = cells.flatten()
    while pa.types.is_nested(values.type):
        values = values.flatten()
    size = kind.storage_type.list_size
    if cells.null_count or len(values) != size * len(cells):
        raise ValueError(f"{len(values)} values in {len(cells)} cells, {cells.null_count} of them missing")
    storage = pa.FixedSizeListArray.from_arrays(values.cast(kind.value_type), size)
    return pa.ExtensionArray.from_storage(kind, storage)
