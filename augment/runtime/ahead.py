"""Work done ahead on several threads, given back in order."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable

__all__ = ["computed_ahead"]

Item = TypeVar("Item")
Result = TypeVar("Result")


def computed_ahead(
    compute: Callable[[Item], Result], items: Iterable[Item], *, threads: int
) -> Generator[Result, None, None]:
    """Yield `compute(item)` of each item in order, computing the next ones meanwhile: two for each thread.

    With one thread nothing is computed ahead. Closing the iterator stops what has not begun, and does not
    wait for what has: a server's event loop, which closes a stream that its caller left, would stand still.
    """
    if threads == 1:
        yield from map(compute, items)
        return
    pool = ThreadPoolExecutor(threads, thread_name_prefix="augment-block")
    waiting: deque[Future[Result]] = deque()
    try:
        for item in items:
            waiting.append(pool.submit(compute, item))
            if len(waiting) > 2 * threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
