"""Runs one server until it is told to stop."""

from __future__ import annotations

import asyncio
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from pydantic import ValidationError
from pydantic_settings import CliApp

from augment.errors import AugmentError
from augment_server.admin import AdminListener
from augment_server.hosting.memory import keep_little_memory
from augment_server.logs import configure_logs, get_logger
from augment_server.priority import give_way
from augment_server.registry import Registry
from augment_server.server import Server
from augment_server.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main", "serve"]

_SWITCH_S = 0.0005
"""How long a computing thread may keep the interpreter from the event loop. With Python's own 5 ms a call
that needs ten turns of the loop, such as a refusal, takes 50 ms."""


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT, then let calls in flight finish; a second signal ends them.

    Must be called in the main thread, which is where signals arrive.

    Raises:
        RequestError: There is nothing to serve, or the address is taken.
    """
    configure_logs(settings)
    sys.setswitchinterval(_SWITCH_S)
    keep_little_memory()
    with ThreadPoolExecutor(1, initializer=give_way) as opening:  # onnxruntime's threads follow who opens
        registry = opening.submit(Registry.open, settings).result()
    try:
        asyncio.run(_serve(settings, registry))
    finally:
        registry.close()


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve with settings from flags and `AUGMENT_...` variables; return the exit code.

    Args:
        arguments: The flags; None: those of the process.
    """
    try:
        given = list(sys.argv[1:] if arguments is None else arguments)
        serve(CliApp.run(Settings, cli_args=given))
    except ValidationError as error:
        for broken in error.errors(include_url=False):
            name = ".".join(str(part) for part in broken["loc"])
            sys.stderr.write(f"error: {name}: {broken['msg']}, got {broken['input']!r}\n")
        return 2
    except AugmentError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    return 0


async def _serve(settings: Settings, registry: Registry) -> None:
    stop, hurry = asyncio.Event(), asyncio.Event()

    def on_signal() -> None:
        (hurry if stop.is_set() else stop).set()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, on_signal)
    server = await Server.start(settings, registry)
    try:
        admin = await AdminListener.start(settings, registry, server.metrics)
    except BaseException:
        await server.stop(grace_s=0)
        raise
    names = [f"{model.name}/{model.version}" for model in registry.models()]
    ports = {"port": server.port} | ({"admin_port": admin.port} if admin else {})
    if server.metrics_page is not None:
        ports["metrics_port"] = server.metrics_page.port
    get_logger().info("ready", host=server.host, models=names, **ports)
    await stop.wait()
    get_logger().info("stopping", grace_s=settings.grace_s)
    await _stop(server, hurry)
    if admin is not None:
        await admin.stop()
    get_logger().info("stopped")


async def _stop(server: Server, hurry: asyncio.Event) -> None:
    draining = asyncio.create_task(server.stop())
    hurrying = asyncio.create_task(hurry.wait())
    await asyncio.wait((draining, hurrying), return_when=asyncio.FIRST_COMPLETED)
    if not draining.done():
        await server.stop(grace_s=0)
    hurrying.cancel()
    await draining
