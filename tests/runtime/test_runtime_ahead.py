"""What is computed ahead: in order, on threads that all share, and no more than was asked for at once."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import Future
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from augment.cpus import available_cpus
from augment.runtime import ahead
from augment.runtime.ahead import computed_ahead

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.connection import Connection


class Busy:
    """Counts who computes at once."""

    def __init__(self, seconds: float = 0.005) -> None:
        self._seconds = seconds
        self._lock = threading.Lock()
        self._now = 0
        self.most = 0
        self.threads: set[str] = set()

    def __call__(self, number: int) -> int:
        """Return the number, after a while."""
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)
            self.threads.add(threading.current_thread().name)
        time.sleep(self._seconds)
        with self._lock:
            self._now -= 1
        return number


@pytest.mark.parametrize("threads", [1, 2, 3, 8])
def test_results_come_in_order_and_no_more_threads_work_than_asked_for(threads: int) -> None:
    """However many items there are, none among them."""
    for count in (0, 1, 2, 50):
        busy = Busy()
        assert [*computed_ahead(busy, range(count), threads=threads)] == [*range(count)]
        assert busy.most <= threads


def test_all_share_one_pool() -> None:
    """A hundred iterators at once have no more threads than there are CPUs, and the one that asks them."""
    busy = Busy(0.001)
    made = [computed_ahead(busy, range(20), threads=4) for _ in range(100)]
    for _ in range(20):
        for each in made:
            next(each)
    assert all([*each] == [] for each in made)
    assert len(busy.threads) <= available_cpus() + 1
    assert busy.most <= available_cpus() + 1


def test_where_all_processors_are_busy_whoever_asks_computes() -> None:
    """In its own thread, nothing ahead: helpers would wait for processors, and it for them."""
    held, begun = threading.Event(), threading.Semaphore(0)

    def compute(number: int) -> int:
        begun.release()
        held.wait(30)
        return number

    lines = [computed_ahead(compute, range(1), threads=2) for _ in range(available_cpus())]
    callers = [threading.Thread(target=next, args=(line,)) for line in lines]
    for caller in callers:
        caller.start()
    try:
        for _ in callers:
            assert begun.acquire(timeout=30)
        busy = Busy()
        assert [*computed_ahead(busy, range(20), threads=2)] == [*range(20)]
        assert busy.threads == {threading.current_thread().name}
    finally:
        held.set()
        for caller in callers:
            caller.join(30)
    busy = Busy()
    assert [*computed_ahead(busy, range(20), threads=2)] == [*range(20)]
    assert busy.most == min(2, available_cpus())


def test_an_error_comes_where_its_result_would() -> None:
    """What is before it comes first."""

    def compute(number: int) -> int:
        if number == 3:
            raise ValueError(number)
        return number

    made = computed_ahead(compute, range(10), threads=2)
    assert [next(made) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="3"):
        next(made)


def test_work_that_computes_ahead_itself_does_not_wait_for_its_own_place() -> None:
    """Were it given to the pool again, all threads could wait for each other."""

    def compute(number: int) -> int:
        return sum(computed_ahead(lambda part: part * number, range(10), threads=4))

    assert [*computed_ahead(compute, range(20), threads=8)] == [45 * number for number in range(20)]


def test_whoever_leaves_does_not_wait_for_what_is_computed_ahead() -> None:
    """Closing returns at once, and nothing begins after it: a server's event loop closes streams."""
    begun: list[int] = []
    held = threading.Event()

    def compute(number: int) -> int:
        begun.append(number)
        if number:
            held.wait(30)
        return number

    made = computed_ahead(compute, range(100), threads=2)
    try:
        assert next(made) == 0
        began_s = time.monotonic()
        made.close()
        assert time.monotonic() - began_s < 15
    finally:
        held.set()
    assert len(begun) <= 3


def test_whoever_leaves_does_not_wait_for_the_next_item_either() -> None:
    """Who fetches one holds the line's lock, and closing may be garbage collection, in any thread."""
    asked, held = threading.Event(), threading.Event()

    def items() -> Iterator[int]:
        asked.set()
        held.wait(10)
        yield 0

    line = ahead._Line(abs, items(), 3)
    fetching = threading.Thread(target=lambda: [*line.results()])
    fetching.start()
    try:
        assert asked.wait(10)
        began_s = time.monotonic()
        line.end()
        assert time.monotonic() - began_s < 5
    finally:
        held.set()
        fetching.join(30)


def test_what_no_helper_began_is_computed_in_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """By whoever asks, and no more at once than asked for, were the helpers to begin just then."""
    begun: list[Future[int]] = []

    class Late:
        def submit(self, *_: object) -> Future[int]:
            begun.append(Future())
            return begun[-1]

    monkeypatch.setattr(ahead, "_helpers", Late)
    monkeypatch.setattr(ahead, "_processors", processors := ahead._Processors())
    processors._free = 8

    def compute(number: int) -> int:
        assert 1 + sum(not future.cancelled() for future in begun) <= 3
        return number

    assert [*computed_ahead(compute, range(20), threads=3)] == [*range(20)]
    left = computed_ahead(compute, range(20), threads=3)
    assert next(left) == 0
    left.close()
    assert begun
    assert processors._free == 8


def test_processors_are_given_back_whatever_happens() -> None:
    """Whether lines end, fail, or are left."""

    def compute(number: int) -> int:
        if number == 7:
            raise ValueError(number)
        return number

    free = ahead._processors._free
    for count, leave in ((5, 9), (20, 9), (20, 2)) * 20:
        made = computed_ahead(compute, range(count), threads=3)
        try:
            for number in made:
                if number == leave:
                    break
        except ValueError:
            assert count == 20
        made.close()
    until_s = time.monotonic() + 15
    while ahead._processors._free != free and time.monotonic() < until_s:
        time.sleep(0.01)
    assert ahead._processors._free == free


def test_items_that_fail_do_so_in_their_turn() -> None:
    """Whoever asked for the next one: a helper's error would be lost, and the rest look like all."""

    def items() -> Iterator[int]:
        yield from range(10)
        raise ValueError("no more")

    made = computed_ahead(abs, items(), threads=2)
    assert [next(made) for _ in range(10)] == [*range(10)]
    with pytest.raises(ValueError, match="no more"):
        next(made)


def test_nothing_is_lost_where_there_are_no_helpers_any_more() -> None:
    """Once the main thread has ended, no pool takes work; another thread goes on alone."""
    script = """
import threading, time
from augment.runtime.ahead import computed_ahead

def compute(number):
    time.sleep(0.02)
    return number

def go():
    assert [*computed_ahead(compute, range(40), threads=2)] == [*range(40)]
    print("all", flush=True)

threading.Thread(target=go).start()
time.sleep(0.2)
"""
    told = subprocess.run(  # noqa: S603 - a script of our own
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True
    )
    assert (told.stdout.strip(), told.stderr) == ("all", "")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_fork_has_threads_of_its_own() -> None:
    """Those of its parent are not there."""
    assert [*computed_ahead(abs, range(9), threads=2)] == [*range(9)]
    ours, theirs = multiprocessing.get_context("fork").Pipe()
    process = multiprocessing.get_context("fork").Process(target=_compute, args=(theirs,))
    process.start()
    with closing(ours):
        assert ours.poll(30)
        assert ours.recv() == [*range(9)]
    process.join(30)


def _compute(connection: Connection) -> None:
    connection.send([*computed_ahead(abs, range(9), threads=2)])
