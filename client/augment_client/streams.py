"""Iterators over generated records. One that is dropped or closed cancels its call.

gRPC's own calls are not collected when they are abandoned (grpc#43462), and then compute to their end.
"""

from __future__ import annotations

import weakref
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self

import grpc

from augment_client.batches import BatchReader
from augment_client.errors import ProtocolError
from augment_client.failures import error_of

if TYPE_CHECKING:
    import pyarrow as pa

    from augment_client.results import StreamInfo
    from augment_proto.v1 import augment_pb2 as pb

__all__ = ["AsyncRecordStream", "RecordStream"]


class RecordStream:
    """Generated records, batch by batch, in the types of the model's data file.

    Iterate it once; leave it by its end, `close`, or `with`.

    Args:
        request: What was asked for.
        call: The running call.

    Raises:
        ClientError: The server refused; raised here, not at the first batch.
    """

    def __init__(self, request: pb.GenerateRequest, call: Any) -> None:
        self._call = call
        self._finalizer = weakref.finalize(self, _cancel, call)
        self._ready: deque[pa.RecordBatch] = deque()
        first = self._next_message()
        if first is None:
            raise ProtocolError.of("must begin with a header", "nothing")
        self._reader = BatchReader(request, first)

    @property
    def info(self) -> StreamInfo:
        """What the stream consists of: model, digest, seed, rows, schema."""
        return self._reader.info

    def close(self) -> None:
        """Cancel the call if it still runs."""
        self._finalizer()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> pa.RecordBatch:
        while not self._ready:
            message = self._next_message()
            if message is None:
                self._reader.finish()
                raise StopIteration
            self._ready.extend(self._reader.read(message))
        return self._ready.popleft()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"RecordStream({self.info.model}/{self.info.version}, rows={self.info.rows})"

    def _next_message(self) -> pb.GenerateResponse | None:
        try:
            return next(self._call, None)
        except grpc.RpcError as error:
            raise error_of(error) from error


class AsyncRecordStream:
    """Generated records, batch by batch, in the types of the model's data file.

    Iterate it once; leave it by its end, `aclose`, or `async with`.

    Args:
        request: What was asked for.
        call: The running call.
    """

    def __init__(self, request: pb.GenerateRequest, call: Any) -> None:
        self._request = request
        self._call = call
        self._finalizer = weakref.finalize(self, _cancel, call)
        self._ready: deque[pa.RecordBatch] = deque()
        self._reader: BatchReader | None = None

    async def info(self) -> StreamInfo:
        """Return what the stream consists of: model, digest, seed, rows, schema.

        Raises:
            ClientError: The server refused.
        """
        return (await self._opened()).info

    async def aclose(self) -> None:
        """Cancel the call if it still runs."""
        self._finalizer()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> pa.RecordBatch:
        reader = await self._opened()
        while not self._ready:
            message = await self._next_message()
            if message is None:
                reader.finish()
                raise StopAsyncIteration
            self._ready.extend(reader.read(message))
        return self._ready.popleft()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"AsyncRecordStream({self._request.model}, rows={self._request.rows})"

    async def _opened(self) -> BatchReader:
        if self._reader is None:
            first = await self._next_message()
            if first is None:
                raise ProtocolError.of("must begin with a header", "nothing")
            self._reader = BatchReader(self._request, first)
        return self._reader

    async def _next_message(self) -> pb.GenerateResponse | None:
        try:
            message = await self._call.read()
        except grpc.RpcError as error:
            raise error_of(error) from error
        return None if message is grpc.aio.EOF else message


def _cancel(call: Any) -> None:
    with suppress(RuntimeError):  # the event loop is closed, and with it the call
        call.cancel()
