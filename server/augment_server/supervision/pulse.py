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

    async def report(self, seconds: float) -> bytes:
        """Return the first line; nothing where the worker ends before.

        Raises:
            TimeoutError: There is neither for so long.
        """
        line = await self._line(seconds)
        if line is None:
            raise TimeoutError
        return line

    async def lost(self, seconds: float) -> None:
        """Return when there was no sign of life for so long; never where the worker has ended."""
        while (line := await self._line(seconds)) is not None:
            if not line:
                await asyncio.Event().wait()

    async def _line(self, seconds: float) -> bytes | None:
        """Return the next line, an empty one where the worker has ended; None: neither for so long.

        Time is counted in waits of this process: where both were stopped, the worker has its time anew.
        """
        reading = asyncio.ensure_future(self._reader.readline())
        try:
            for _ in range(max(1, round(seconds / BEAT_S))):
                if (await asyncio.wait((reading,), timeout=BEAT_S))[0]:
                    return reading.result()
        finally:
            reading.cancel()
        return None

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
