"""Work done ahead on several threads, given back in order."""

from __future__ import annotations

import os
import threading
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Generic, TypeVar, cast

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
    them for all iterators of the process, and only while fewer threads compute than there are CPUs: the more
    callers compute, the less is begun ahead. A caller that waits or writes does not compute meanwhile.

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
        self._waiting: deque[tuple[Item | None, Future[Result] | None]] = deque()
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
                yield self._made(cast("Item", item), is_counted=future is not None)
            else:
                with self._lock:
                    self._fill()
                yield future.result()

    def end(self) -> None:
        """Begin nothing more.

        It waits for no lock: where the iterator is garbage in a cycle, it is called in any thread, which may
        hold what the holder of the lock waits for.
        """
        self._ended = True
        while self._waiting:
            _, future = self._waiting.popleft()
            if future is not None and future.cancel():
                _processors.give_back()

    def _made(self, item: Item, *, is_counted: bool) -> Result:
        """Compute an item here, which nobody has begun; it counts already where a helper should have."""
        with _processors.taken(is_counted=is_counted):
            with self._lock:
                self._computing += not is_counted
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
            if not self._begins_next():
                _processors.give_back()
                return

    def _begins_next(self) -> bool:
        """Give the next item to a helper; returns whether there is one of each. No item is lost if not."""
        try:
            item = next(self._items)
        except StopIteration:
            self._ended = True
            return False
        except BaseException as exc:  # noqa: BLE001 - raised in its turn, by whoever asks
            self._ended = True
            future: Future[Result] = Future()
            future.set_exception(exc)
            self._waiting.append((None, future))
            return False
        try:
            future = _helpers().submit(_helping, self._compute, item)
        except RuntimeError:  # the main thread has ended, or there can be no more threads
            self._waiting.append((item, None))
            return False
        self._computing += 1
        self._waiting.append((item, future))
        future.add_done_callback(self._done)
        return True

    def _done(self, future: Future[Result]) -> None:
        """Called in whatever thread ended an item."""
        if future.cancelled():  # whose place has whoever cancelled it
            return
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
    def taken(self, *, is_counted: bool) -> Iterator[None]:
        """Have the current thread compute, whether or not one is free: what it computes is waited for.

        Args:
            is_counted: One was taken for it before.
        """
        with self._lock:
            self._free -= not is_counted
        before, _here.computes = getattr(_here, "computes", False), True
        try:
            yield
        finally:
            _here.computes = before
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
