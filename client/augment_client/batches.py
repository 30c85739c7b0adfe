"""Reads a stream of generated records, message by message: nothing lost, nothing twice."""

from __future__ import annotations

import pyarrow as pa

from augment_client.errors import ProtocolError
from augment_client.responses import ANSWER_LIMITS, reading
from augment_client.results import StreamInfo
from augment_proto.arrow import schema_from_ipc
from augment_proto.plain import restore
from augment_proto.receipt import Receipt
from augment_proto.stream import StreamReader
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
        self._reader = _stream_reader(header)
        self._next_row = self.info.offset

    @property
    def rows_left(self) -> int:
        """How many rows have not come."""
        return self.info.offset + self.info.rows - self._next_row

    def rest(self, request: pb.GenerateRequest) -> pb.GenerateRequest:
        """Return the request for the rows that have not come, of the same version, seed and sampler."""
        rest = pb.GenerateRequest()
        rest.CopyFrom(request)
        rest.version, rest.seed, rest.sampler = self.info.version, self.info.seed, self.info.sampler
        rest.offset, rest.rows = self._next_row, self.rows_left
        return rest

    def go_on(self, request: pb.GenerateRequest, header: pb.GenerateResponse) -> None:
        """Read on in a new stream, which answers `rest`.

        Raises:
            ProtocolError: It is of another bundle, or otherwise no continuation.
        """
        info = _info(self.rest(request), header)
        wanted = (self.info.digest, self.info.sampler, self.info.schema)
        if wanted != (info.digest, info.sampler, info.schema):
            raise ProtocolError.of(f"must go on with the bundle {self.info.digest}", info.digest)
        self._reader = _stream_reader(header)

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


def _stream_reader(message: pb.GenerateResponse) -> StreamReader:
    with reading():
        return StreamReader(message.header.ipc, ANSWER_LIMITS)


def _info(request: pb.GenerateRequest, message: pb.GenerateResponse) -> StreamInfo:
    header = message.header
    if message.WhichOneof("content") != "header":
        raise ProtocolError.of("must begin with a header", message.WhichOneof("content"))
    name = request.model.partition("@")[0]
    wanted = (name, request.offset, request.rows, request.seed if request.HasField("seed") else None)
    given = (header.model, header.offset, header.rows, header.seed if request.HasField("seed") else None)
    if wanted != given:
        raise ProtocolError.of(f"must be for model, offset, rows and seed {wanted}", given)
    receipt = Receipt(
        model=header.model,
        version=header.version,
        digest=header.digest,
        operation="generate",
        offset=header.offset,
        rows=header.rows,
        seed=header.seed,
        sampler=header.sampler,
        conditions=tuple(condition.text for condition in header.conditions if condition.text),
        balance=header.balance.text,
        steps=header.steps,
    )
    with reading():
        schema = receipt.on(schema_from_ipc(header.result_schema, ANSWER_LIMITS))
    return StreamInfo(receipt, schema)
