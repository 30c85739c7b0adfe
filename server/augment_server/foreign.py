"""Services that are not ours, health and reflection: their requests are read with the same care as ours.

gRPC's own answer to a body that is no message is UNKNOWN with the text of whatever was raised, and it takes
in any number of requests at a time, of any size, and any number of calls that do not end.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, NoReturn

import grpc
from google.protobuf.message import DecodeError

from augment.errors import RequestError
from augment_proto.refusal import pack
from augment_server.calls import address_of
from augment_server.denials import IdleError, OverloadedError
from augment_server.status import refusal_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from augment_server.held_calls import HeldCalls, Relay
    from augment_server.uploads import Uploads

__all__ = ["answered_by", "messages", "written"]

_MOST_BYTES = 4096
"""Names are all that is asked for; calls that stay open keep them."""

_CODES = {code.value[0]: code for code in grpc.StatusCode}
_STATUS_KEY = "grpc-status-details-bin"


def answered_by(handler: Any, uploads: Uploads, held: HeldCalls) -> Any:
    """Return the handler of a method with one request, as one that reads it itself.

    It answers INVALID_ARGUMENT to a body that is no message, DEADLINE_EXCEEDED where none comes, and
    RESOURCE_EXHAUSTED where there is no room.

    Args:
        handler: The method's own.
        uploads: Says when a request may be read.
        held: Those of its calls that stay open, if it answers by a stream.
    """

    async def answer(_: object, context: Any) -> None:
        client = address_of(context.peer())
        try:
            request = await anext(messages(handler, context, uploads, client), None)
            if request is None:
                raise RequestError.of("request", "must be there", "none")
            if not handler.response_streaming:
                response = await handler.unary_unary(request, context)
                await written(context, response, uploads.idle_s)
                return
            with held.holding(client) as relay:
                await _relayed(handler.unary_stream(request, relay), relay, context, uploads.idle_s)
        except (RequestError, IdleError, OverloadedError) as error:
            await _refuse(context, error)
        await context.abort(grpc.StatusCode.UNAVAILABLE, "the server stops")

    return grpc.stream_stream_rpc_method_handler(answer, response_serializer=handler.response_serializer)


async def messages(handler: Any, context: Any, uploads: Uploads, client: str) -> AsyncIterator[Any]:
    """Yield the messages of a call, each read when there is a place.

    Raises:
        RequestError: One is no message, or too large to be one that is of use.
        OverloadedError: There is no place for the next one.
        IdleError: The next one does not come.
    """
    while True:
        try:
            async with uploads.place(client):
                body = await context.read()
        except TimeoutError:
            raise IdleError("the request was not sent in time") from None
        if body is grpc.aio.EOF:
            return
        if len(body) > _MOST_BYTES:
            raise RequestError.of("request", f"must have at most {_MOST_BYTES} bytes", len(body))
        try:
            message = handler.request_deserializer(body)
        except DecodeError as error:
            rule = "must be a message of this method"
            raise RequestError.of("request", rule, f"{len(body)} bytes") from error
        yield message


async def written(context: Any, message: Any, idle_s: float) -> None:
    """Send a message.

    Raises:
        IdleError: The caller does not read.
    """
    try:
        async with asyncio.timeout(idle_s):
            await context.write(message)
    except TimeoutError:
        raise IdleError(f"nothing was read for {idle_s:g} s") from None


async def _relayed(telling: Any, relay: Relay, context: Any, idle_s: float) -> None:
    """Send what a service tells by a relay, until the relay's end."""
    task = asyncio.ensure_future(telling)
    task.add_done_callback(relay.end)
    try:
        while (message := await relay.next()) is not None:
            await written(context, message, idle_s)
        if task.done():
            await task
    finally:
        task.cancel()


async def _refuse(context: Any, error: Exception) -> NoReturn:
    """End a call with the status of an error, and its details: when to come again."""
    refusal = refusal_of(error, "")
    status = pack(refusal)
    details = ((_STATUS_KEY, status.SerializeToString()),)
    await context.abort(_CODES[refusal.code], status.message, details)
    raise AssertionError  # abort raises
