"""What holds for every call: an id, a log line, and errors by the one table of `status`."""

from __future__ import annotations

import asyncio
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING, Any

import grpc
import structlog.contextvars
from google.protobuf.message import DecodeError
from grpc_health.v1 import health

from augment.errors import RequestError
from augment_proto.reasons import SERVICE
from augment_proto.refusal import Refusal, pack
from augment_server.calls import Call, begin_call, note
from augment_server.logs import get_logger
from augment_server.principals import ANYONE, Principal
from augment_server.status import is_fault, refusal_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from augment_server.authentication import Gatekeeper

__all__ = ["CallInterceptor"]

_CODES = {code.value[0]: code for code in grpc.StatusCode}
_ID_KEY = "x-request-id"
_STATUS_KEY = "grpc-status-details-bin"


class CallInterceptor(grpc.aio.ServerInterceptor):
    """Wraps the methods of one of our own services. Health is for anyone, all else for those who are known.

    Args:
        gatekeeper: Knows the callers; None: nobody is asked.
        service: The full name of the service.
    """

    def __init__(self, gatekeeper: Gatekeeper | None = None, service: str = SERVICE) -> None:
        self._gatekeeper = gatekeeper
        self._service = service

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        """Return the method's handler, wrapped."""
        handler = await continuation(handler_call_details)
        service, _, method = handler_call_details.method.rpartition("/")
        if handler is None or service == f"/{health.SERVICE_NAME}":
            return handler
        if service != f"/{self._service}":
            closed = self._gatekeeper is not None and not self._gatekeeper.is_open
            return self._guarded(handler, method) if closed else handler
        serializer = handler.response_serializer
        if handler.request_streaming:
            answer = self._conversing(handler, method)
            return grpc.stream_stream_rpc_method_handler(answer, response_serializer=serializer)
        if handler.response_streaming:
            answer = self._streaming(handler, method)
            return grpc.unary_stream_rpc_method_handler(answer, response_serializer=serializer)
        answer = self._unary(handler, method)
        return grpc.unary_unary_rpc_method_handler(answer, response_serializer=serializer)

    def _unary(self, handler: Any, method: str) -> Any:
        async def answer(body: bytes, context: Any) -> Any:
            async with self._answering(method, context):
                return await handler.unary_unary(_request(handler, body), context)

        return answer

    def _streaming(self, handler: Any, method: str) -> Any:
        """Return a coroutine, not a generator: a cancelled one ends here and now, with all it holds."""

        async def answer(body: bytes, context: Any) -> None:
            async with (
                self._answering(method, context),
                aclosing(handler.unary_stream(_request(handler, body), context)) as messages,
            ):
                async for message in messages:
                    await context.write(message)

        return answer

    def _conversing(self, handler: Any, method: str) -> Any:
        async def answer(bodies: AsyncIterator[bytes], context: Any) -> None:
            requests = (_request(handler, body) async for body in bodies)
            async with (
                self._answering(method, context),
                aclosing(handler.stream_stream(requests, context)) as messages,
            ):
                async for message in messages:
                    await context.write(message)

        return answer

    def _guarded(self, handler: Any, method: str) -> Any:
        """Return a handler of another service, all of whose methods stream both ways, for known callers."""

        async def answer(requests: AsyncIterator[Any], context: Any) -> None:
            async with self._answering(method, context):
                async for message in handler.stream_stream(requests, context):
                    await context.write(message)

        return grpc.stream_stream_rpc_method_handler(
            answer,
            request_deserializer=handler.request_deserializer,
            response_serializer=handler.response_serializer,
        )

    @asynccontextmanager
    async def _answering(self, method: str, context: Any) -> AsyncIterator[None]:
        call = begin_call(method, _given_id(context))
        structlog.contextvars.bind_contextvars(request_id=call.request_id)
        try:
            call = begin_call(method, call.request_id, self._caller(context))
            if call.principal.name:
                note(client=call.principal.name)
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

    def _caller(self, context: Any) -> Principal:
        if self._gatekeeper is None:
            return ANYONE
        metadata = dict(context.invocation_metadata() or ())
        return self._gatekeeper.principal(metadata, context.auth_context() or {})


def _request(handler: Any, body: bytes) -> Any:
    try:
        return handler.request_deserializer(body)
    except DecodeError as error:
        raise RequestError.of("request", "must be a message of this method", f"{len(body)} bytes") from error


def _given_id(context: Any) -> str:
    given = dict(context.invocation_metadata() or ()).get(_ID_KEY, "")
    return given if isinstance(given, str) else ""


def _log(call: Call, status: str, refusal: Refusal | None = None) -> None:
    facts = dict(call.facts)
    if refusal is not None:
        facts["reason"] = str(refusal.reason)
        facts["fields"] = [violation.field for violation in refusal.violations]
    get_logger().info("call", method=call.method, status=status, ms=call.milliseconds, **facts)
