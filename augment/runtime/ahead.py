"""Work done ahead on several threads, given back in order."""

from __future__ import annotations

import os
import threading
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from typing import TYPE_CHECKING, Generic, TypeVar

from augment.cpus import available_cpus

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable

__all__ = ["computed_ahead"]

Item = TypeVar("Item")
Result = TypeVar("Result")

_here = threading.local()


def computed_ahead(
    compute: Callable[[Item], Result], items: Iterable[Item], *, threads: int
) -> Generator[Result, None, None]:
    """Yield `compute(item)` of each item in order, computing the next ones meanwhile: two for each thread.

    All iterators of a process share one pool with a thread for each CPU: hundreds of streams that a server
    sends at once would otherwise have hundreds of threads, which keep each other and its event loop from
    Python's lock (59 to 65 % of the rows a second in `make bench-overload`).

    With one thread nothing is computed ahead. Closing the iterator stops what has not begun, and does not
    wait for what has: a server's event loop, which closes a stream that its caller left, would stand still.

    Args:
        compute: Called from several threads at once.
        items: What to compute it of.
        threads: How many items are computed at once, at most.
    """
    if threads == 1 or getattr(_here, "is_of_pool", False):  # who waits for the pool must not fill it
        yield from map(compute, items)
        return
    line = _Line(compute, items, threads)
    try:
        while (future := line.next()) is not None:
            yield future.result()
    finally:
        line.end()


class _Line(Generic[Item, Result]):
    """What is computed of one iterator's items, and waits to be taken."""

    def __init__(self, compute: Callable[[Item], Result], items: Iterable[Item], threads: int) -> None:
        self._compute = compute
        self._items = iter(items)
        self._threads = threads
        self._running = 0
        self._waiting: deque[Future[Result]] = deque()
        self._ended = False
        self._lock = threading.RLock()  # a result may be there before its callback is added

    def next(self) -> Future[Result] | None:
        """Return the next item's result, there or not; None: that was all."""
        with self._lock:
            self._fill()
            return self._waiting.popleft() if self._waiting else None

    def end(self) -> None:
        """Begin nothing more."""
        with self._lock:
            self._ended = True
            for future in self._waiting:
                future.cancel()
            self._waiting.clear()

    def _fill(self) -> None:
        """Have as many items computed as may be."""
        while not self._ended and self._running < self._threads and len(self._waiting) <= 2 * self._threads:
            try:
                item = next(self._items)
            except StopIteration:
                self._ended = True
                return
            future = _pool().submit(self._compute, item)
            self._running += 1
            self._waiting.append(future)
            future.add_done_callback(self._done)

    def _done(self, _: Future[Result]) -> None:
        """Called in whatever thread ended an item."""
        with self._lock:
            self._running -= 1
            self._fill()


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(available_cpus(), thread_name_prefix="augment-block", initializer=_begin)


def _begin() -> None:
    _here.is_of_pool = True


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.cache_clear)  # whose threads are the parent's
