"""Looks at the messages of an Arrow IPC file before any is decoded: what is small may unfold to much.

The fields of messages: format/Message.fbs of Apache Arrow; how they lie: https://flatbuffers.dev/internals/
"""

from __future__ import annotations

import struct

import pyarrow as pa

__all__ = ["check_plain", "stream_in"]

_MAGIC = b"ARROW1\0\0"
_HEADER = 2
_LENGTH, _COMPRESSION = 0, 3


def stream_in(data: bytes) -> memoryview:
    """Return the stream of messages in an Arrow IPC file; its footer, which may name others, is left out.

    Raises:
        ValueError: It does not begin like one.
    """
    if not data.startswith(_MAGIC):
        raise ValueError("it is no Arrow file: it must begin with ARROW1")
    return memoryview(data)[len(_MAGIC) :]


def check_plain(stream: memoryview, max_rows: int) -> None:
    """Check that decoding a stream takes about as much memory as it has bytes.

    Raises:
        ValueError: It is compressed, has more than `max_rows`, or other messages than batches.
        pyarrow.ArrowException, OSError: It is no stream.
    """
    reader = pa.ipc.MessageReader.open_stream(pa.BufferReader(stream))
    rows = 0
    for number, message in enumerate(_messages(reader)):
        if message.type != ("record batch" if number else "schema"):
            raise ValueError(f"it must hold a schema and record batches, got {message.type} at {number}")
        if number:
            rows += _plain_rows(message.metadata.to_pybytes())
        if rows > max_rows:
            raise ValueError(f"it must have at most {max_rows} rows, got {rows}")


def _messages(reader: pa.MessageReader) -> list[pa.Message]:
    found = []
    while True:
        try:
            found.append(reader.read_next_message())
        except StopIteration:
            return found


def _plain_rows(metadata: bytes) -> int:
    """Return the rows of a record batch by its message."""
    try:
        root: int = struct.unpack_from("<I", metadata, 0)[0]
        header = _field(metadata, root, _HEADER)
        batch = header + struct.unpack_from("<I", metadata, header)[0]
        if _field(metadata, batch, _COMPRESSION):
            raise ValueError("it must not be compressed")
        length = _field(metadata, batch, _LENGTH)
        rows: int = struct.unpack_from("<q", metadata, length)[0] if length else 0
    except struct.error as error:
        raise ValueError(f"it is no Arrow file: {error}") from error
    return rows


def _field(data: bytes, table: int, number: int) -> int:
    """Return where a field of a flatbuffer's table lies; 0: it is not set."""
    vtable = table - struct.unpack_from("<i", data, table)[0]
    slot = 4 + 2 * number
    if slot >= struct.unpack_from("<H", data, vtable)[0]:
        return 0
    offset: int = struct.unpack_from("<H", data, vtable + slot)[0]
    return table + offset if offset else 0
