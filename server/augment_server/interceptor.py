"""What holds for every call: an id, a log line, and errors by the one table of `status`."""

from __future__ import annotations

import asyncio
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING, Any

import grpc
import structlog.contextvars
from google.protobuf.message import DecodeError

from augment.errors import RequestError
from augment_proto.reasons import SERVICE
from augment_proto.refusal import Refusal, pack
from augment_server.calls import Call, begin_call
from augment_server.logs import get_logger
from augment_server.status import is_fault, refusal_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

__all__ = ["CallInterceptor"]

_CODES = {code.value[0]: code for code in grpc.StatusCode}
_ID_KEY = "x-request-id"
_STATUS_KEY = "grpc-status-details-bin"


class CallInterceptor(grpc.aio.ServerInterceptor):
    """Wraps the methods of one of our own services; health and reflection pass through."""

    def __init__(self, service: str = SERVICE) -> None:
        self._service = service

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        """Return the method's handler, wrapped."""
        handler = await continuation(handler_call_details)
        service, _, method = handler_call_details.method.rpartition("/")
        if handler is None or service != f"/{self._service}":
            return handler
        if handler.response_streaming:
            return grpc.unary_stream_rpc_method_handler(
                _streaming(handler, method), response_serializer=handler.response_serializer
            )
        return grpc.unary_unary_rpc_method_handler(
            _unary(handler, method), response_serializer=handler.response_serializer
        )


def _unary(handler: Any, method: str) -> Any:
    async def answer(body: bytes, context: Any) -> Any:
        async with _answering(method, context):
            return await handler.unary_unary(_request(handler, body), context)

    return answer


def _streaming(handler: Any, method: str) -> Any:
    """Return a coroutine, not a generator: a cancelled one ends here and now, with all it holds."""

    async def answer(body: bytes, context: Any) -> None:
        async with (
            _answering(method, context),
            aclosing(handler.unary_stream(_request(handler, body), context)) as messages,
        ):
            async for message in messages:
                await context.write(message)

    return answer


def _request(handler: Any, body: bytes) -> Any:
    try:
        return handler.request_deserializer(body)
    except DecodeError as error:
        raise RequestError.of("request", "must be a message of this method", f"{len(body)} bytes") from error


@asynccontextmanager
async def _answering(method: str, context: Any) -> AsyncIterator[None]:
    call = begin_call(method, _given_id(context))
    structlog.contextvars.bind_contextvars(request_id=call.request_id)
    try:
        yield
    except asyncio.CancelledError:
        _log(call, "CANCELLED")
        raise
    except Exception as error:  # noqa: BLE001 - the boundary: whatever it is becomes a status
        refusal = refusal_of(error, call.request_id)
        if is_fault(error):
            get_logger().error("fault", method=method, exc_info=error)
        _log(call, _CODES[refusal.code].name, refusal)
        details = ((_STATUS_KEY, pack(refusal).SerializeToString()), (_ID_KEY, call.request_id))
        await context.abort(_CODES[refusal.code], pack(refusal).message, details)
    else:
        _log(call, "OK")


def _given_id(context: Any) -> str:
    given = dict(context.invocation_metadata() or ()).get(_ID_KEY, "")
    return given if isinstance(given, str) else ""


def _log(call: Call, status: str, refusal: Refusal | None = None) -> None:
    facts = dict(call.facts)
    if refusal is not None:
        facts["reason"] = str(refusal.reason)
        facts["fields"] = [violation.field for violation in refusal.violations]
    get_logger().info("call", method=call.method, status=status, ms=call.milliseconds, **facts)
