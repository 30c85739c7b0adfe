"""Which Arrow types may travel: plain ones, whose size on the wire says what they cost in memory."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pyarrow as pa

from augment_proto.errors import ArrowFormatError, ArrowLimitError

__all__ = ["check_schema"]

_MAX_DEPTH = 8
_PLAIN = frozenset(
    kind.id
    for kind in (
        pa.bool_(),
        *(pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64()),
        *(pa.float16(), pa.float32(), pa.float64()),
        *(pa.decimal32(1), pa.decimal64(1), pa.decimal128(1), pa.decimal256(1)),
        *(pa.string(), pa.large_string()),
        *(pa.date32(), pa.date64(), pa.time32("s"), pa.time64("us"), pa.timestamp("s"), pa.duration("s")),
    )
)
_SIMPLE = _PLAIN - {pa.timestamp("s").id}
"""Those without a text of their own, such as a zone."""
_LISTS = frozenset(
    kind.id for kind in (pa.list_(pa.null()), pa.large_list(pa.null()), pa.list_(pa.null(), 1))
)
_EXTENSIONS = ("arrow.fixed_shape_tensor",)


def check_schema(schema: pa.Schema, max_columns: int) -> None:
    """Check that a stream of this schema may be decoded.

    Raises:
        ArrowFormatError: No column, two of one name, or a type that may not travel: views, run-end encoding,
            unions, maps, structs, binary, extensions other than fixed-shape tensors.
        ArrowLimitError: More than `max_columns`.
    """
    if not 1 <= len(schema) <= max_columns:
        kind = ArrowLimitError if len(schema) else ArrowFormatError
        raise kind(f"must have 1 to {max_columns} columns", len(schema))
    names = schema.names
    if len(set(names)) < len(names):
        twice = Counter(names).most_common(1)[0][0]
        raise ArrowFormatError("must have column names that differ", f"{twice!r} twice")
    for name, kind in zip(names, schema.types, strict=True):
        if kind.id not in _SIMPLE:
            str(kind)  # raises where a zone or a nested name is no Unicode
            _check_column(name, kind)


def _check_column(column: str, kind: pa.DataType) -> None:
    if pa.types.is_dictionary(kind):
        _check_plain(column, kind.value_type)
    elif isinstance(kind, pa.BaseExtensionType) and kind.extension_name in _EXTENSIONS:
        _check_nested(column, kind.storage_type)
    elif not pa.types.is_null(kind):
        _check_nested(column, kind)


def _check_nested(column: str, kind: Any) -> None:
    for _ in range(_MAX_DEPTH):
        if kind.id not in _LISTS:
            break
        kind = kind.value_type
    _check_plain(column, kind)


def _check_plain(column: str, kind: pa.DataType) -> None:
    if kind.id not in _PLAIN:
        raise ArrowFormatError("must have columns of plain types", f"column {column!r} of type {kind}")
    if isinstance(kind, pa.TimestampType):
        str(kind.tz)  # raises where it is no Unicode, which the type's own text may hide
