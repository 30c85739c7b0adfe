"""Looks at the messages of an Arrow IPC stream before any of them is decoded.

Decoding decompresses, merges dictionaries and allocates rows that cost no bytes on the wire; whatever
could be used against the reader is therefore refused from the message headers alone.
"""

from __future__ import annotations

import itertools
import struct
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pyarrow as pa

from augment_proto.errors import ArrowFormatError, ArrowLimitError
from augment_proto.flatbuffer import Table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from augment_proto.limits import Limits

__all__ = ["MessageInspector", "decoding", "rows_of"]

# Field numbers of org.apache.arrow.flatbuf (format/Message.fbs, format/Schema.fbs).
_MESSAGE_HEADER = 2
_SCHEMA_ENDIANNESS = 0
_BATCH_LENGTH, _BATCH_BUFFERS, _BATCH_COMPRESSION, _BATCH_VIEWS = 0, 2, 3, 4
_DICTIONARY_ID, _DICTIONARY_DATA, _DICTIONARY_IS_DELTA = 0, 1, 2

_ALIGNMENT = 8
_MOST_LOOKED_AT = 64

_FOREIGN_ERRORS = (
    pa.ArrowException,
    OSError,
    ValueError,
    LookupError,
    TypeError,
    OverflowError,
    MemoryError,
    struct.error,
)


@contextmanager
def decoding() -> Iterator[None]:
    """Turn whatever Arrow raises over bad bytes into an `ArrowFormatError`."""
    try:
        yield
    except ArrowFormatError:
        raise
    except _FOREIGN_ERRORS as error:
        raise ArrowFormatError("must be a valid Arrow IPC stream", _told(error)) from error


class MessageInspector:
    """Checks the messages of one stream in order, over as many pieces as it comes in.

    Args:
        limits: What the whole stream may hold; `max_bytes` holds for each piece.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._dictionaries: set[int] = set()
        self._messages = 0
        self.rows = 0

    def inspect(self, data: bytes, *, with_schema: bool) -> int:
        """Check every message in `data`, which begins with the schema if `with_schema`.

        Returns:
            Record batches in it.

        Raises:
            ArrowFormatError: Of what kind, its text says; `data` must not be decoded.
        """
        if len(data) > self._limits.max_bytes:
            raise ArrowLimitError(f"must have at most {self._limits.max_bytes} bytes", len(data))
        batches = 0
        for number, message in enumerate(_messages(data)):
            self._count_message()
            wanted = with_schema and number == 0
            if (message.type == "schema") != wanted:
                raise ArrowFormatError("must begin with its one schema", f"{message.type} at {number}")
            with decoding():
                batches += self._inspect(message)
        if with_schema and self._messages == 0:
            raise ArrowFormatError("must begin with its one schema", f"{len(data)} bytes without a message")
        return batches

    def _count_message(self) -> None:
        self._messages += 1
        if self._messages > self._limits.max_messages:
            raise ArrowLimitError(f"must have at most {self._limits.max_messages} messages", "more")

    def _inspect(self, message: pa.Message) -> bool:
        if message.type == "schema" and message.metadata.size > self._limits.max_schema_bytes:
            rule = f"must have at most {self._limits.max_schema_bytes} bytes of names and metadata"
            raise ArrowLimitError(rule, message.metadata.size)
        header = Table.root(message.metadata.to_pybytes()).table(_MESSAGE_HEADER)
        if header is None:
            raise ArrowFormatError("must have a header in each message", "none")
        if message.type == "schema":
            _check_endianness(header)
        elif message.type == "dictionary":
            self._check_dictionary(header, _body_bytes(message))
        elif message.type == "record batch":
            _check_batch(header, _body_bytes(message))
            self._count_rows(header.scalar(_BATCH_LENGTH, "<q"))
        else:
            raise ArrowFormatError("must hold schema, dictionaries and record batches only", message.type)
        return bool(message.type == "record batch")

    def _check_dictionary(self, header: Table, body_bytes: int) -> None:
        data = header.table(_DICTIONARY_DATA)
        if data is None:
            raise ArrowFormatError("must have data in each dictionary", "none")
        _check_batch(data, body_bytes)
        key = header.scalar(_DICTIONARY_ID, "<q")
        if header.scalar(_DICTIONARY_IS_DELTA, "<B") or key in self._dictionaries:
            raise ArrowFormatError("must send each dictionary once and whole", f"dictionary {key} again")
        self._dictionaries.add(key)

    def _count_rows(self, rows: int) -> None:
        self.rows += rows
        if rows < 0 or self.rows > self._limits.max_rows:
            raise ArrowLimitError(f"must have at most {self._limits.max_rows} rows", self.rows)


def rows_of(data: bytes) -> int:
    """Return about how many rows a stream holds, from the headers of its first messages, decoding nothing.

    Bytes that are no stream count as none: whoever decodes them says what is wrong.
    """
    rows = 0
    try:
        for message in itertools.islice(_messages(data), _MOST_LOOKED_AT):
            if message.type != "record batch":
                continue
            header = Table.root(message.metadata.to_pybytes()).table(_MESSAGE_HEADER)
            if header is not None:
                rows += max(0, header.scalar(_BATCH_LENGTH, "<q"))
    except (ArrowFormatError, struct.error):
        return rows
    return rows


def _messages(data: bytes) -> Iterator[pa.Message]:
    source = pa.BufferReader(data)
    with decoding():
        reader = pa.ipc.MessageReader.open_stream(source)
        while True:
            try:
                message = reader.read_next_message()
            except StopIteration:
                break
            yield message
        left = len(data) - source.tell()
    if left:
        raise ArrowFormatError("must end where its stream ends", f"{left} bytes more")


def _body_bytes(message: pa.Message) -> int:
    return message.body.size if message.body is not None else 0


def _check_endianness(header: Table) -> None:
    if header.scalar(_SCHEMA_ENDIANNESS, "<h"):
        raise ArrowFormatError("must be little-endian", "big-endian")


def _check_batch(header: Table, body_bytes: int) -> None:
    if header.has(_BATCH_COMPRESSION):
        raise ArrowFormatError("must not be compressed", "compressed buffers")
    if header.has(_BATCH_VIEWS):
        raise ArrowFormatError("must not have view columns", "variadic buffers")
    buffers = header.pairs(_BATCH_BUFFERS)
    if any(length < 0 or offset < 0 or offset % _ALIGNMENT for offset, length in buffers):
        raise ArrowFormatError("must have buffers at multiples of 8 bytes", "another place")
    if sum(length for _, length in buffers) > body_bytes:
        raise ArrowFormatError("must have buffers that do not overlap", "overlapping buffers")


def _told(error: BaseException) -> str:
    lines = str(error).splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
