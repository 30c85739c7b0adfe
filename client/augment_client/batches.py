"""Reads a stream of generated records, message by message: nothing lost, nothing twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from augment_client.errors import ProtocolError
from augment_client.responses import ANSWER_LIMITS, reading
from augment_client.results import StreamInfo
from augment_proto.arrow import schema_from_ipc
from augment_proto.plain import restore
from augment_proto.stream import StreamReader

if TYPE_CHECKING:
    from augment_proto.v1 import augment_pb2 as pb

__all__ = ["BatchReader"]


class BatchReader:
    """The state of one stream.

    Args:
        request: What was asked for.
        header: The stream's first message.

    Attributes:
        info: What the stream consists of.

    Raises:
        ProtocolError: The first message is no header, or one of another request.
    """

    def __init__(self, request: pb.GenerateRequest, header: pb.GenerateResponse) -> None:
        self.info = _info(request, header)
        with reading():
            self._reader = StreamReader(header.header.ipc, ANSWER_LIMITS)
        self._next_row = self.info.offset

    def read(self, message: pb.GenerateResponse) -> list[pa.RecordBatch]:
        """Return the batches of the next message, in the types of the model's data file.

        Raises:
            ProtocolError: Rows are missing or twice, or the bytes are no Arrow stream.
        """
        chunk = message.chunk
        if message.WhichOneof("content") != "chunk" or chunk.row_offset != self._next_row:
            raise ProtocolError.of(f"must go on at row {self._next_row}", chunk.row_offset)
        with reading():
            batches = self._reader.read(chunk.ipc)
        rows = sum(batch.num_rows for batch in batches)
        if rows != chunk.row_count:
            raise ProtocolError.of(f"must have {chunk.row_count} rows in this chunk", rows)
        self._next_row += rows
        return [self._restored(batch) for batch in batches]

    def finish(self) -> None:
        """Check that all rows came.

        Raises:
            ProtocolError: The stream ended too early or too late.
        """
        rows = self._next_row - self.info.offset
        if rows != self.info.rows:
            raise ProtocolError.of(f"must have {self.info.rows} rows", rows)

    def _restored(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        with reading():
            return restore(pa.Table.from_batches([batch]), self.info.schema).combine_chunks().to_batches()[0]


def _info(request: pb.GenerateRequest, message: pb.GenerateResponse) -> StreamInfo:
    header = message.header
    if message.WhichOneof("content") != "header":
        raise ProtocolError.of("must begin with a header", message.WhichOneof("content"))
    name = request.model.partition("@")[0]
    wanted = (name, request.offset, request.rows, request.seed if request.HasField("seed") else None)
    given = (header.model, header.offset, header.rows, header.seed if request.HasField("seed") else None)
    if wanted != given:
        raise ProtocolError.of(f"must be for model, offset, rows and seed {wanted}", given)
    with reading():
        schema = schema_from_ipc(header.result_schema, ANSWER_LIMITS)
    return StreamInfo(
        model=header.model,
        version=header.version,
        digest=header.digest,
        seed=header.seed,
        offset=header.offset,
        rows=header.rows,
        sampler=header.sampler,
        schema=schema,
        conditions=tuple(condition.text for condition in header.conditions if condition.text),
        balance=header.balance.text,
        steps=header.steps,
    )
