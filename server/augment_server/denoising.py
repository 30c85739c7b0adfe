"""Answers a stream of chunks of records to denoise."""

from __future__ import annotations

from typing import TYPE_CHECKING

from augment.errors import RequestError
from augment_proto.arrow import to_ipc
from augment_proto.v1 import augment_pb2 as pb
from augment_server.answers import receipt_of, schema_bytes, unseen_messages

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa

    from augment.runtime import Model

__all__ = ["CREDITS", "Denoising"]

CREDITS = 4
"""Chunks that a client may send ahead: enough to keep both ends busy."""


class Denoising:
    """One stream. What is made of a chunk hangs on the chunk and the header alone.

    Args:
        model: The model that answers, to the end of the stream.
        header: What was asked for.
        read: Reads and checks the records of a field of the given name.

    Attributes:
        start: The first message of the answer.
    """

    def __init__(
        self, model: Model, header: pb.DenoiseStreamHeader, read: Callable[[bytes, str], pa.Table]
    ) -> None:
        self._model = model
        self._read = read
        self._threshold = header.threshold if header.HasField("threshold") else None
        self._numbers = header.numbers or None
        start = pb.DenoiseStreamStart(
            receipt=receipt_of(model, "denoise", 0), result_schema=schema_bytes(model), credits=CREDITS
        )
        self.start = pb.DenoiseStreamResponse(start=start)

    def answer(self, message: pb.DenoiseStreamRequest) -> pb.DenoiseStreamResponse:
        """Return what is made of one chunk.

        Raises:
            RequestError: The message is no chunk, or what was asked for is out of its range.
            RecordsError: The records do not fit the model.
        """
        if message.WhichOneof("content") != "chunk":
            raise RequestError.of("chunk", "must follow the header and other chunks", "another message")
        chunk = message.chunk
        made = self._model.denoise(
            self._read(chunk.records, "records"),
            threshold=self._threshold,
            numbers=self._numbers,
            first_row=chunk.first_row,
        )
        answer = pb.DenoisedChunk(
            first_row=chunk.first_row,
            row_count=made.records.num_rows,
            records=to_ipc(made.records),
            changed=to_ipc(made.changed),
            confidence=to_ipc(made.confidence),
            unseen=unseen_messages(made.unseen),
        )
        return pb.DenoiseStreamResponse(chunk=answer)
