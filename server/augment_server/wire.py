"""The messages of one call: read and written with patience that ends."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import grpc
from google.protobuf.message import DecodeError

from augment.errors import RequestError
from augment_server.denials import IdleError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from augment_server.calls import Call
    from augment_server.metrics import Metrics
    from augment_server.uploads import Uploads

__all__ = ["Wire"]


class Wire:
    """One call's two directions.

    Args:
        handler: Of the method; knows its messages.
        context: gRPC's, of the call.
        call: What is known of it.
        idle_s: How long the caller may take to send, or to read.
        metrics: Told the bytes.
        uploads: Says when a request may be read.
    """

    def __init__(
        self, handler: Any, context: Any, call: Call, idle_s: float, metrics: Metrics, uploads: Uploads
    ) -> None:
        self._handler = handler
        self._context = context
        self._call = call
        self._idle_s = idle_s
        self._metrics = metrics
        self._uploads = uploads
        self._has_rows = False
        self._kept = 0

    async def request(self) -> Any:
        """Return the only request.

        Raises:
            RequestError: There is none, or it is no message of the method.
            OverloadedError: Others' requests leave no room to read it.
            IdleError: It does not come.
        """
        body = await self._read("the request was not sent in time")
        if body is grpc.aio.EOF:
            raise RequestError.of("request", "must be a message of this method", "none")
        return self._taken(body)

    async def requests(self) -> AsyncIterator[Any]:
        """Yield the requests as they are asked for; raises likewise.

        Each has a place among the requests that are read: one that stalls pins as much memory as a single
        request does. So a stream whose next message does not come may have to make room.
        """
        while (message := await self._next()) is not None:
            yield message

    async def _next(self) -> Any:
        """Return the next request, without its bytes; None: there is none."""
        body = await self._read("the next message was not sent in time")
        return None if body is grpc.aio.EOF else self._taken(body)

    async def write(self, message: Any) -> None:
        """Send a response.

        Raises:
            IdleError: The caller does not read.
        """
        self.close()
        data = self._handler.response_serializer(message)
        self._metrics.sent(self._call.method, len(data))
        if not self._has_rows and "rows" in self._call.facts:
            self._has_rows = True
            self._metrics.began_rows(self._call)
        try:
            async with asyncio.timeout(self._idle_s):
                await self._context.write(data)
        except TimeoutError:
            raise IdleError(f"nothing was read for {self._idle_s:g} s") from None

    def close(self) -> None:
        """Say that the last message, if there was one, is answered, or never will be."""
        self._uploads.let_go(self._call.client, self._kept)
        self._kept = 0

    async def _read(self, late: str) -> Any:
        """Return the next message's bytes, or EOF.

        Raises:
            OverloadedError: There is no place to read it.
            IdleError: It does not come; says `late`.
        """
        self.close()
        try:
            async with self._uploads.place(self._call.client):
                body = await self._context.read()
                self._kept = 0 if body is grpc.aio.EOF else len(body)
                self._uploads.keep(self._call.client, self._kept)
                return body
        except TimeoutError:
            raise IdleError(late) from None

    def _taken(self, body: bytes) -> Any:
        self._metrics.received(self._call.method, len(body))
        try:
            return self._handler.request_deserializer(body)
        except DecodeError as error:
            raise RequestError.of(
                "request", "must be a message of this method", f"{len(body)} bytes"
            ) from error
