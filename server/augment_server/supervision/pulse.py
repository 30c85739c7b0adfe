"""What a worker says of itself: once what has become of it, and then again and again that it goes on."""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from typing import Self

__all__ = ["BEAT_S", "Pulse", "beat"]

BEAT_S = 0.5
"""Seconds from one sign of life to the next."""

_MAX_REPORT_BYTES = 2**20


class Pulse:
    """The supervisor's end of a worker's pipe; `open` makes one."""

    def __init__(self, reader: asyncio.StreamReader, transport: asyncio.BaseTransport) -> None:
        self._reader = reader
        self._transport = transport

    @classmethod
    async def open(cls, descriptor: int) -> Self:
        """Read from a pipe, which is the pulse's to close."""
        reader = asyncio.StreamReader(limit=_MAX_REPORT_BYTES)
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(descriptor, "rb", buffering=0)
        )
        return cls(reader, transport)

    async def report(self) -> bytes:
        """Return the first line; nothing where the worker ends before."""
        return await self._reader.readline()

    async def lost(self, seconds: float) -> None:
        """Return when there was no sign of life for so long; never where the worker has ended.

        Time is counted in waits of this process: where both were stopped, the worker has its time anew.
        """
        left = waits = max(1, round(seconds / BEAT_S))
        beating = asyncio.ensure_future(self._reader.readline())
        try:
            while left:
                done, _ = await asyncio.wait((beating,), timeout=BEAT_S)
                left = waits if done else left - 1
                if done:
                    if not beating.result():
                        await asyncio.Event().wait()
                    beating = asyncio.ensure_future(self._reader.readline())
        finally:
            beating.cancel()

    def close(self) -> None:
        """Close the pipe."""
        self._transport.close()


async def beat(descriptor: int) -> None:
    """Give signs of life on a pipe for as long as the event loop turns; where nobody reads, to nobody."""
    os.set_blocking(descriptor, False)
    while True:
        with suppress(OSError):
            os.write(descriptor, b"\n")
        await asyncio.sleep(BEAT_S)
