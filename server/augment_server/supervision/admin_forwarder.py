"""The operator's service of several workers: each does what is asked for."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import grpc

from augment_proto.reasons import ADMIN_SERVICE
from augment_proto.v1 import admin_pb2
from augment_server.admin_tokens import TokenInterceptor
from augment_server.listening import listen_for_admin

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from augment_server.settings import Settings
    from augment_server.supervision.journal import Journal

__all__ = ["AdminForwarder"]

_MAX_REQUEST_BYTES = 2**16
_SENT_ON = ("authorization", "x-request-id")
_SENT_BACK = ("grpc-status-details-bin", "x-request-id")
_METHODS = admin_pb2.DESCRIPTOR.services_by_name["AdminService"].methods_by_name
_LOOKS = ("ListVersions",)


class AdminForwarder:
    """A port for the AdminService. Made by `start`, ended by `stop`, both on the same event loop.

    One change at a time goes to all workers; the first error is the answer, and what the others did stays
    done. Who only looks is answered by one of them.

    Args:
        settings: Where to listen.
        tokens: Those that are taken.
        ports: Returns where the workers' own listeners are.
        journal: Told what was changed.

    Attributes:
        port: The port it listens on.

    Raises:
        RequestError: The address is taken.
    """

    def __init__(
        self, settings: Settings, tokens: Sequence[str], ports: Callable[[], list[int]], journal: Journal
    ) -> None:
        self._ports = ports
        self._journal = journal
        self._lock = asyncio.Lock()
        options = [("grpc.max_receive_message_length", _MAX_REQUEST_BYTES), ("grpc.so_reuseport", 0)]
        self._server = grpc.aio.server(interceptors=[TokenInterceptor(tokens)], options=options)
        handlers: dict[str, Any] = {
            name: grpc.unary_unary_rpc_method_handler(self._forward(name)) for name in _METHODS
        }
        handler = grpc.method_handlers_generic_handler(ADMIN_SERVICE, handlers)
        self._server.add_generic_rpc_handlers((handler,))
        self.port = listen_for_admin(self._server, settings)

    async def start(self) -> None:
        """Take calls."""
        await self._server.start()

    async def stop(self) -> None:
        """Refuse new calls and end those in flight."""
        await self._server.stop(0)

    def _forward(self, method: str) -> Any:
        async def answer(request: bytes, context: Any) -> bytes:
            if method in _LOOKS:
                return await self._asked(self._ports()[:1], method, request, context)
            async with self._lock:
                done = await self._asked(self._ports(), method, request, context)
                self._journal.add(method, request, done)
                return done

        return answer

    async def _asked(self, ports: Sequence[int], method: str, request: bytes, context: Any) -> bytes:
        """Return what the first worker answers, once all have."""
        if not ports:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "no worker is ready; try again")
        asked = [_ask(port, method, request, context) for port in ports]
        answers: list[Any] = await asyncio.gather(*asked, return_exceptions=True)
        for error in answers:
            if isinstance(error, grpc.aio.AioRpcError):
                details = _chosen(error.trailing_metadata(), _SENT_BACK)
                await context.abort(error.code(), error.details() or "", details)
            elif isinstance(error, BaseException):
                raise error
        first: bytes = answers[0]
        return first


async def _ask(port: int, method: str, request: bytes, context: Any) -> Any:
    options = [("grpc.enable_http_proxy", 0)]
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", options) as channel:
        call: Any = channel.unary_unary(f"/{ADMIN_SERVICE}/{method}")
        metadata = _chosen(context.invocation_metadata(), _SENT_ON)
        return await call(request, timeout=context.time_remaining(), metadata=metadata)


def _chosen(metadata: Any, names: Sequence[str]) -> tuple[tuple[str, str | bytes], ...]:
    return tuple((key, value) for key, value in metadata or () if key in names)
