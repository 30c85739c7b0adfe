"""Calls of health and reflection that stay open for as long as their callers like: so many, and no more."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from augment_server.denials import OverloadedError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["MOST_HELD", "HeldCalls", "Relay"]

MOST_HELD = 1024
"""Of a method, in one process. Each costs 23 KiB of memory (measured)."""

_RESERVED = 4
"""One of so many is kept for other clients than the one that has all the others."""

_RETRY_S = 30.0
_LAST_S = 0.5


class HeldCalls:
    """Counts those of one method. On one event loop alone.

    Args:
        name: Of the method.
        most: How many there may be.
    """

    def __init__(self, name: str, most: int = MOST_HELD) -> None:
        self._name = name
        self._most = most
        self._most_of_one = most - most // _RESERVED
        self._held: Counter[str] = Counter()
        self._relays: set[Relay] = set()

    @contextmanager
    def holding(self, client: str) -> Iterator[Relay]:
        """Count a call while it lasts.

        Args:
            client: Whose call.

        Raises:
            OverloadedError: There are as many as there may be, of all clients or of this one.
        """
        if self._held.total() >= self._most or self._held[client] >= self._most_of_one:
            own = f"{self._held[client]} of them from this client, which may have {self._most_of_one}"
            why = f"{self._held.total()} calls of {self._name} are open, of at most {self._most}, {own}"
            raise OverloadedError(why, _RETRY_S)
        relay = Relay()
        self._held[client] += 1
        self._relays.add(relay)
        try:
            yield relay
        finally:
            self._relays.remove(relay)
            self._held[client] -= 1
            if not self._held[client]:
                del self._held[client]

    def end(self) -> None:
        """Have those end that are open now, once they were told what was written last: the server stops."""
        for relay in self._relays:
            asyncio.get_running_loop().call_later(_LAST_S, relay.end)


class Relay:
    """Stands between a service that tells something now and then and the caller, who may not read it.

    A service may hold a lock of all its callers while it writes, as that of grpcio-health-checking 1.85 does:
    one that does not read would keep the others, and the end of the server, waiting. What is written here
    waits for nobody; only the newest is kept.
    """

    def __init__(self) -> None:
        self._newest: Any = None
        self._there = asyncio.Event()
        self._ended = False

    async def write(self, message: Any) -> None:
        """Have a message sent in place of any that was not sent yet. Named as gRPC's own."""
        self._newest = message
        self._there.set()

    async def next(self) -> Any:
        """Return what is to be sent next, when there is something; None at the end."""
        while self._newest is None and not self._ended:
            self._there.clear()
            await self._there.wait()
        message, self._newest = self._newest, None
        return message

    def end(self, *_: object) -> None:
        """Send what was written, and then no more."""
        self._ended = True
        self._there.set()
