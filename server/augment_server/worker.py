"""One of several processes on a port; its supervisor starts it.

The order comes as a line on standard input. When that ends, the supervisor is gone: the worker finishes what
is in flight and ends, as it does on SIGTERM.
"""

from __future__ import annotations

import asyncio
import os
import signal
from typing import TYPE_CHECKING, Any, BinaryIO

from augment.errors import AugmentError
from augment_server.logs import configure_logs, get_logger
from augment_server.process import opened, serve_until
from augment_server.quotas import Quotas
from augment_server.shared_buckets import SharedBuckets
from augment_server.stopping import Stopping
from augment_server.supervision.orders import HURRY, Order, Report
from augment_server.supervision.pulse import beat

if TYPE_CHECKING:
    from augment_server.registry import Registry

__all__ = ["main"]


def main() -> int:
    """Do what the order says; return the exit code."""
    orders = open(0, "rb", buffering=0, closefd=False)  # noqa: SIM115 - standard input, kept open
    order = Order.model_validate_json(orders.readline())
    configure_logs(order.settings, worker=order.index)
    try:
        with opened(order.settings) as registry:
            _repeat(order, registry)
            asyncio.run(_serve(order, registry, orders))
    except AugmentError as error:
        _report(order, Report(error=str(error)))
        return 2
    return 0


async def _serve(order: Order, registry: Registry, orders: BinaryIO) -> None:
    stopping = Stopping()
    stopping.on_signals(stopping.stop.set, signal.SIGTERM, signal.SIGINT)
    tasks = [asyncio.create_task(_listen(stopping, orders))]

    def ready(facts: dict[str, Any]) -> None:
        get_logger().info("worker ready", pid=os.getpid(), **facts)
        _report(order, Report(**facts))
        tasks.append(asyncio.create_task(beat(order.report_to)))

    quotas = Quotas(SharedBuckets(order.quotas_in))
    await serve_until(stopping, order.settings, registry, ready, quotas)
    for task in tasks:
        task.cancel()


async def _listen(stopping: Stopping, orders: BinaryIO) -> None:
    """Do as the supervisor says."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), orders)
    async for line in reader:
        stopping.stop.set()
        if line == HURRY:
            stopping.hurry.set()
    stopping.stop.set()


def _repeat(order: Order, registry: Registry) -> None:
    """Load and unload what the operator did before this worker was there."""
    for change, versions in ((registry.load, order.held), (registry.unload, order.withdrawn)):
        for name, version in versions:
            try:
                change(name, version)
            except AugmentError as error:
                get_logger().warning("not done again", model=name, version=version, reason=str(error))


def _report(order: Order, report: Report) -> None:
    """Tell the supervisor; where it is gone, standard input tells that."""
    try:
        os.write(order.report_to, report.model_dump_json().encode() + b"\n")
    except OSError as error:
        get_logger().warning("no supervisor", reason=str(error))
