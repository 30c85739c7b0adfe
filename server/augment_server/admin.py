"""The operator's service: what is loaded, and what aliases name. On a listener of its own."""

from __future__ import annotations

import asyncio
import contextvars
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

import grpc

from augment.errors import RequestError
from augment_proto.reasons import ADMIN_SERVICE
from augment_proto.v1 import admin_pb2, admin_pb2_grpc
from augment_server.admin_tokens import TokenInterceptor, read_tokens
from augment_server.calls import note
from augment_server.descriptions import told_version
from augment_server.interceptor import CallInterceptor
from augment_server.listening import listen_for_admin
from augment_server.tracing import Tracer

if TYPE_CHECKING:
    from collections.abc import Callable

    from augment_server.metrics import Metrics
    from augment_server.registry import Registry
    from augment_server.settings import Settings

__all__ = ["AdminListener", "AdminService"]

_T = TypeVar("_T")
_THREADS = 2
_MAX_REQUEST_BYTES = 2**16


class AdminService(admin_pb2_grpc.AdminServiceServicer):
    """The methods of `augment.v1.AdminService`.

    Args:
        registry: What they change.
        pool: Where they wait for it.
    """

    def __init__(self, registry: Registry, pool: ThreadPoolExecutor) -> None:
        self._registry = registry
        self._pool = pool

    async def ListVersions(  # noqa: N802
        self,
        request: admin_pb2.ListVersionsRequest,
        context: object,  # noqa: ARG002
    ) -> admin_pb2.ListVersionsResponse:
        """All versions that are known."""
        names = sorted({each.name for each in self._registry.versions(request.model)})
        models = [self._hosted(name) for name in names]
        return admin_pb2.ListVersionsResponse(models=models, counts=self._registry.counts())

    async def LoadModel(  # noqa: N802
        self,
        request: admin_pb2.LoadModelRequest,
        context: object,  # noqa: ARG002
    ) -> admin_pb2.LoadModelResponse:
        """Load a version and keep it."""
        note(model=request.model, version=request.version)
        hosted = await self._run(lambda: self._registry.load(_name(request.model), request.version))
        return admin_pb2.LoadModelResponse(version=told_version(hosted))

    async def UnloadModel(  # noqa: N802
        self,
        request: admin_pb2.UnloadModelRequest,
        context: object,  # noqa: ARG002
    ) -> admin_pb2.UnloadModelResponse:
        """Unload a version, or all of a model."""
        note(model=request.model, version=request.version)
        versions = await self._run(lambda: self._registry.unload(_name(request.model), request.version))
        return admin_pb2.UnloadModelResponse(versions=versions)

    async def SetAlias(  # noqa: N802
        self,
        request: admin_pb2.SetAliasRequest,
        context: object,  # noqa: ARG002
    ) -> admin_pb2.SetAliasResponse:
        """Have an alias name a version."""
        note(model=request.model, version=request.version, alias=request.alias)
        set_alias = self._registry.set_alias
        version = await self._run(lambda: set_alias(_name(request.model), request.alias, request.version))
        return admin_pb2.SetAliasResponse(version=version)

    async def DeleteAlias(  # noqa: N802
        self,
        request: admin_pb2.DeleteAliasRequest,
        context: object,  # noqa: ARG002
    ) -> admin_pb2.DeleteAliasResponse:
        """Remove an alias."""
        note(model=request.model, alias=request.alias)
        await self._run(lambda: self._registry.delete_alias(_name(request.model), request.alias))
        return admin_pb2.DeleteAliasResponse()

    def _hosted(self, name: str) -> admin_pb2.HostedModel:
        return admin_pb2.HostedModel(
            name=name,
            served=self._registry.served(name),
            aliases=self._registry.aliases(name),
            versions=[told_version(each) for each in self._registry.versions(name)],
        )

    async def _run(self, work: Callable[[], _T]) -> _T:
        context = contextvars.copy_context()
        return await asyncio.get_running_loop().run_in_executor(self._pool, context.run, work)


class AdminListener:
    """A port for `AdminService` alone. Made by `start`, ended by `stop`, both on the same event loop.

    Attributes:
        port: The port it listens on.
    """

    def __init__(self, settings: Settings, registry: Registry, tokens: list[str], metrics: Metrics) -> None:
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="admin")
        calls = CallInterceptor(None, None, metrics, settings, Tracer(""), ADMIN_SERVICE)
        self._server = grpc.aio.server(
            interceptors=[TokenInterceptor(tokens), calls],
            options=[("grpc.max_receive_message_length", _MAX_REQUEST_BYTES), ("grpc.so_reuseport", 0)],
        )
        admin_pb2_grpc.add_AdminServiceServicer_to_server(AdminService(registry, self._pool), self._server)
        self.port = listen_for_admin(self._server, settings)

    @classmethod
    async def start(cls, settings: Settings, registry: Registry, metrics: Metrics) -> AdminListener | None:
        """Return a listener that takes calls; None if the settings want none.

        Raises:
            RequestError: There are no usable tokens, or the address cannot be listened on.
        """
        if settings.admin_port is None or settings.admin_token_file is None:
            return None
        listener = cls(settings, registry, read_tokens(settings.admin_token_file), metrics)
        await listener._server.start()
        return listener

    async def stop(self) -> None:
        """Refuse new calls and end those in flight."""
        await self._server.stop(0)
        self._pool.shutdown(wait=False, cancel_futures=True)


def _name(name: str) -> str:
    if not name:
        raise RequestError.of("model", "must be the name of a model", name)
    return name
