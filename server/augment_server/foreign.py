"""Services that are not ours, such as health: a body that is no message is their caller's mistake as well.

gRPC's own answer to such a body is UNKNOWN with the text of whatever was raised.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import grpc
from google.protobuf.message import DecodeError

from augment.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

__all__ = ["answered_by", "lenient", "whole"]

_RULE = "must be a message of this method"


def answered_by(handler: Any) -> Any:
    """Return the handler of a method with one request, which answers INVALID_ARGUMENT to one that is none."""
    behaviour = handler.unary_stream if handler.response_streaming else handler.unary_unary

    async def answer(request: Any, context: Any) -> Any:
        if isinstance(request, bytes):
            await context.abort(
                grpc.StatusCode.INVALID_ARGUMENT, f"request {_RULE}, got {len(request)} bytes"
            )
        return await behaviour(request, context)

    kind: Any = grpc.unary_unary_rpc_method_handler
    if handler.response_streaming:
        kind = grpc.unary_stream_rpc_method_handler
    return kind(answer, lenient(handler.request_deserializer), handler.response_serializer)


def lenient(deserializer: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
    """Return a deserializer that gives bytes which are no message as they came."""

    def read(body: bytes) -> Any:
        try:
            return deserializer(body)
        except DecodeError:
            return body

    return read


async def whole(requests: AsyncIterator[Any]) -> AsyncIterator[Any]:
    """Yield the messages of a stream.

    Raises:
        RequestError: One was no message.
    """
    async for request in requests:
        if isinstance(request, bytes):
            raise RequestError.of("request", _RULE, f"{len(request)} bytes")
        yield request
