"""Which computation runs when, and which is refused because too much waits already."""

from __future__ import annotations

import asyncio
import contextvars
import random
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from augment.cpus import available_cpus
from augment_server.calls import rows_of
from augment_server.denials import OverloadedError
from augment_server.fair_queue import FairQueue, Ticket

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable
    from concurrent.futures import Executor, Future

    from augment_server.metrics import Metrics
    from augment_server.settings import Settings

__all__ = ["LEAST_ROWS", "Admission", "Bid", "Company", "Rate", "computations_of"]

LEAST_ROWS = 256
"""What the smallest call counts: graphs run on blocks, and each call has work of its own."""

_LEAST_RETRY_S, _LONGEST_RETRY_S = 0.1, 60.0
_SLACK_S = 1.0
_MEMORY = 0.95
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
        is_priced: Whether the work takes as long as its cost says; else the rate is not measured by it.
    """

    client: str
    rows: int = LEAST_ROWS
    time_left_s: float | None = None
    begun: bool = False
    is_priced: bool = True


@dataclass(frozen=True)
class Company:
    """With what some work may be computed together.

    Attributes:
        kind: Equal for all that may.
        size: How much of a joint computation the work takes up, in rows.
        compute: Does several works, each with its own context; returns what becomes of each in order, and
            raises nothing.
    """

    kind: Hashable
    size: int
    compute: Callable[[list[tuple[contextvars.Context, Callable[[], Any]]]], list[Any]]


class _Job:
    """Some work, and two futures of the event loop: that it has begun, and what became of it."""

    def __init__(self, work: Callable[[], Any], company: Company | None, *, is_priced: bool) -> None:
        loop = asyncio.get_running_loop()
        self.work = work
        self.is_priced = is_priced
        self.company = company
        self.context = contextvars.copy_context()
        self.begun: asyncio.Future[None] = loop.create_future()
        self.answer: asyncio.Future[Any] = loop.create_future()
        self._came_s = time.monotonic()

    def begin(self, metrics: Metrics) -> None:
        """Say so to whoever waits."""
        metrics.queued(time.monotonic() - self._came_s)
        if not self.begun.done():
            self.begun.set_result(None)

    def end(self, outcome: Any) -> None:
        """Tell the outcome to whoever waits; nobody does where the call was cancelled.

        The work holds the request, and an error holds the frames that held the work: it is let go.
        """
        del self.work, self.context
        if self.answer.done():
            return
        if isinstance(outcome, asyncio.CancelledError):
            self.answer.cancel()
        elif isinstance(outcome, BaseException):
            self.answer.set_exception(outcome)
        else:
            self.answer.set_result(outcome)


@dataclass(frozen=True)
class _Computation:
    """What is done at one place.

    Attributes:
        jobs: Those that are done together; mostly one.
        cost: What they cost, in rows.
        gathers: The kind whose next computation waits for the end of this one; None: none does.
        began_s: When its place was taken, by the monotonic clock.
    """

    jobs: list[_Job]
    cost: int
    gathers: Hashable = None
    began_s: float = field(default_factory=time.monotonic)

    @property
    def is_priced(self) -> bool:
        """Whether it takes as long as its cost says."""
        return all(job.is_priced for job in self.jobs)


@dataclass(frozen=True)
class _Done:
    """What became of a computation.

    Attributes:
        outcomes: An answer or an error for each of its jobs.
        seconds: How long it took; None: it was not done.
        rows: Of its calls, those received or made in it.
    """

    outcomes: list[Any]
    seconds: float | None = None
    rows: int = 0


def computations_of(settings: Settings) -> int:
    """Return how many computations there are at a time: more than processors only make each other wait."""
    return settings.computations or available_cpus()


class Rate:
    """Rows a second that one computation makes, as measured lately; the last twenty count most."""

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
    that runs keeps its place until it is done, whoever waits for it. With the work whose turn it is goes what
    waits and may be computed together with it. Nothing waits for company that may not come; but while a joint
    computation runs, the next of its kind waits for its end, or until it is as large as can be. Two side by
    side would both be small: each would take what little came since the other began.

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
        self._max_together = settings.max_batch_rows
        self._metrics = metrics
        self._queue = FairQueue()
        self._rate = Rate()
        self._running = 0
        self._gathering: Counter[Hashable] = Counter()
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

    async def run(self, bid: Bid, work: Callable[[], _T], company: Company | None = None) -> _T:
        """Return `work()`, computed in the pool under the call's own context, when its turn has come.

        Args:
            bid: What the work costs, and whom.
            work: What is to be done.
            company: With what it may be computed together; None: by itself.

        Raises:
            OverloadedError: Too much waits, or it waited too long.
        """
        self.require_room(bid)
        job = _Job(work, company, is_priced=bid.is_priced)
        kind, size = (None, 0) if company is None else (company.kind, company.size)
        ticket = Ticket(bid.client, max(1, bid.rows), kind, size, job)
        self._queue.put(ticket)
        self._start()
        try:
            if not job.begun.done():
                await self._turn(ticket, bid)
            result: _T = await job.answer
        finally:
            job.answer.cancel()
        return result

    async def _turn(self, ticket: Ticket, bid: Bid) -> None:
        """Return when the work has begun.

        gRPC cancels a call that is late. This would be told as a busy server's refusal, and so comes later.
        """
        longest_s = None if bid.begun else self._max_wait_s
        late_s = None if bid.time_left_s is None else bid.time_left_s + _SLACK_S
        limits = [seconds for seconds in (longest_s, late_s) if seconds is not None]
        try:
            async with asyncio.timeout(min(limits, default=None)):
                await ticket.job.begun
        except TimeoutError:
            raise self._refusal() from None
        finally:
            self._queue.discard(ticket)

    def _start(self) -> None:
        """Have all the places that are free taken by those who wait."""
        while self._running < self._slots and (computation := self._next()) is not None:
            self._running += 1
            self._gathering[computation.gathers] += 1
            for job in computation.jobs:
                job.begin(self._metrics)
            try:
                doing = self._pool.submit(_outcomes, computation.jobs)
            except RuntimeError:  # the server stops
                self._end(computation, [asyncio.CancelledError()] * len(computation.jobs))
                continue
            doing.add_done_callback(partial(self._done, asyncio.get_running_loop(), computation))

    def _next(self) -> _Computation | None:
        """Return what is to be done next; None: nothing waits whose turn it could be."""
        most = self._max_together
        ticket = self._queue.pop(self._gathering, most)
        if ticket is None:
            return None
        tickets = [ticket, *self._queue.pop_alike(ticket, most)]
        size, cost = sum(each.size for each in tickets), sum(each.rows for each in tickets)
        return _Computation([each.job for each in tickets], cost, ticket.kind if size < most else None)

    def _done(
        self,
        loop: asyncio.AbstractEventLoop,
        computation: _Computation,
        doing: Future[_Done],
    ) -> None:
        """Called in whatever thread ended the work."""
        if doing.cancelled():
            done = _Done([asyncio.CancelledError()] * len(computation.jobs))
        elif (error := doing.exception()) is not None:
            done = _Done([error] * len(computation.jobs))
        else:
            done = doing.result()
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(self._finish, computation, done)

    def _finish(self, computation: _Computation, done: _Done) -> None:
        """Give the outcomes to those who wait for them, and the place to the next."""
        self._end(computation, done.outcomes)
        if done.seconds is not None:
            if computation.is_priced:
                self._rate.add(computation.cost, time.monotonic() - computation.began_s)
            self._metrics.computed(done.rows, len(computation.jobs), done.seconds)
        self._start()

    def _end(self, computation: _Computation, outcomes: list[Any]) -> None:
        for job, outcome in zip(computation.jobs, outcomes, strict=True):
            job.end(outcome)
        self._running -= 1
        self._gathering[computation.gathers] -= 1
        if not self._gathering[computation.gathers]:
            del self._gathering[computation.gathers]

    def _seconds(self, rows: int) -> float:
        return self._rate.seconds(rows) / self._slots

    def _refusal(self) -> OverloadedError:
        wait_s = min(max(self._seconds(self._queue.rows), _LEAST_RETRY_S), _LONGEST_RETRY_S)
        why = f"{len(self._queue)} computations wait"
        return OverloadedError(why, wait_s * random.uniform(1.0, 1.5))  # noqa: S311 - no secret


def _outcomes(jobs: list[_Job]) -> _Done:
    """Return what becomes of works, their errors too, and the seconds and rows that they took together."""
    began, rows = time.monotonic(), _rows(jobs)
    company = jobs[0].company
    outcomes: list[Any]
    if company is not None:
        outcomes = company.compute([(job.context, job.work) for job in jobs])
    else:
        outcomes = [_outcome(job) for job in jobs]
    return _Done(outcomes, time.monotonic() - began, _rows(jobs) - rows)


def _rows(jobs: list[_Job]) -> int:
    return sum(rows_of(job.context) for job in jobs)


def _outcome(job: _Job) -> Any:
    try:
        return job.context.run(job.work)
    except Exception as error:  # noqa: BLE001 - it is for whoever waits for the work
        return error
