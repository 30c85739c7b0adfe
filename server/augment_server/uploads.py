"""How many requests are read at a time: gRPC holds what has come of each, up to the largest request."""

from __future__ import annotations

import asyncio
import random
from collections import Counter, OrderedDict, deque
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from augment_server.denials import OverloadedError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

__all__ = ["LARGE", "SMALL", "Kind", "Uploads"]


@dataclass(frozen=True)
class Kind:
    """What requests are like.

    Attributes:
        memory_bytes: What all that are read at a time may take; those that wait for their answers half of it.
        least_s: How long one may take where another waits.
        newest_first: Whether of one client's the newest is read first, rather than the oldest.
    """

    memory_bytes: int
    least_s: float
    newest_first: bool


LARGE = Kind(320 * 2**20, 2.0, newest_first=False)
SMALL = Kind(64 * 2**20, 0.2, newest_first=True)
"""Health, reflection: a request comes whole with its call. What does not come soon is only there to stall,
and such as came before do not keep a probe that comes now waiting."""

_LEAST_PLACES = 4
_RESERVED = 4
"""One of so many places is kept for other clients than the one that has all the others."""

_LEAST_RETRY_S = 0.1

_Turn = asyncio.Future[None]


class Uploads:
    """Requests that are being read. On one event loop alone.

    As many at a time as fit into the memory, were each as large as allowed. Where another one comes, the
    oldest has to be through soon after its beginning, so that those who stall give way. Clients that wait
    take turns, and none has all places: a thousand calls of one that stalls keep nobody else waiting.

    What was read and is not answered is in memory as well: while there is too much of that, of one client or
    of all, nothing more is read. A stream's chunks are not refused, so that they would pile up otherwise.

    Args:
        max_request_bytes: The largest request.
        idle_s: How long one may take where no other waits, and wait for a place.
        workers: How many processes share the memory.
        kind: What requests are like.

    Attributes:
        idle_s: The same.
    """

    def __init__(self, max_request_bytes: int, idle_s: float, workers: int = 1, kind: Kind = LARGE) -> None:
        places = max(_LEAST_PLACES, kind.memory_bytes // max_request_bytes)
        self._places = self._free = max(1, places // workers)
        self._most = max(1, self._free - max(1, self._free // _RESERVED))
        self._most_bytes = kind.memory_bytes // 2 // workers  # they are there twice, as bytes and as numbers
        self.idle_s = idle_s
        self._least_s = min(kind.least_s, idle_s)
        self._newest_first = kind.newest_first
        self._held: Counter[str] = Counter()
        self._kept: Counter[str] = Counter()
        self._lines: OrderedDict[str, deque[_Turn]] = OrderedDict()
        self._limits: dict[asyncio.Timeout, tuple[str, float]] = {}

    @asynccontextmanager
    async def place(self, client: str) -> AsyncIterator[None]:
        """Hold a place while a request is read.

        Args:
            client: Whose request.

        Raises:
            OverloadedError: There is none in time, because others take theirs too long.
            TimeoutError: There was one, and the request takes too long.
        """
        if self._may(client):
            self._take(client)
        else:
            await self._wait(client)
        try:
            async with asyncio.timeout(self.idle_s) as limit:
                self._limits[limit] = (client, asyncio.get_running_loop().time())
                try:
                    if self._lines:
                        self._hurry(next(iter(self._lines)))
                    yield
                finally:
                    del self._limits[limit]
        finally:
            self._release(client)

    def keep(self, client: str, size: int) -> None:
        """Count a request that was read and is not answered yet, in bytes."""
        self._kept[client] += size

    def let_go(self, client: str, size: int) -> None:
        """Count one as answered."""
        self._kept[client] -= size
        if not self._kept[client]:
            del self._kept[client]
        while self._turn():
            pass

    async def _wait(self, client: str) -> None:
        """Wait for a place; whoever waits has another one hurried, and whoever comes after them as well.

        Raises:
            OverloadedError: There is none in time.
        """
        try:
            async with asyncio.timeout(self.idle_s):
                await self._turn_of(client)
        except TimeoutError:
            raise self._refusal() from None

    async def _turn_of(self, client: str) -> None:
        self._hurry(client)
        turn: _Turn = asyncio.get_running_loop().create_future()
        self._lines.setdefault(client, deque()).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # its turn came at that very moment
                self._release(client)
            else:
                self._leave(client, turn)
            raise

    def _refusal(self) -> OverloadedError:
        """Return what to tell who found no place: to come again when those who wait have had theirs."""
        waiting = sum(len(line) for line in self._lines.values())
        wait_s = min(max(self._least_s * (1 + waiting / self._places), _LEAST_RETRY_S), self.idle_s)
        chance = random.uniform(1.0, 1.5)  # noqa: S311 - no secret
        return OverloadedError(f"{waiting + 1} requests wait to be read", wait_s * chance)

    def _may(self, client: str) -> bool:
        return self._free > 0 and self._held[client] < self._most and not self._is_full(client)

    def _is_full(self, client: str) -> bool:
        own = self._most_bytes - self._most_bytes // _RESERVED
        return self._kept[client] >= own or self._kept.total() >= self._most_bytes

    def _take(self, client: str) -> None:
        self._free -= 1
        self._held[client] += 1

    def _release(self, client: str) -> None:
        """Give a place back, and it to the first in the line that may have it."""
        self._free += 1
        self._held[client] -= 1
        if not self._held[client]:
            del self._held[client]
        self._turn()

    def _turn(self) -> bool:
        """Let the first in the line that may begin; return whether one does."""
        client, turn = self._next()
        if turn is None:
            return False
        self._lines.move_to_end(client)
        self._leave(client, turn)
        self._take(client)
        turn.set_result(None)
        return True

    def _next(self) -> tuple[str, _Turn | None]:
        """Return whose turn it is, and which; calls that are cancelled leave by themselves."""
        for client, line in self._lines.items():
            turns = reversed(line) if self._newest_first else iter(line)
            turn = next((each for each in turns if not each.done()), None) if self._may(client) else None
            if turn is not None:
                return client, turn
        return "", None

    def _leave(self, client: str, turn: _Turn) -> None:
        line = self._lines[client]
        line.remove(turn)
        if not line:
            del self._lines[client]

    def _hurry(self, client: str) -> None:
        """Let the oldest that is not hurried yet be through soon: the client's own, if it has its share.

        That helps nobody who waits for answers.
        """
        if self._is_full(client):
            return
        now, own = asyncio.get_running_loop().time(), self._held[client] >= self._most
        for limit, (holder, began) in self._limits.items():
            soon = max(now, began + self._least_s)
            if (limit.when() or soon) > soon and (holder == client or not own):
                limit.reschedule(soon)
                return
