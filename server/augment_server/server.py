"""One server: port, services, health, and a stop that lets calls in flight finish."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from augment_proto.reasons import SERVICE
from augment_proto.v1 import augment_pb2_grpc
from augment_server.admission import Admission, computations_of
from augment_server.authentication import Gatekeeper
from augment_server.interceptor import CallInterceptor
from augment_server.listening import listen
from augment_server.logs import get_logger
from augment_server.metrics import Metrics, MetricsPage
from augment_server.operations import Operations
from augment_server.priority import give_way
from augment_server.server_info import ServerInfo
from augment_server.service import AugmentService
from augment_server.tracing import Tracer

if TYPE_CHECKING:
    from augment_server.quotas import Quotas
    from augment_server.registry import Registry
    from augment_server.settings import Settings

__all__ = ["Server"]


class Server:
    """A server that listens. Made by `start`, ended by `stop`, both on the same event loop.

    Args:
        settings: What the operator wants; with several workers the port is shared with the others.
        registry: The models.
        quotas: Those of all workers; None: there is only this one.

    Attributes:
        host: The address it listens on.
        port: The port it listens on.
        metrics: What it counts.
        metrics_page: Where it tells that; None: nowhere.
    """

    def __init__(self, settings: Settings, registry: Registry, quotas: Quotas | None = None) -> None:
        self.host = settings.host
        self.port = settings.port
        self._settings = settings
        self._registry = registry
        self._watching: asyncio.Task[None] | None = None
        self._hurried = asyncio.Event()
        self._pool = ThreadPoolExecutor(
            computations_of(settings), thread_name_prefix="compute", initializer=give_way
        )
        self.metrics = Metrics()
        self.metrics.watch_models(lambda: Counter(each.state.lower() for each in registry.versions()))
        self.metrics_page: MetricsPage | None = None
        self._ending: asyncio.Task[None] | None = None
        admission = Admission(self._pool, settings, self.metrics)
        self._tracer = Tracer(settings.otlp_endpoint)
        interceptor = CallInterceptor(Gatekeeper(settings), admission, self.metrics, settings, self._tracer)
        self._watches = interceptor.watches
        self._server = grpc.aio.server(interceptors=[interceptor], options=_options(settings))
        self._health = health.aio.HealthServicer()
        operations = Operations(registry, settings, quotas)
        service = AugmentService(operations, admission, ServerInfo(settings, registry))
        augment_pb2_grpc.add_AugmentServiceServicer_to_server(service, self._server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        reflection.enable_server_reflection(
            (SERVICE, health.SERVICE_NAME, reflection.SERVICE_NAME), self._server
        )

    @classmethod
    async def start(cls, settings: Settings, registry: Registry, quotas: Quotas | None = None) -> Server:
        """Return a server that takes calls and says so when asked for its health.

        Raises:
            RequestError: The address cannot be listened on, or not safely, or credentials cannot be used.
        """
        server = cls(settings, registry, quotas)
        server.port = listen(server._server, settings)
        if settings.metrics_port is not None:
            server.metrics_page = MetricsPage(
                server.metrics.registry, settings.metrics_host, settings.metrics_port
            )
        await server._server.start()
        server._ending = asyncio.create_task(server._end())
        await server._follow()
        if settings.watch_s:
            server._watching = asyncio.create_task(server._watch(settings.watch_s))
        return server

    async def ended(self) -> None:
        """Return when calls are taken no more, whoever or whatever ended that."""
        if self._ending is not None:
            await asyncio.shield(self._ending)  # who cancels gRPC's wait for its end makes its stop fail

    async def _end(self) -> None:
        with contextlib.suppress(Exception):  # what ended it, if it did so by itself: gRPC has logged that
            await self._server.wait_for_termination()

    async def stop(self, grace_s: float | None = None) -> None:
        """Say NOT_SERVING, refuse new calls, and wait for those in flight, at most `grace_s` seconds.

        Args:
            grace_s: None: as the settings say, after their delay in which new calls are still taken.
        """
        if self._watching is not None:
            self._watching.cancel()
        await self._health.enter_graceful_shutdown()
        if grace_s is None:
            await self._delay(self._settings.drain_delay_s)
        else:
            self._hurried.set()
        self._watches.end()
        await self._server.stop(self._settings.grace_s if grace_s is None else grace_s)
        if self.metrics_page is not None:
            self.metrics_page.stop()
            self.metrics_page = None
        self._tracer.stop()
        self._pool.shutdown(wait=True, cancel_futures=True)

    async def _delay(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._hurried.wait(), seconds)

    async def _watch(self, interval_s: float) -> None:
        """Have the registry look at its store again and again."""
        while True:
            await asyncio.sleep(interval_s)
            try:
                await asyncio.wrap_future(self._registry.begin_refresh())
            except Exception as error:  # noqa: BLE001 - whatever went wrong this time, look again
                get_logger().error("fault", exc_info=error)

    async def _follow(self) -> None:
        """Tell the health of each model, now and after each change."""
        loop = asyncio.get_running_loop()
        told: set[str] = set()

        async def tell(names: set[str]) -> None:
            for name in told - names - {"", SERVICE}:
                await self._health.set(name, health_pb2.HealthCheckResponse.NOT_SERVING)
            for name in names:
                await self._health.set(name, health_pb2.HealthCheckResponse.SERVING)
            told.update(names)

        def on_change(names: set[str]) -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                asyncio.run_coroutine_threadsafe(tell(names), loop)

        self._registry.on_change(on_change)
        await tell({"", SERVICE, *(model.name for model in self._registry.models())})


_CALLS_A_CONNECTION = 1024
"""At a time; further ones wait at the client."""


def _options(settings: Settings) -> list[tuple[str, int]]:
    """Return gRPC's own settings.

    Without the bandwidth probe a stalled upload pins its window and no more (measured: 20 of 1 MiB each
    29 MiB in all, 666 MiB with it). Without port sharing a second server on the port is an error;
    where workers share it, their supervisor sees to that.
    """
    return [
        ("grpc.max_receive_message_length", settings.max_request_bytes),
        ("grpc.max_send_message_length", -1),
        ("grpc.max_concurrent_streams", _CALLS_A_CONNECTION),
        ("grpc.http2.bdp_probe", 0),
        ("grpc.so_reuseport", int(settings.workers > 1)),
        ("grpc.keepalive_time_ms", 60_000),
        ("grpc.keepalive_timeout_ms", 20_000),
        ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
    ]
