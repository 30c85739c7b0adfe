"""How many requests are read at a time: gRPC holds what has come of each, up to the largest request."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

__all__ = ["FEW_BYTES", "Uploads"]

_MEMORY_BYTES = 320 * 2**20
FEW_BYTES = 64 * 2**20
"""For services whose requests are small."""

_LEAST_PLACES = 4
_LEAST_S = 2.0


class Uploads:
    """Requests that are being read. On one event loop alone.

    As many at a time as fit into 320 MiB, were each as large as allowed. Where another one comes, the oldest
    has to be through within two seconds of its beginning, so that those who stall give way.

    Args:
        max_request_bytes: The largest request.
        idle_s: How long one may take where no other waits.
        workers: How many processes share the memory.
        memory_bytes: That memory.
    """

    def __init__(
        self, max_request_bytes: int, idle_s: float, workers: int = 1, memory_bytes: int = _MEMORY_BYTES
    ) -> None:
        places = max(_LEAST_PLACES, memory_bytes // max_request_bytes)
        self._places = asyncio.Semaphore(max(1, places // workers))
        self._idle_s = idle_s
        self._limits: dict[asyncio.Timeout, float] = {}
        self._waiting = 0

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """Hold a place while a request is read.

        Raises:
            TimeoutError: There is none in time, or the request takes too long.
        """
        now = asyncio.get_running_loop().time
        async with asyncio.timeout(self._idle_s):
            await self._acquire(now)
        try:
            async with asyncio.timeout(self._idle_s) as limit:
                self._limits[limit] = now()
                try:
                    if self._waiting:
                        self._hurry(now())
                    yield
                finally:
                    del self._limits[limit]
        finally:
            self._places.release()

    async def _acquire(self, now: Callable[[], float]) -> None:
        """Wait for a place; whoever waits has another one hurried, and whoever comes after them as well."""
        if self._places.locked():
            self._hurry(now())
        self._waiting += 1
        try:
            await self._places.acquire()
        finally:
            self._waiting -= 1

    def _hurry(self, now: float) -> None:
        """Let the oldest that is not hurried yet be through soon."""
        for limit, began in self._limits.items():
            soon = max(now, began + min(_LEAST_S, self._idle_s))
            if (limit.when() or soon) > soon:
                limit.reschedule(soon)
                return
