"""Gives memory back to the system: the C library keeps what was freed, for the next that asks."""

from __future__ import annotations

import asyncio
import ctypes

import pyarrow as pa

__all__ = ["Trimming", "give_back_memory", "keep_little_memory"]

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of mallopt(3)
_LARGE_BYTES = 2**20
_TRIM_S = 1.0


def keep_little_memory() -> None:
    """Have large blocks return to the system as soon as they are freed, where the C library can (glibc).

    By itself it raises what counts as large to what was freed last, up to 32 MiB: each thread then keeps the
    requests that it has had. Arrow's own allocator keeps what it had likewise, so it is not used (measured
    over 38 requests of up to 15 MiB: 5 MiB more at the end, 64 with it). Call it before threads begin.
    """
    pa.set_memory_pool(pa.system_memory_pool())
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_MMAP_THRESHOLD, _LARGE_BYTES)
        mallopt(_TRIM_THRESHOLD, 4 * _LARGE_BYTES)


def give_back_memory() -> None:
    """Return freed pages to the system where the C library can (glibc); elsewhere do nothing."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


class Trimming:
    """Gives memory back in a thread, soon after it was told that much was freed. On one event loop alone.

    What a stalled caller pinned came in many small pieces, which the C library keeps where they were.
    """

    def __init__(self) -> None:
        self._waiting: asyncio.TimerHandle | None = None

    def soon(self) -> None:
        """Give memory back within a second, once for all who ask until then."""
        if self._waiting is None:
            self._waiting = asyncio.get_running_loop().call_later(_TRIM_S, self._begin)

    def _begin(self) -> None:
        self._waiting = None
        asyncio.get_running_loop().run_in_executor(None, give_back_memory)
