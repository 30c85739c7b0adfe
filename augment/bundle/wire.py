"""Reads protobuf's wire format, field by field, with bounds: enough to look into an ONNX file.

Source: https://protobuf.dev/programming-guides/encoding/.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Field", "fields_of"]

VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5

Field = tuple[int, int, "int | memoryview"]
"""Field number, wire type, and the value: an integer for VARINT, else the payload's bytes."""

_FIXED = {FIXED64: 8, FIXED32: 4}
_MAX_VARINT_BYTES = 10


def fields_of(message: memoryview) -> Iterator[Field]:
    """Yield the fields of one message in their order.

    Raises:
        ValueError: The bytes are no protobuf message: cut off, an unknown wire type, field 0.
    """
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        number, wire_type = tag >> 3, tag & 7
        if number == 0:
            raise ValueError("field number must be at least 1, got 0")
        if wire_type == VARINT:
            value, at = _varint(message, at)
            yield number, wire_type, value
            continue
        size, at = _payload_size(message, at, wire_type)
        if size > len(message) - at:
            raise ValueError(
                f"field {number} must end inside its message, is {size - len(message) + at} bytes over"
            )
        yield number, wire_type, message[at : at + size]
        at += size


def _payload_size(message: memoryview, at: int, wire_type: int) -> tuple[int, int]:
    """Return the payload's size in bytes and where it begins."""
    if wire_type == LENGTH:
        return _varint(message, at)
    if wire_type not in _FIXED:
        raise ValueError(f"wire type must be 0, 1, 2 or 5, got {wire_type}")
    return _FIXED[wire_type], at


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    """Return the integer that begins at `at`, and where the next thing begins."""
    value = 0
    for shift in range(_MAX_VARINT_BYTES):
        if at + shift >= len(message):
            raise ValueError("a number must end inside its message")
        byte = message[at + shift]
        value |= (byte & 0x7F) << (7 * shift)
        if byte < 0x80:  # noqa: PLR2004 - the continuation bit
            return value, at + shift + 1
    raise ValueError(f"a number must have at most {_MAX_VARINT_BYTES} bytes")
