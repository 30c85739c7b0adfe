"""Arrow types and the names that schemas give them (`storage`)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.types as pt

if TYPE_CHECKING:
    from augment.data.schema import Column

__all__ = ["fits_kind", "is_string", "result_type", "storage_name", "storage_type", "usual_storage"]

_NAMED = {
    "null": pa.null(),
    "bool": pa.bool_(),
    "float16": pa.float16(),
    "float32": pa.float32(),
    "float64": pa.float64(),
    "string": pa.string(),
    "large_string": pa.large_string(),
    "date32": pa.date32(),
    "date64": pa.date64(),
} | {f"{sign}int{bits}": getattr(pa, f"{sign}int{bits}")() for sign in ("", "u") for bits in (8, 16, 32, 64)}
_NAME_OF = {kind: name for name, kind in _NAMED.items()}
_TIMESTAMP = re.compile(r"timestamp\[(s|ms|us|ns)(?:, tz=([^\]]+))?\]")
_DECIMAL = re.compile(r"decimal128\((\d+), (\d+)\)")
_MOST_DIGITS = 38
_DICTIONARY = re.compile(r"dictionary<(.+?)(, ordered)?>")


def storage_name(kind: pa.DataType) -> str:
    """Return the name of an Arrow type; array types have the name of their elements.

    >>> storage_name(pa.timestamp("us", tz="UTC"))
    'timestamp[us, tz=UTC]'
    >>> storage_name(pa.dictionary(pa.int8(), pa.string()))
    'dictionary<string>'
    """
    if pt.is_dictionary(kind):
        return f"dictionary<{storage_name(kind.value_type)}{', ordered' if kind.ordered else ''}>"
    return _NAME_OF.get(kind, str(kind))


def storage_type(name: str) -> pa.DataType | None:
    """Return the Arrow type of that name, or None where no column can have it.

    The index type of a dictionary is always int32.
    """
    if name in _NAMED:
        return _NAMED[name]
    if match := _TIMESTAMP.fullmatch(name):
        return pa.timestamp(match[1], tz=match[2])
    if match := _DECIMAL.fullmatch(name):
        precision, scale = int(match[1]), int(match[2])
        return (
            pa.decimal128(precision, scale) if 1 <= precision <= _MOST_DIGITS and scale <= precision else None
        )
    if match := _DICTIONARY.fullmatch(name):
        values = _NAMED.get(match[1])
        known = values is not None and not pt.is_null(values) and not pt.is_date(values)
        return pa.dictionary(pa.int32(), values, ordered=bool(match[2])) if known else None
    return None


def is_string(kind: pa.DataType) -> bool:
    """Return whether the type holds text."""
    return bool(pt.is_string(kind) or pt.is_large_string(kind))


def _is_text(kind: pa.DataType) -> bool:
    return is_string(kind.value_type if pt.is_dictionary(kind) else kind)


def _is_level(kind: pa.DataType) -> bool:
    values = kind.value_type if pt.is_dictionary(kind) else kind
    return bool(
        is_string(values)
        or pt.is_integer(values)
        or pt.is_floating(values)
        or pt.is_boolean(values)
        or pt.is_null(kind)
    )


_USUAL = {
    "integer": "int64",
    "number": "float64",
    "category": "string",
    "boolean": "bool",
    "datetime": "timestamp[us]",
    "array": "float32",
    "identifier": "string",
    "text": "string",
}
_FITS = {
    "integer": pt.is_integer,
    "number": lambda kind: pt.is_floating(kind) or pt.is_decimal128(kind) or pt.is_integer(kind),
    "category": _is_level,
    "boolean": pt.is_boolean,
    "datetime": lambda kind: pt.is_timestamp(kind) or pt.is_date(kind),
    "array": lambda kind: pt.is_integer(kind) or pt.is_floating(kind),
    "identifier": lambda kind: pt.is_integer(kind) or _is_text(kind),
    "text": _is_text,
}


def fits_kind(column: Column) -> bool:
    """Return whether a column of this kind can have this storage, e.g. a boolean `bool` alone."""
    kind = storage_type(column.storage)
    return kind is not None and bool(_FITS[column.kind](kind))


def usual_storage(column: Column) -> str:
    """Return a storage that a column of this kind can have, as an example."""
    return _USUAL[column.kind]


def result_type(column: Column) -> pa.DataType:
    """Return the Arrow type of the column's cells in tables that are given back.

    Arrays of one dimension are fixed-size lists, all others fixed-shape tensors.
    """
    kind = storage_type(column.storage)
    if kind is None:
        msg = f"column {column.name!r} has unknown storage {column.storage!r}"
        raise ValueError(msg)
    if column.kind != "array":
        return kind
    if len(column.shape) == 1:
        return pa.list_(kind, column.shape[0])
    return pa.fixed_shape_tensor(kind, column.shape)
