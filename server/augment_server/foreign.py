"""Services that are not ours, health and reflection: their requests are read with the same care as ours.

gRPC's own answer to a body that is no message is UNKNOWN with the text of whatever was raised, and it takes
in any number of requests at a time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import grpc
from google.protobuf.message import DecodeError

from augment.errors import RequestError
from augment_server.calls import address_of
from augment_server.denials import IdleError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from augment_server.uploads import Uploads

__all__ = ["answered_by", "messages"]


def answered_by(handler: Any, uploads: Uploads) -> Any:
    """Return the handler of a method with one request, as one that reads it itself.

    It answers INVALID_ARGUMENT to a body that is no message, and DEADLINE_EXCEEDED where none comes.
    """
    behaviour = handler.unary_stream if handler.response_streaming else handler.unary_unary

    async def answer(_: object, context: Any) -> None:
        request: Any = None
        try:
            request = await anext(messages(handler, context, uploads, address_of(context.peer())), None)
        except RequestError as error:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        except IdleError as error:
            await context.abort(grpc.StatusCode.DEADLINE_EXCEEDED, str(error))
        if request is None:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "request must be there, got none")
        response = await behaviour(request, context)
        if not handler.response_streaming:
            await context.write(response)

    return grpc.stream_stream_rpc_method_handler(answer, response_serializer=handler.response_serializer)


async def messages(handler: Any, context: Any, uploads: Uploads, client: str) -> AsyncIterator[Any]:
    """Yield the messages of a call, each read when there is a place.

    Raises:
        RequestError: One is no message.
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
        try:
            message = handler.request_deserializer(body)
        except DecodeError as error:
            rule = "must be a message of this method"
            raise RequestError.of("request", rule, f"{len(body)} bytes") from error
        yield message
