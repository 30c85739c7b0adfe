"""How large rows are, by their columns' types."""

from __future__ import annotations

import pyarrow as pa

__all__ = ["row_bytes"]

_VARIABLE_BYTES = 32  # what a text is taken to need


def row_bytes(schema: pa.Schema) -> int:
    """Return about how many bytes a row of these columns takes; at least 1."""
    return max(1, sum(_cell_bytes(field.type) for field in schema))


def _cell_bytes(kind: pa.DataType) -> int:
    if isinstance(kind, pa.BaseExtensionType):
        return _cell_bytes(kind.storage_type)
    if pa.types.is_fixed_size_list(kind):
        return int(kind.list_size) * _cell_bytes(kind.value_type)
    if pa.types.is_dictionary(kind):
        return _VARIABLE_BYTES
    try:
        return max(1, int(kind.bit_width) // 8)
    except ValueError:  # a type of no fixed width
        return _VARIABLE_BYTES
