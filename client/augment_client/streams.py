"""Iterators over generated records. One that is dropped or closed cancels its call.

A stream that breaks is taken up at the next row, at another replica too: rows have addresses. gRPC's own
calls are not collected when they are abandoned (grpc#43462), and then compute to their end.
"""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self

import grpc

from augment_client.batches import BatchReader
from augment_client.errors import ClientError, ProtocolError
from augment_client.failures import error_of, is_own_cancellation, server_cancelled

if TYPE_CHECKING:
    import pyarrow as pa

    from augment_client.patience import Patience
    from augment_client.replicas import Line
    from augment_client.results import StreamInfo
    from augment_proto.v1 import augment_pb2 as pb

__all__ = ["AsyncRecordStream", "RecordStream", "RunningCall"]


class RunningCall:
    """The call that a stream hangs on now; cancelled for good when the stream is closed or dropped."""

    def __init__(self) -> None:
        self.call: Any = None
        self.closed = threading.Event()

    def cancel(self) -> None:
        """Cancel it, and let no other begin."""
        self.closed.set()
        if self.call is not None:
            with suppress(RuntimeError):  # the event loop is closed, and with it the call
                self.call.cancel()


class _Received:
    """What has come of a stream, over all its calls."""

    def __init__(self, request: pb.GenerateRequest) -> None:
        self._request = request
        self._reader: BatchReader | None = None
        self.ready: deque[pa.RecordBatch] = deque()

    @property
    def began(self) -> bool:
        return self._reader is not None

    @property
    def reader(self) -> BatchReader:
        """The reader.

        Raises:
            ProtocolError: Nothing came yet.
        """
        if self._reader is None:
            raise ProtocolError.of("must begin with a header", "nothing")
        return self._reader

    @property
    def is_whole(self) -> bool:
        return self._reader is not None and not self._reader.rows_left

    def rest(self) -> pb.GenerateRequest:
        """Return the request for what has not come."""
        return self._request if self._reader is None else self._reader.rest(self._request)

    def begin(self, header: pb.GenerateResponse | None) -> None:
        """Take in the first message of a call."""
        if header is None:
            raise ProtocolError.of("must begin with a header", "nothing")
        if self._reader is None:
            self._reader = BatchReader(self._request, header)
        else:
            self._reader.go_on(self._request, header)

    def take(self, message: pb.GenerateResponse) -> None:
        """Take in another one."""
        self.ready.extend(self.reader.read(message))


class RecordStream:
    """Generated records, batch by batch, in the types of the model's data file.

    Iterate it once; leave it by its end, `close`, or `with`. Where the connection or the server goes away,
    it goes on at the next row by itself.

    Args:
        request: What was asked for.
        line: Opens calls.
        patience: How often to try again.

    Raises:
        ClientError: The server refused; raised here, not at the first batch.
    """

    def __init__(self, request: pb.GenerateRequest, line: Line, patience: Patience) -> None:
        self._received = _Received(request)
        self._line = line
        self._patience = patience
        self._running = RunningCall()
        self._finalizer = weakref.finalize(self, self._running.cancel)
        try:
            self._open()
        except ClientError as error:
            self._go_on(error)

    @property
    def info(self) -> StreamInfo:
        """What the stream consists of: model, digest, seed, rows, schema."""
        return self._received.reader.info

    def close(self) -> None:
        """Cancel the call if it still runs."""
        self._finalizer()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> pa.RecordBatch:
        while not self._received.ready:
            try:
                message = self._next_message()
            except ClientError as error:
                if self._received.is_whole:
                    raise StopIteration from None
                self._go_on(error)
                continue
            if message is None:
                self._received.reader.finish()
                raise StopIteration
            self._received.take(message)
            self._patience.progressed()
        return self._received.ready.popleft()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"RecordStream({self.info.model}/{self.info.version}, rows={self.info.rows})"

    def _open(self) -> None:
        self._running.call = self._line.open(self._received.rest())
        self._received.begin(self._next_message())

    def _go_on(self, error: ClientError) -> None:
        """Wait and open again until it succeeds, or `error` is for good."""
        while True:
            wait_s = self._patience.wait_s(error, began=self._received.began)
            self._line.leave()
            if self._running.closed.wait(wait_s):
                raise error
            try:
                self._open()
            except ClientError as next_error:
                error = next_error
            else:
                return

    def _next_message(self) -> pb.GenerateResponse | None:
        try:
            return next(self._running.call, None)
        except grpc.RpcError as error:
            raise error_of(error) from error


class AsyncRecordStream:
    """Generated records, batch by batch, in the types of the model's data file.

    Iterate it once; leave it by its end, `aclose`, or `async with`. Where the connection or the server goes
    away, it goes on at the next row by itself.

    Args:
        request: What was asked for.
        line: Opens calls.
        patience: How often to try again.
    """

    def __init__(self, request: pb.GenerateRequest, line: Line, patience: Patience) -> None:
        self._request = request
        self._received = _Received(request)
        self._line = line
        self._patience = patience
        self._running = RunningCall()
        self._finalizer = weakref.finalize(self, self._running.cancel)
        self._running.call = line.open(request)

    async def info(self) -> StreamInfo:
        """Return what the stream consists of: model, digest, seed, rows, schema.

        Raises:
            ClientError: The server refused.
        """
        await self._opened()
        return self._received.reader.info

    async def aclose(self) -> None:
        """Cancel the call if it still runs."""
        self._finalizer()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> pa.RecordBatch:
        await self._opened()
        while not self._received.ready:
            try:
                message = await self._next_message()
            except ClientError as error:
                if self._received.is_whole:
                    raise StopAsyncIteration from None
                await self._go_on(error)
                continue
            if message is None:
                self._received.reader.finish()
                raise StopAsyncIteration
            self._received.take(message)
            self._patience.progressed()
        return self._received.ready.popleft()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"AsyncRecordStream({self._request.model}, rows={self._request.rows})"

    async def _opened(self) -> None:
        """Read the first header."""
        if self._received.began:
            return
        try:
            self._received.begin(await self._next_message())
        except ClientError as error:
            await self._go_on(error)

    async def _go_on(self, error: ClientError) -> None:
        """Wait and open again until it succeeds, or `error` is for good."""
        while True:
            wait_s = self._patience.wait_s(error, began=self._received.began)
            self._line.leave()
            await asyncio.sleep(wait_s)
            if self._running.closed.is_set():
                raise error
            try:
                self._running.call = self._line.open(self._received.rest())
                self._received.begin(await self._next_message())
            except ClientError as next_error:
                error = next_error
            else:
                return

    async def _next_message(self) -> pb.GenerateResponse | None:
        try:
            message = await self._running.call.read()
        except grpc.RpcError as error:
            raise error_of(error) from error
        except asyncio.CancelledError as error:
            if self._running.closed.is_set() or is_own_cancellation():
                raise
            raise server_cancelled() from error
        return None if message is grpc.aio.EOF else message
