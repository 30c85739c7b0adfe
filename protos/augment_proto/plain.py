"""Tables in the types that may travel, and back in the types that a model's data file has."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["restore", "to_plain"]


def to_plain(table: pa.Table) -> pa.Table:
    """Return the same cells with text views, run-ends and foreign extensions written out.

    Types that have no plain form, such as structs and list views (whose cast gives invalid offsets in
    pyarrow 26), stay; whoever reads the stream refuses them.
    """
    for position, field in enumerate(table.schema):
        if pa.types.is_primitive(field.type) or pa.types.is_string(field.type):
            continue
        column = table.column(position)
        plain = _plain_column(column, field.type)
        if plain is not column:
            table = table.set_column(position, pa.field(field.name, plain.type), plain)
    return table


def restore(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """Return the table in the types of `schema`, whose metadata it takes over.

    Arrow casts no dictionary to views: those go by way of plain text.

    Raises:
        pyarrow.ArrowException, ValueError: The columns are others, or a value has no place in its type.
    """
    for position, field in enumerate(schema):
        if pa.types.is_string_view(field.type) and pa.types.is_dictionary(table.schema.field(position).type):
            text = table.column(position).cast(pa.large_string())
            table = table.set_column(position, field.name, text)
    return table.cast(schema)


def _plain_column(column: Any, kind: Any) -> Any:
    if pa.types.is_run_end_encoded(kind):
        return _plain_column(pc.call_function("run_end_decode", [column]), kind.value_type)
    if isinstance(kind, pa.BaseExtensionType) and kind.extension_name != "arrow.fixed_shape_tensor":
        storage: Any = kind.storage_type
        chunks: Any = [chunk.storage for chunk in column.chunks]
        return _plain_column(pa.chunked_array(chunks, type=storage), storage)
    plain = _plain_type(kind)
    return column if plain.equals(kind) else column.cast(plain)


def _plain_type(kind: Any) -> Any:
    if pa.types.is_string_view(kind):
        return pa.large_string()
    if pa.types.is_dictionary(kind):
        return pa.dictionary(kind.index_type, _plain_type(kind.value_type), kind.ordered)
    if pa.types.is_list(kind):
        return pa.list_(_plain_type(kind.value_type))
    if pa.types.is_large_list(kind):
        return pa.large_list(_plain_type(kind.value_type))
    if pa.types.is_fixed_size_list(kind):
        return pa.list_(_plain_type(kind.value_type), kind.list_size)
    return kind
