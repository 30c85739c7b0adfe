"""Which computation runs when, and which is refused because too much waits already."""

from __future__ import annotations

import asyncio
import contextvars
import random
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from augment.cpus import available_cpus
from augment_server.denials import OverloadedError
from augment_server.fair_queue import FairQueue, Ticket

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Executor, Future

    from augment_server.metrics import Metrics
    from augment_server.settings import Settings

__all__ = ["LEAST_ROWS", "Admission", "Bid", "Rate", "computations_of"]

LEAST_ROWS = 256
"""What the smallest call counts: graphs run on blocks, and each call has work of its own."""

_LEAST_RETRY_S, _LONGEST_RETRY_S = 0.1, 60.0
_MEMORY = 0.8
_LIKELY = 0.5
"""Who would wait longer than this share of what is allowed is refused at once: the estimate is one."""

_T = TypeVar("_T")


@dataclass(frozen=True)
class Bid:
    """What a call asks of the admission.

    Attributes:
        client: Who asks; clients are treated alike.
        rows: What the work costs.
        time_left_s: Until the call's deadline; None: it has none.
        begun: Whether it is a stream that was admitted before: it waits for its turn and is not refused.
    """

    client: str
    rows: int = LEAST_ROWS
    time_left_s: float | None = None
    begun: bool = False


def computations_of(settings: Settings) -> int:
    """Return how many computations there are at a time: more than processors only make each other wait."""
    return settings.computations or available_cpus()


class Rate:
    """Rows a second that one computation makes, as measured lately; the last five count most."""

    def __init__(self) -> None:
        self._rows = 0.0
        self._seconds = 0.0

    def add(self, rows: int, seconds: float) -> None:
        """Count one computation."""
        self._rows = self._rows * _MEMORY + rows
        self._seconds = self._seconds * _MEMORY + seconds

    def seconds(self, rows: float) -> float:
        """Return how long so many rows take; 0 where nothing was measured yet."""
        return rows * self._seconds / self._rows if self._rows else 0.0


class Admission:
    """Runs work in a pool, so many at a time; the rest waits in a queue with bounds, fair between clients.

    On one event loop alone. Work whose call is cancelled or late leaves the queue and is never computed; work
    that runs keeps its place until it is done, whoever waits for it.

    A client may have as much waiting as the queue has room left (the dynamic threshold of Choudhury and Hahne
    1998, alpha 1): one that floods it gets half, and the others find room.

    Args:
        pool: At least `computations_of(settings)` threads.
        settings: How many computations at a time, and the bounds of the queue.
        metrics: Told what waits and what is computed.
    """

    def __init__(self, pool: Executor, settings: Settings, metrics: Metrics) -> None:
        self._pool = pool
        self._slots = computations_of(settings)
        self._max_rows = settings.max_queue_rows
        self._max_wait_s = settings.max_queue_s
        self._metrics = metrics
        self._queue = FairQueue()
        self._rate = Rate()
        self._running = 0
        metrics.watch_queue(lambda: len(self._queue), lambda: self._queue.rows, lambda: self._running)

    def require_room(self, bid: Bid) -> None:
        """Refuse what would wait too long, or find the queue full.

        Raises:
            OverloadedError: It says when to come again.
        """
        if bid.begun or (self._running < self._slots and not self._queue):
            return
        own = self._queue.rows_of(bid.client) + bid.rows
        full = bool(self._queue) and own > self._max_rows - self._queue.rows
        left_s = self._max_wait_s if bid.time_left_s is None else min(self._max_wait_s, bid.time_left_s)
        if full or self._seconds(min(self._queue.rows, own * max(1, self._queue.clients))) > _LIKELY * left_s:
            raise self._refusal()

    async def run(self, bid: Bid, work: Callable[[], _T]) -> _T:
        """Return `work()`, computed in the pool under the call's own context, when its turn has come.

        Raises:
            OverloadedError: Too much waits, or it waited too long.
        """
        self.require_room(bid)
        began = time.monotonic()
        await self._turn(bid)
        self._metrics.queued(time.monotonic() - began)
        try:
            job = self._pool.submit(contextvars.copy_context().run, _timed, work)
        except BaseException:
            self._release()
            raise
        loop = asyncio.get_running_loop()
        job.add_done_callback(partial(self._done, loop, bid.rows))
        result, _ = await asyncio.wrap_future(job)
        return result

    async def _turn(self, bid: Bid) -> None:
        """Return when a place is taken for the bid."""
        if self._running < self._slots and not self._queue:
            self._running += 1
            return
        ticket = Ticket(bid.client, max(1, bid.rows), asyncio.get_running_loop().create_future())
        self._queue.put(ticket)
        longest_s = None if bid.begun else self._max_wait_s
        limits = [seconds for seconds in (longest_s, bid.time_left_s) if seconds is not None]
        try:
            async with asyncio.timeout(min(limits, default=None)):
                await ticket.turn
        except BaseException as error:
            if ticket.granted:
                self._release()
            self._queue.discard(ticket)
            if isinstance(error, TimeoutError):
                raise self._refusal() from None
            raise

    def _done(self, loop: asyncio.AbstractEventLoop, rows: int, job: Future[tuple[object, float]]) -> None:
        """Called in whatever thread ended the job."""
        seconds = None if job.cancelled() or job.exception() is not None else job.result()[1]
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(self._finish, rows, seconds)

    def _finish(self, rows: int, seconds: float | None) -> None:
        if seconds is not None:
            self._rate.add(rows, seconds)
            self._metrics.computed(rows, seconds)
        self._release()

    def _release(self) -> None:
        """Give a place back, and all that are free to those who wait."""
        self._running -= 1
        while self._running < self._slots and (ticket := self._queue.pop()) is not None:
            if not ticket.turn.done():
                self._running += 1
                ticket.granted = True
                ticket.turn.set_result(None)

    def _seconds(self, rows: int) -> float:
        return self._rate.seconds(rows) / self._slots

    def _refusal(self) -> OverloadedError:
        wait_s = min(max(self._seconds(self._queue.rows), _LEAST_RETRY_S), _LONGEST_RETRY_S)
        return OverloadedError(len(self._queue), wait_s * random.uniform(1.0, 1.5))  # noqa: S311 - no secret


def _timed(work: Callable[[], _T]) -> tuple[_T, float]:
    began = time.monotonic()
    return work(), time.monotonic() - began
