"""Parts made by processes on this machine."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from dataclasses import dataclass
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Any

from augment.cpus import available_cpus, threads_of
from augment.errors import StepError
from augment.scale.making import Made, open_maker, sendable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from multiprocessing.connection import Connection

    from augment.scale.plan import Plan

__all__ = ["LocalEngine"]

MAX_DEATHS = 3
_REMEDY = "Where memory is short, set a smaller part_rows or fewer workers"
_REMEDY_OF_SCRIPTS = "A script that runs a step needs `if __name__ == '__main__':`, or workers: 1"


@dataclass
class _Worker:
    """A process and the part it is at."""

    process: Any
    connection: Connection
    number: int | None = None


class LocalEngine:
    """Processes, each with the model opened once and its share of the CPUs. One worker is this process.

    A process that dies, as those do that the system kills where memory is short, is replaced and its part
    made anew.

    Args:
        workers: How many; None: one a CPU.
    """

    def __init__(self, workers: int | None = None) -> None:
        self._workers = workers or available_cpus()

    def run(self, plan: Plan, numbers: Iterable[int]) -> Iterator[Made]:
        """Have the parts made; see `Engine`.

        Raises:
            StepError: A part has ended three processes.
        """
        workers = min(self._workers, max(1, len(plan.parts)))
        if workers == 1 or plan.config.is_of_this_process:
            with open_maker(plan) as maker:
                yield from map(maker.make, numbers)
            return
        threads = threads_of(max(1, available_cpus() // workers))
        pool = _Pool(plan, workers, threads)
        try:
            yield from pool.run(iter(numbers))
        finally:
            pool.end()


class _Pool:
    """The processes of one run."""

    def __init__(self, plan: Plan, workers: int, threads: int) -> None:
        self._plan = plan
        self._threads = threads
        self._context = multiprocessing.get_context("spawn")  # a fork copies locks that threads hold
        self._deaths: dict[int, int] = {}
        self._workers = [self._started() for _ in range(workers)]

    def run(self, numbers: Iterator[int]) -> Iterator[Made]:
        for worker in self._workers:
            self._give(worker, next(numbers, None))
        while busy := [worker for worker in self._workers if worker.number is not None]:
            ready = wait([worker.connection for worker in busy])
            for worker in [worker for worker in busy if worker.connection in ready]:
                made = self._answer(worker)
                if made is not None:
                    self._give(worker, next(numbers, None))
                    yield made

    def end(self) -> None:
        """End all processes."""
        for worker in self._workers:
            worker.connection.close()
            worker.process.terminate()
        for worker in self._workers:
            worker.process.join()

    def _answer(self, worker: _Worker) -> Made | None:
        """Return what a worker made; None where it died, and its part is given to another."""
        try:
            answer = worker.connection.recv()
        except (EOFError, ConnectionError):
            self._replace(worker)
            return None
        if isinstance(answer, BaseException):
            raise answer
        assert isinstance(answer, Made)  # noqa: S101 - all that a worker sends
        return answer

    def _replace(self, worker: _Worker) -> None:
        number = worker.number
        assert number is not None  # noqa: S101 - only those at work are asked
        worker.process.join()
        self._deaths[number] = self._deaths.get(number, 0) + 1
        if self._deaths[number] == MAX_DEATHS:
            name = self._plan.parts[number].name
            code = worker.process.exitcode
            raise StepError(
                f"{name}: {MAX_DEATHS} processes died at it, the last with exit code {code}. "
                f"{_REMEDY if code < 0 else _REMEDY_OF_SCRIPTS}"
            )
        fresh = self._started()
        worker.process, worker.connection = fresh.process, fresh.connection
        self._give(worker, number)

    def _give(self, worker: _Worker, number: int | None) -> None:
        worker.number = number
        try:
            worker.connection.send(number)
        except (BrokenPipeError, ConnectionError):  # it is dead: its end of file is seen next
            return

    def _started(self) -> _Worker:
        ours, theirs = self._context.Pipe()
        arguments = (theirs, self._plan, self._threads)
        process = self._context.Process(target=_work, args=arguments, daemon=True)
        process.start()
        theirs.close()
        return _Worker(process, ours)


def _work(connection: Connection, plan: Plan, threads: int) -> None:
    """Make parts until there are no more, or the process that asks for them is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to all; the first process ends the others
    threading.Thread(target=_end_with_parent, name="augment-parent", daemon=True).start()
    try:
        with open_maker(plan, threads=threads) as maker:
            while (number := connection.recv()) is not None:
                connection.send(maker.make(number))
    except EOFError:
        return
    except Exception as exc:  # noqa: BLE001 - whatever it is, it is told where it can be
        connection.send(sendable(exc))


def _end_with_parent() -> None:
    """End in the middle of a part where the first process is gone: another run may have the output now."""
    parent = multiprocessing.parent_process()
    assert parent is not None  # noqa: S101 - this is a worker
    wait([parent.sentinel])
    os._exit(1)
