"""Iterators over denoised records, of tables of any length, in constant memory at both ends.

What was sent and not answered is kept, at most as many chunks as the server gives credit for; where the
stream breaks, these are sent again in a new one.
"""

from __future__ import annotations

import asyncio
import queue
import weakref
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Self

import grpc

from augment_client import requests, responses
from augment_client.errors import ClientError, ProtocolError
from augment_client.failures import error_of, is_own_cancellation, server_cancelled, stream_closed
from augment_client.records import tables_of, to_table
from augment_client.streams import RunningCall
from augment_proto.v1 import augment_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator

    from augment_client.patience import Patience
    from augment_client.records import RecordsLike
    from augment_client.replicas import Line
    from augment_client.results import Denoised

__all__ = ["AsyncDenoiseStream", "DenoiseStream"]

_MOST_CREDITS = 16


class _Conversation:
    """What was sent and what was answered, over all calls of a stream."""

    def __init__(self, header: pb.DenoiseStreamHeader) -> None:
        self._header = header
        self._start: pb.DenoiseStreamStart | None = None
        self.unanswered: deque[pb.DenoiseChunk] = deque()

    @property
    def began(self) -> bool:
        return self._start is not None

    @property
    def may_send(self) -> bool:
        """Whether there is credit for another chunk."""
        credits_ = 1 if self._start is None else min(max(1, self._start.credits), _MOST_CREDITS)
        return len(self.unanswered) < credits_

    def opening(self) -> list[pb.DenoiseStreamRequest]:
        """Return what a call begins with: the header, and again what was not answered."""
        header = pb.DenoiseStreamHeader()
        header.CopyFrom(self._header)
        if self._start is not None:
            header.version = self._start.receipt.version
        return [pb.DenoiseStreamRequest(header=header), *map(chunk_message, self.unanswered)]

    def begin(self, message: pb.DenoiseStreamResponse | None) -> None:
        """Take in the first message of a call."""
        if message is None or message.WhichOneof("content") != "start":
            raise ProtocolError.of("must begin with a header", "another message")
        before = self._start
        if before is not None and before.receipt.digest != message.start.receipt.digest:
            rule = f"must go on with the bundle {before.receipt.digest}"
            raise ProtocolError.of(rule, message.start.receipt.digest)
        self._start = message.start

    def answered(self, message: pb.DenoiseStreamResponse | None) -> Denoised:
        """Take in the answer to the first chunk that had none."""
        wanted = self.unanswered[0].first_row
        if message is None or message.WhichOneof("content") != "chunk" or message.chunk.first_row != wanted:
            raise ProtocolError.of(f"must go on at row {wanted}", "another message")
        assert self._start is not None  # noqa: S101 - a call begins with it
        made = responses.denoised_chunk(message.chunk, self._start)
        if made.records.num_rows != message.chunk.row_count:
            rule = f"must have {message.chunk.row_count} rows in this chunk"
            raise ProtocolError.of(rule, made.records.num_rows)
        self.unanswered.popleft()
        return made


def chunk_message(chunk: pb.DenoiseChunk) -> pb.DenoiseStreamRequest:
    """Return the message that carries a chunk."""
    return pb.DenoiseStreamRequest(chunk=chunk)


class _Sending(RunningCall):
    """A call with what it still has to send; None ends that."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: queue.SimpleQueue[pb.DenoiseStreamRequest | None] = queue.SimpleQueue()

    def cancel(self) -> None:
        """Cancel the call, and let gRPC's thread, which waits for more to send, go."""
        self.messages.put(None)
        super().cancel()


class DenoiseStream:
    """Denoised records, a part for each piece that was sent, in order.

    Iterate it once; leave it by its end, `close`, or `with`. The records are read as they are needed, in the
    thread that iterates. Where the connection or the server goes away, it goes on by itself.

    Args:
        header: What is asked for.
        batches: The records.
        first_row: The number of the first of them.
        line: Opens calls.
        patience: How often to try again.
    """

    def __init__(
        self,
        header: pb.DenoiseStreamHeader,
        batches: Iterable[RecordsLike],
        first_row: int,
        line: Line,
        patience: Patience,
    ) -> None:
        self._conversation = _Conversation(header)
        self._chunks: Iterator[pb.DenoiseChunk] = _chunks(tables_of(batches), first_row)
        self._line = line
        self._patience = patience
        self._running = _Sending()
        self._finalizer = weakref.finalize(self, self._running.cancel)
        self._ended = False

    def close(self) -> None:
        """Cancel the call if it still runs."""
        self._finalizer()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Denoised:
        while self._send_more():
            try:
                if self._running.call is None:
                    self._open()
                    continue  # it says how much may be sent
                made = self._conversation.answered(self._next_message())
            except ClientError as error:
                self._wait(error)
            else:
                self._patience.progressed()
                return made
        self._finish()
        raise StopIteration

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _finish(self) -> None:
        """Let the call end well: everything is answered."""
        if self._running.call is not None:
            with suppress(ClientError):
                self._next_message()
        self.close()

    def _send_more(self) -> bool:
        """Send as many chunks as there is credit for; return whether any is without an answer.

        What the caller's iterable raises, a break of some other stream too, goes to the caller as it is.
        """
        while self._conversation.may_send and not self._ended:
            chunk = self._next_chunk()
            self._ended = chunk is None
            if chunk is not None:
                self._conversation.unanswered.append(chunk)
            self._running.messages.put(None if chunk is None else chunk_message(chunk))
        return bool(self._conversation.unanswered)

    def _next_chunk(self) -> pb.DenoiseChunk | None:
        """Return what is to be sent next; None at the end. After an error there is nothing to go on with."""
        if self._running.closed.is_set():
            raise stream_closed()
        try:
            return next(self._chunks, None)
        except BaseException:
            self.close()
            raise

    def _open(self) -> None:
        """Begin a call with what was not answered."""
        self._running.messages = queue.SimpleQueue()
        for message in self._conversation.opening():
            self._running.messages.put(message)
        if self._ended:
            self._running.messages.put(None)
        self._running.call = self._line.open(iter(self._running.messages.get, None))
        self._conversation.begin(self._next_message())

    def _wait(self, error: ClientError) -> None:
        """Wait until another call may be tried; raise where it would not help."""
        self._running.messages.put(None)
        wait_s = self._patience.wait_s(error, began=self._conversation.began)
        self._line.leave()
        if self._running.closed.wait(wait_s):
            raise error
        self._running.call = None

    def _next_message(self) -> pb.DenoiseStreamResponse | None:
        try:
            return next(self._running.call, None)
        except grpc.RpcError as error:
            raise error_of(error) from error


class AsyncDenoiseStream:
    """Denoised records, a part for each piece that was sent, in order.

    Iterate it once; leave it by its end, `aclose`, or `async with`. The records are read as they are needed.
    Where the connection or the server goes away, it goes on by itself.

    Args:
        header: What is asked for.
        batches: The records, from a plain or an asynchronous iterable.
        first_row: The number of the first of them.
        line: Opens calls.
        patience: How often to try again.
    """

    def __init__(
        self,
        header: pb.DenoiseStreamHeader,
        batches: Iterable[RecordsLike] | AsyncIterable[RecordsLike],
        first_row: int,
        line: Line,
        patience: Patience,
    ) -> None:
        self._conversation = _Conversation(header)
        self._chunks = _async_chunks(tables_of(batches), first_row)
        self._line = line
        self._patience = patience
        self._running = RunningCall()
        self._finalizer = weakref.finalize(self, self._running.cancel)
        self._sending: asyncio.Queue[pb.DenoiseStreamRequest | None] = asyncio.Queue()
        self._ended = False

    async def aclose(self) -> None:
        """Cancel the call if it still runs."""
        self._sending.put_nowait(None)
        self._finalizer()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Denoised:
        while await self._send_more():
            try:
                if self._running.call is None:
                    await self._open()
                    continue  # it says how much may be sent
                made = self._conversation.answered(await self._next_message())
            except ClientError as error:
                await self._wait(error)
            else:
                self._patience.progressed()
                return made
        await self._finish()
        raise StopAsyncIteration

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def _finish(self) -> None:
        """Let the call end well: everything is answered."""
        if self._running.call is not None:
            with suppress(ClientError):
                await self._next_message()
        await self.aclose()

    async def _send_more(self) -> bool:
        """Send as many chunks as there is credit for; return whether any is without an answer.

        What the caller's iterable raises, a break of some other stream too, goes to the caller as it is.
        """
        while self._conversation.may_send and not self._ended:
            chunk = await self._next_chunk()
            self._ended = chunk is None
            if chunk is not None:
                self._conversation.unanswered.append(chunk)
            self._sending.put_nowait(None if chunk is None else chunk_message(chunk))
        return bool(self._conversation.unanswered)

    async def _next_chunk(self) -> pb.DenoiseChunk | None:
        """Return what is to be sent next; None at the end. After an error there is nothing to go on with."""
        if self._running.closed.is_set():
            raise stream_closed()
        try:
            return await anext(self._chunks, None)
        except BaseException:
            await self.aclose()
            raise

    async def _open(self) -> None:
        """Begin a call with what was not answered."""
        self._sending = asyncio.Queue()
        for message in self._conversation.opening():
            self._sending.put_nowait(message)
        if self._ended:
            self._sending.put_nowait(None)
        self._running.call = self._line.open(_until_none(self._sending))
        self._conversation.begin(await self._next_message())

    async def _wait(self, error: ClientError) -> None:
        """Wait until another call may be tried; raise where it would not help."""
        self._sending.put_nowait(None)
        wait_s = self._patience.wait_s(error, began=self._conversation.began)
        self._line.leave()
        await asyncio.sleep(wait_s)
        if self._running.closed.is_set():
            raise error
        self._running.call = None

    async def _next_message(self) -> pb.DenoiseStreamResponse | None:
        try:
            message = await self._running.call.read()
        except grpc.RpcError as error:
            raise error_of(error) from error
        except asyncio.CancelledError as error:
            if self._running.closed.is_set() or is_own_cancellation():
                raise
            raise server_cancelled() from error
        return None if message is grpc.aio.EOF else message


def _chunks(batches: Iterable[RecordsLike], first_row: int) -> Iterator[pb.DenoiseChunk]:
    row = first_row
    for batch in batches:
        table = to_table(batch)
        yield from requests.denoise_chunks(table, row)
        row += table.num_rows


async def _async_chunks(
    batches: Iterable[RecordsLike] | AsyncIterable[RecordsLike], first_row: int
) -> AsyncIterator[pb.DenoiseChunk]:
    row = first_row
    async for batch in _asynchronous(batches):
        table = to_table(batch)
        for chunk in requests.denoise_chunks(table, row):
            yield chunk
        row += table.num_rows


async def _asynchronous(
    batches: Iterable[RecordsLike] | AsyncIterable[RecordsLike],
) -> AsyncIterator[RecordsLike]:
    if hasattr(batches, "__aiter__"):
        async for batch in batches:
            yield batch
    else:
        for batch in batches:
            yield batch


async def _until_none(
    messages: asyncio.Queue[pb.DenoiseStreamRequest | None],
) -> AsyncIterator[pb.DenoiseStreamRequest]:
    while (message := await messages.get()) is not None:
        yield message
