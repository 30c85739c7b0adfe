"""One server process: opens the models, serves, and ends when it is told to."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from augment_server.admin import AdminListener
from augment_server.hosting.memory import keep_little_memory
from augment_server.logs import get_logger
from augment_server.priority import give_way
from augment_server.registry import Registry
from augment_server.server import Server
from augment_server.stopping import Stopping
from augment_server.supervision.held_port import require_free

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from augment_server.quotas import Quotas
    from augment_server.settings import Settings

__all__ = ["opened", "run", "serve_until"]

_PATIENCE_S = 5.0
"""How long the end waits for a version that is being loaded: less than supervisors and pods have patience."""


def run(settings: Settings) -> None:
    """Serve alone until SIGTERM or SIGINT; a second signal hurries.

    Raises:
        RequestError: There is nothing to serve, or the address is taken.
    """

    async def serve() -> None:
        stopping = Stopping()
        stopping.on_signals(stopping.ask, signal.SIGTERM, signal.SIGINT)
        await serve_until(stopping, settings, registry, lambda facts: get_logger().info("ready", **facts))

    require_free(settings.host, settings.port)
    with opened(settings) as registry:
        asyncio.run(serve())


@contextmanager
def opened(settings: Settings) -> Iterator[Registry]:
    """Open the models, and close them in the end.

    Raises:
        RequestError: There is nothing to serve.
    """
    keep_little_memory()
    with ThreadPoolExecutor(1, initializer=give_way) as opening:  # onnxruntime's threads follow who opens
        registry = opening.submit(Registry.open, settings).result()
    gc.collect()
    gc.freeze()  # what is there for good is not looked through again and again while calls are answered
    try:
        yield registry
    except BaseException:
        registry.close()
        raise
    if not registry.close(_PATIENCE_S):
        # A large bundle may load for minutes. Python would wait for that thread; were it a daemon, the end of
        # the process would destroy the runtime under it. All calls have ended and the log is written through.
        get_logger().warning("ended while a version was loaded")
        os._exit(0)


async def serve_until(
    stopping: Stopping,
    settings: Settings,
    registry: Registry,
    ready: Callable[[dict[str, Any]], None],
    quotas: Quotas | None = None,
) -> None:
    """Serve until it is time to stop, then let calls in flight finish, or not.

    Args:
        stopping: When it is time.
        settings: What the operator wants.
        registry: The models.
        ready: Told, once calls are taken, where that is and of which models.
        quotas: Those of all workers; None: there is only this process.

    Raises:
        RequestError: An address is taken, or credentials cannot be used.
        SystemExit: gRPC ended by itself: a process that lives and answers nobody is not started anew.
    """
    server = await Server.start(settings, registry, quotas)
    try:
        admin = await AdminListener.start(settings, registry, server.metrics)
    except BaseException:
        await server.stop(grace_s=0)
        raise
    names = [f"{model.name}/{model.version}" for model in registry.models()]
    ports = {"port": server.port} | ({"admin_port": admin.port} if admin else {})
    if server.metrics_page is not None:
        ports["metrics_port"] = server.metrics_page.port
    ready({"host": server.host, "models": names, **ports})
    if not await _is_stopped(server, stopping):
        get_logger().error(
            "fault", reason="gRPC takes no calls any more; the process ends, to be started anew"
        )
    get_logger().info("stopping", grace_s=settings.grace_s)
    await _stop(server, stopping.hurry)
    if admin is not None:
        await admin.stop()
    get_logger().info("stopped")
    if not stopping.stop.is_set():
        raise SystemExit(1)


async def _is_stopped(server: Server, stopping: Stopping) -> bool:
    """Return True once it is time to stop, False if gRPC ends by itself."""
    asked, ended = (asyncio.create_task(each) for each in (stopping.stop.wait(), server.ended()))
    await asyncio.wait((asked, ended), return_when=asyncio.FIRST_COMPLETED)
    for task in (asked, ended):
        task.cancel()
    return stopping.stop.is_set()


async def _stop(server: Server, hurry: asyncio.Event) -> None:
    draining = asyncio.create_task(server.stop())
    hurrying = asyncio.create_task(hurry.wait())
    await asyncio.wait((draining, hurrying), return_when=asyncio.FIRST_COMPLETED)
    if not draining.done():
        await server.stop(grace_s=0)
    hurrying.cancel()
    await draining
