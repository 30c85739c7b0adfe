"""Work done ahead on several threads, given back in order."""

from __future__ import annotations

import os
import threading
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Generic, TypeVar

from augment.cpus import available_cpus

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator

__all__ = ["computed_ahead"]

Item = TypeVar("Item")
Result = TypeVar("Result")

_here = threading.local()


def computed_ahead(
    compute: Callable[[Item], Result], items: Iterable[Item], *, threads: int
) -> Generator[Result, None, None]:
    """Yield `compute(item)` of each item in order, computing the next ones meanwhile: two for each thread.

    Whoever asks for the next result computes it, unless it was begun ahead. Ahead work helpers, one pool of
    them for all iterators of the process, and only while fewer threads compute than there are CPUs. So where
    a server answers as many calls at once as it has CPUs, each computes what its turn is for and nothing
    else, and no thread waits for another.

    With one thread nothing is computed ahead. Closing the iterator stops what has not begun, and does not
    wait for what has: a server's event loop, which closes a stream that its caller left, would stand still.

    Args:
        compute: Called from several threads at once.
        items: What to compute it of.
        threads: How many items are computed at once, at most.
    """
    if threads == 1 or getattr(_here, "computes", False):  # who helps must not wait for help
        yield from map(compute, items)
        return
    line = _Line(compute, items, threads)
    try:
        yield from line.results()
    finally:
        line.end()


class _Line(Generic[Item, Result]):
    """What is computed of one iterator's items, and waits to be taken."""

    def __init__(self, compute: Callable[[Item], Result], items: Iterable[Item], threads: int) -> None:
        self._compute = compute
        self._items = iter(items)
        self._threads = threads
        self._computing = 0
        self._waiting: deque[tuple[Item, Future[Result]]] = deque()
        self._ended = False
        self._lock = threading.RLock()  # a result may be there before its callback is added

    def results(self) -> Iterator[Result]:
        """Yield the results in order."""
        while True:
            with self._lock:
                try:
                    item, future = self._waiting.popleft() if self._waiting else (next(self._items), None)
                except StopIteration:
                    return
            if future is None or future.cancel():
                yield self._made(item)
            else:
                with self._lock:
                    self._fill()
                yield future.result()

    def end(self) -> None:
        """Begin nothing more."""
        with self._lock:
            self._ended = True
            for _, future in self._waiting:
                future.cancel()
            self._waiting.clear()

    def _made(self, item: Item) -> Result:
        """Compute an item here, which nobody has begun."""
        with _processors.taken():
            with self._lock:
                self._computing += 1
                self._fill()
            result = self._compute(item)
        with self._lock:
            self._computing -= 1
            self._fill()
        return result

    def _fill(self) -> None:
        """Have as many items computed ahead as may be."""
        while (
            not self._ended
            and self._computing < self._threads
            and len(self._waiting) < 2 * self._threads
            and _processors.take()
        ):
            try:
                item = next(self._items)
            except StopIteration:
                self._ended = True
                _processors.give_back()
                return
            future = _helpers().submit(_helping, self._compute, item)
            self._computing += 1
            self._waiting.append((item, future))
            future.add_done_callback(self._done)

    def _done(self, _: Future[Result]) -> None:
        """Called in whatever thread ended an item."""
        _processors.give_back()
        with self._lock:
            self._computing -= 1
            self._fill()


class _Processors:
    """How many threads of this process compute, of as many as there are CPUs."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._free = available_cpus()

    def take(self) -> bool:
        """Take one for a helper; returns whether one is free."""
        with self._lock:
            is_free = self._free > 0
            self._free -= is_free
        return is_free

    def give_back(self) -> None:
        """Free one."""
        with self._lock:
            self._free += 1

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Take one for the current thread, whether or not one is free: what it computes is waited for."""
        with self._lock:
            self._free -= 1
        _here.computes = True
        try:
            yield
        finally:
            _here.computes = False
            self.give_back()


_processors = _Processors()


@cache
def _helpers() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(available_cpus(), thread_name_prefix="augment-block")


def _helping(compute: Callable[[Item], Result], item: Item) -> Result:
    _here.computes = True
    return compute(item)


def _begin_anew() -> None:
    """Forget threads of the parent's."""
    global _processors  # noqa: PLW0603 - one a process
    _helpers.cache_clear()
    _processors = _Processors()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew)
