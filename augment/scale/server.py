"""Parts made through a server: several calls in flight, each worker with a connection of its own."""

from __future__ import annotations

from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from itertools import islice
from queue import SimpleQueue
from threading import Event
from typing import TYPE_CHECKING

from augment.errors import RecordsError, StepError, Violation
from augment.scale.making import open_maker
from augment_client import ClientError, InvalidRecordsError
from augment_client.patience import Patience

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from augment.scale.making import Made, Maker
    from augment.scale.plan import Plan

__all__ = ["ServerEngine"]

_WORKERS = 4
_RETRIES = 30  # about two minutes: a server that is replaced is back by then


class ServerEngine:
    """Threads that ask a server. Streams go on by themselves where it goes away; calls are made again.

    Args:
        workers: How many parts are in flight; None: 4.
    """

    def __init__(self, workers: int | None = None) -> None:
        self._workers = workers or _WORKERS

    def run(self, plan: Plan, numbers: Iterable[int]) -> Iterator[Made]:
        """Have the parts made; see `Engine`."""
        workers = min(self._workers, max(1, len(plan.parts)))
        waiting = iter(numbers)
        makers: SimpleQueue[Maker] = SimpleQueue()
        ended = Event()

        def made(number: int) -> Made:
            return _made(makers, number, ended, plan.config.server)

        with ExitStack() as stack:
            pool = ThreadPoolExecutor(workers, thread_name_prefix="augment-part")
            stack.callback(pool.shutdown, wait=True, cancel_futures=True)
            for _ in range(workers):
                makers.put(stack.enter_context(open_maker(plan)))  # closed first, which ends calls in flight
            stack.callback(ended.set)
            busy = {pool.submit(made, number) for number in islice(waiting, workers)}
            while busy:
                done, busy = wait(busy, return_when=FIRST_COMPLETED)
                busy |= {pool.submit(made, number) for number in islice(waiting, len(done))}
                yield from map(Future.result, done)


def _made(makers: SimpleQueue[Maker], number: int, ended: Event, server: str | None) -> Made:
    """Make a part with a maker that is free, again and again while the server is away.

    Raises:
        StepError: It is away for long.
        ClientError: It refuses, or the run has ended.
    """
    maker = makers.get()
    patience = Patience(_RETRIES)
    try:
        while True:
            try:
                return maker.make(number)
            except InvalidRecordsError as error:
                raise _named(error, maker, number) from error
            except ClientError as error:
                if patience.failed >= _RETRIES:
                    raise StepError(
                        f"server {server} has not come back: {error}. "
                        "Run the step again once it is there: what is made is kept"
                    ) from error
                if ended.wait(patience.wait_s(error, began=True)):
                    raise
    finally:
        makers.put(maker)


def _named(error: InvalidRecordsError, maker: Maker, number: int) -> RecordsError:
    """Return the error with the part's name."""
    rules = [Violation(each.field, each.rule, each.value, each.remedy) for each in error.violations]
    return RecordsError(*rules, context=maker.place(number))
