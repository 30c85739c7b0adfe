"""Starts the workers, keeps them running, and ends them."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import AsyncExitStack, suppress
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry

from augment.cpus import available_cpus
from augment_server.admin_tokens import read_tokens
from augment_server.listening import require_safe
from augment_server.logs import get_logger
from augment_server.metrics import MetricsPage
from augment_server.shared_buckets import shared_file
from augment_server.stopping import Stopping
from augment_server.supervision.admin_forwarder import AdminForwarder
from augment_server.supervision.held_port import HeldPort
from augment_server.supervision.journal import Journal
from augment_server.supervision.keeper import Keeper, WorkerError
from augment_server.supervision.merged_page import WorkerMetrics

if TYPE_CHECKING:
    from collections.abc import Iterable

    from augment_server.settings import Settings
    from augment_server.supervision.orders import Report

__all__ = ["supervise"]

_PATIENCE_S = 10.0
"""How much longer than it may a worker may take to end before it is killed."""


def supervise(settings: Settings) -> None:
    """Serve by as many workers as the settings say, until SIGTERM or SIGINT; a second signal hurries.

    Raises:
        RequestError: The address is taken, or settings cannot be used.
        WorkerError: A worker did not get ready.
    """
    require_safe(settings)
    with HeldPort(settings.host, settings.port) as held:
        fixed = settings.model_copy(update={"port": held.port})
        quotas_in = shared_file()
        try:
            asyncio.run(_Supervisor(fixed, quotas_in).run())
        finally:
            os.close(quotas_in)


class _Supervisor:
    """Of workers that are to share a port, which is not 0."""

    def __init__(self, settings: Settings, quotas_in: int) -> None:
        self._settings = settings
        self._journal = Journal()
        cpus = available_cpus()
        self._keepers = [
            Keeper(index, settings, cpus, quotas_in, self._journal) for index in range(settings.workers)
        ]

    async def run(self) -> None:
        stopping = Stopping()
        stopping.on_signals(stopping.ask, signal.SIGTERM, signal.SIGINT)
        try:
            async with AsyncExitStack() as pages:
                ports = await self._open_pages(pages)
                reports = await self._start(stopping)
                keeping = [asyncio.create_task(keeper.keep()) for keeper in self._keepers]
                if not stopping.stop.is_set():
                    self._tell(reports[0], ports)
                await stopping.stop.wait()
                get_logger().info("stopping", grace_s=self._settings.grace_s)
                await self._end(keeping, stopping.hurry)
        finally:
            for keeper in self._keepers:
                keeper.kill()
        get_logger().info("stopped")

    async def _open_pages(self, pages: AsyncExitStack) -> dict[str, int]:
        """Open what operators look at; return the ports."""
        settings, ports = self._settings, {}
        if settings.admin_port is not None and settings.admin_token_file is not None:
            tokens = read_tokens(settings.admin_token_file)
            admin = AdminForwarder(settings, tokens, self._admin_ports, self._journal)
            await admin.start()
            pages.push_async_callback(admin.stop)
            ports["admin_port"] = admin.port
        if settings.metrics_port is not None:
            registry = CollectorRegistry()
            registry.register(WorkerMetrics(self._metrics_ports, self._restarts))
            page = MetricsPage(registry, settings.metrics_host, settings.metrics_port)
            pages.push_async_callback(asyncio.to_thread, page.stop)
            ports["metrics_port"] = page.port
        return ports

    async def _start(self, stopping: Stopping) -> list[Report]:
        """Start all workers; nothing is returned where it is time to stop before they are ready.

        Raises:
            WorkerError: One did not get ready.
        """
        starting = [asyncio.create_task(keeper.start()) for keeper in self._keepers]
        asked = asyncio.create_task(stopping.stop.wait())
        every = asyncio.gather(*starting)
        await asyncio.wait((every, asked), return_when=asyncio.FIRST_COMPLETED)
        asked.cancel()
        stopped = not every.done()
        for keeper in self._keepers:
            if stopped:
                keeper.end()
            elif every.exception() is not None:
                keeper.kill()
        if stopped:
            await asyncio.wait(starting, timeout=_PATIENCE_S)
            for keeper in self._keepers:
                if keeper.report is None:
                    keeper.kill()
        await asyncio.wait(starting)
        if not stopped:
            return every.result()
        with suppress(WorkerError):
            await every
        return []

    def _tell(self, report: Report, ports: dict[str, int]) -> None:
        facts = {"host": report.host, "models": report.models, "port": report.port, **ports}
        get_logger().info("ready", **facts, workers=len(self._keepers))

    async def _end(self, keeping: Iterable[asyncio.Task[None]], hurry: asyncio.Event) -> None:
        """End all workers: in their time, at once when hurried, and by force where they do not."""
        for keeper in self._keepers:
            keeper.end()
        ended = asyncio.gather(*keeping)
        hurrying = asyncio.create_task(hurry.wait())
        limit_s = self._settings.drain_delay_s + self._settings.grace_s + _PATIENCE_S
        await asyncio.wait((ended, hurrying), timeout=limit_s, return_when=asyncio.FIRST_COMPLETED)
        hurrying.cancel()
        if not ended.done():
            for keeper in self._keepers:
                keeper.hurry()
            await asyncio.wait((ended,), timeout=_PATIENCE_S)
        for keeper in self._keepers:
            keeper.kill()
        await ended

    def _admin_ports(self) -> list[int]:
        reports = [keeper.report for keeper in self._keepers]
        return [each.admin_port for each in reports if each is not None and each.admin_port is not None]

    def _metrics_ports(self) -> dict[int, int]:
        reports = {keeper.index: keeper.report for keeper in self._keepers}
        return {
            index: each.metrics_port
            for index, each in reports.items()
            if each is not None and each.metrics_port is not None
        }

    def _restarts(self) -> dict[int, int]:
        return {keeper.index: keeper.restarts for keeper in self._keepers}
