"""Arrow IPC streams in pieces: cut at message boundaries on one side, put together on the other.

The header's bytes and then every chunk's bytes, joined, are one valid Arrow IPC stream; dictionaries
travel once, in the first chunk that needs them.
"""

from __future__ import annotations

import dataclasses
import io
from typing import TYPE_CHECKING

import pyarrow as pa

from augment_proto.arrow import check_batches, schema_from_ipc
from augment_proto.errors import ArrowFormatError
from augment_proto.limits import STREAM_MESSAGE_BYTES, Limits
from augment_proto.messages import MessageInspector, decoding
from augment_proto.types import check_schema

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["StreamReader", "StreamWriter", "cut", "rows_per_message"]

_TEXT_BYTES = 24
_MAX_STREAM_MESSAGES = 2**62


class StreamWriter:
    """Writes batches of one schema as pieces of one stream.

    Attributes:
        header: The schema's bytes, which begin the stream.
    """

    def __init__(self, schema: pa.Schema) -> None:
        self.header: bytes = schema.serialize().to_pybytes()
        self._sink = io.BytesIO()
        self._writer = pa.ipc.new_stream(pa.PythonFile(self._sink, mode="w"), schema)
        self._begun = False

    def write(self, batch: pa.RecordBatch) -> bytes:
        """Return the piece of the stream that holds `batch`."""
        self._writer.write_batch(batch)
        piece = self._sink.getvalue()
        self._sink.seek(0)
        self._sink.truncate()
        if self._begun:
            return piece
        self._begun = True
        return piece.removeprefix(self.header)


class StreamReader:
    """Reads a stream from pieces that were cut at message boundaries; every batch is validated.

    Args:
        header: The schema's bytes.
        limits: What one piece may hold; rows and messages of the whole stream are not bounded here.

    Attributes:
        schema: The schema of the batches.

    Raises:
        ArrowFormatError: The header is no schema, or one that may not travel.
    """

    def __init__(self, header: bytes, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        whole_stream = dataclasses.replace(
            self._limits, max_messages=_MAX_STREAM_MESSAGES, max_rows=_MAX_STREAM_MESSAGES
        )
        self._inspector = MessageInspector(whole_stream)
        self.schema = schema_from_ipc(header, self._limits)
        with decoding():
            check_schema(self.schema, self._limits.max_columns)
        self._feed = _Feed(header)
        self._reader = pa.ipc.open_stream(pa.PythonFile(self._feed, mode="r"))

    def read(self, piece: bytes) -> list[pa.RecordBatch]:
        """Return the batches of the next piece.

        Raises:
            ArrowFormatError: The piece is not whole messages of a valid stream.
            ArrowLimitError: It is larger than the limits.
        """
        count = self._inspector.inspect(piece, with_schema=False)
        self._feed.put(piece)
        with decoding():
            batches = [self._reader.read_next_batch() for _ in range(count)]
        if self._feed.left:
            raise ArrowFormatError("must end each piece with a batch", f"{self._feed.left} bytes more")
        check_batches(batches, self._limits)
        return batches


class _Feed(io.RawIOBase):
    """A file that holds one piece at a time."""

    def __init__(self, piece: bytes) -> None:
        super().__init__()
        self._piece = io.BytesIO(piece)

    @property
    def left(self) -> int:
        return len(self._piece.getbuffer()) - self._piece.tell()

    def put(self, piece: bytes) -> None:
        self._piece = io.BytesIO(piece)

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        return self._piece.read(size)


def rows_per_message(schema: pa.Schema, message_bytes: int = STREAM_MESSAGE_BYTES) -> int:
    """Return how many rows of `schema` make about `message_bytes`; text counts as 24 bytes a cell."""
    bits = sum(_bits(field.type) for field in schema)
    return max(1, message_bytes * 8 // max(1, bits))


def cut(batch: pa.RecordBatch, max_rows: int) -> Iterator[pa.RecordBatch]:
    """Yield the batch in slices of at most `max_rows`."""
    for start in range(0, batch.num_rows, max_rows):
        yield batch.slice(start, max_rows)


def _bits(kind: pa.DataType) -> int:
    if isinstance(kind, pa.BaseExtensionType):
        return _bits(kind.storage_type)
    if pa.types.is_dictionary(kind):
        return _bits(kind.index_type)
    if pa.types.is_fixed_size_list(kind):
        return int(kind.list_size) * _bits(kind.value_type)
    try:
        return int(kind.bit_width)
    except ValueError:
        return 8 * _TEXT_BYTES
