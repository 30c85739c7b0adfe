from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from augment_server.admission import Admission, Bid, Company, Rate
from augment_server.denials import OverloadedError
from augment_server.fair_queue import FairQueue, Ticket
from augment_server.metrics import Metrics
from augment_server.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    """One thread."""
    with ThreadPoolExecutor(1) as threads:
        yield threads


class Work:
    """Work that can be held, and tells in which order it was computed."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.held = threading.Event()
        self.began = threading.Event()

    def hold(self) -> None:
        """Compute until `held` is set."""
        self.began.set()
        assert self.held.wait(30)

    def named(self, name: str) -> Callable[[], str]:
        """Return work that is done at once."""

        def work() -> str:
            self.done.append(name)
            return name

        return work


def admission(pool: ThreadPoolExecutor, metrics: Metrics | None = None, **changes: Any) -> Admission:
    return Admission(pool, Settings(**({"computations": 1} | changes)), metrics or Metrics())


async def busy(queue: Admission, work: Work) -> asyncio.Task[None]:
    """Fill the only place."""
    task = asyncio.create_task(queue.run(Bid("holder"), work.hold))
    await asyncio.to_thread(work.began.wait, 30)
    return task


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def test_turns_are_fair_in_rows() -> None:
    """Of two that wait, each gets as many rows, whether in large or in small pieces, whoever came first."""
    queue = FairQueue()
    for _ in range(100):
        queue.put(Ticket("large", 8192))
    for _ in range(1600):
        queue.put(Ticket("small", 512))
    rows = {"large": 0, "small": 0}
    for _ in range(400):
        ticket = queue.pop()
        assert ticket is not None
        rows[ticket.client] += ticket.rows
    assert abs(rows["large"] - rows["small"]) <= 2 * 8192


def test_a_queue_counts_what_is_in_it() -> None:
    """Depth, rows and clients are those of what was put in and neither popped nor discarded."""
    queue = FairQueue()
    tickets = [Ticket(client, rows) for client, rows in (("a", 5), ("a", 7), ("b", 11))]
    for ticket in tickets:
        queue.put(ticket)
    assert (len(queue), queue.rows, queue.clients, queue.rows_of("a")) == (3, 23, 2, 12)
    queue.discard(tickets[0])
    queue.discard(tickets[0])
    assert (len(queue), queue.rows, queue.rows_of("a")) == (2, 18, 7)
    assert {queue.pop(), queue.pop()} == set(tickets[1:])
    assert (queue.pop(), len(queue), queue.rows, queue.clients) == (None, 0, 0, 0)


def test_what_gathers_has_its_turn_when_there_is_enough_of_it() -> None:
    """Others go first meanwhile, also those of the same client; turns stay as they were."""
    queue = FairQueue()
    few = [Ticket("a", 5, "kind", 40), Ticket("b", 5, "kind", 40)]
    for ticket in (*few, Ticket("a", 7), Ticket("b", 7, "other", 40)):
        queue.put(ticket)
    assert {queue.pop({"kind"}, 100).rows, queue.pop({"kind"}, 100).rows} == {7}  # type: ignore[union-attr]
    assert (queue.pop({"kind"}, 100), len(queue)) == (None, 2)
    assert queue.pop({"kind"}, 80) in few
    queue.put(Ticket("c", 5, "kind", 60))
    assert queue.pop({"kind"}, 100) is not None


async def test_a_joint_computation_waits_for_the_end_of_the_one_before() -> None:
    """So that it takes more along, unless there is a full one already; other work does not wait for it."""
    work, seen = Work(), []

    def compute(works: list[Any]) -> list[Any]:
        seen.append(len(works))
        return [one() for _, one in works]

    with ThreadPoolExecutor(2) as threads:
        queue = admission(threads, computations=2, max_batch_rows=64)

        def ask(what: Callable[[], Any]) -> asyncio.Task[Any]:
            return asyncio.create_task(queue.run(Bid("a"), what, Company("kind", 16, compute)))

        first = ask(work.hold)
        await asyncio.to_thread(work.began.wait, 30)
        few = [ask(work.named("few")) for _ in range(3)]
        assert await queue.run(Bid("a"), work.named("other")) == "other"
        await asyncio.sleep(0.05)
        assert (seen, work.done) == ([1], ["other"])
        more = ask(work.named("few"))  # now there are as many as fit
        assert await asyncio.wait_for(asyncio.gather(more, *few), 30) == ["few"] * 4
        late = [ask(work.named("late")) for _ in range(2)]
        await settle()
        work.held.set()
        await asyncio.wait_for(asyncio.gather(first, *late), 30)
    assert seen == [1, 4, 2]


async def test_a_greedy_client_starves_nobody(pool: ThreadPoolExecutor) -> None:
    """Behind fifty calls of one client, another's single call is computed among the first."""
    queue, work = admission(pool), Work()
    holder = await busy(queue, work)
    greedy = [asyncio.create_task(queue.run(Bid("greedy", 4096), work.named(f"g{i}"))) for i in range(50)]
    await settle()
    modest = asyncio.create_task(queue.run(Bid("modest", 4096), work.named("modest")))
    await settle()
    work.held.set()
    await asyncio.gather(holder, modest, *greedy)
    assert work.done.index("modest") <= 2
    assert len(work.done) == 51


async def test_a_full_queue_refuses_at_once_and_says_when_to_come_again(pool: ThreadPoolExecutor) -> None:
    """A client may fill what is left of the queue; then it is refused, and another one still finds room."""
    queue, work = admission(pool, max_queue_rows=4000), Work()
    holder = await busy(queue, work)
    calls = [asyncio.create_task(queue.run(Bid("greedy", 1000), work.named("g"))) for _ in range(2)]
    await settle()
    with pytest.raises(OverloadedError) as caught:
        await queue.run(Bid("greedy", 1000), work.named("never"))
    assert 0.1 <= caught.value.retry_after_s <= 90
    with pytest.raises(OverloadedError):
        queue.require_room(Bid("greedy", 1000))
    queue.require_room(Bid("greedy", 1000, begun=True))
    calls.append(asyncio.create_task(queue.run(Bid("modest", 2000), work.named("m"))))
    await settle()
    work.held.set()
    await asyncio.gather(holder, *calls)
    assert sorted(work.done) == ["g", "g", "m"]


async def test_who_waited_too_long_is_refused(pool: ThreadPoolExecutor) -> None:
    """The queue is bounded by age too, except for streams that have begun."""
    queue, work = admission(pool, max_queue_s=0.05), Work()
    holder = await busy(queue, work)
    stream = asyncio.create_task(queue.run(Bid("b", begun=True), work.named("stream")))
    with pytest.raises(OverloadedError):
        await queue.run(Bid("a"), work.named("never"))
    work.held.set()
    assert await stream == "stream"
    await holder
    assert work.done == ["stream"]


async def test_what_is_likely_to_wait_too_long_is_refused_before_it_waits(pool: ThreadPoolExecutor) -> None:
    """Once the rate is known, a call is refused whose turn would not come in time, or after its deadline."""
    queue, work = admission(pool, max_queue_s=1000.0, max_queue_rows=10**9), Work()
    queue._rate.add(100, 1.0)
    holder = await busy(queue, work)
    first = asyncio.create_task(queue.run(Bid("a", 1000), work.named("first")))
    await settle()
    with pytest.raises(OverloadedError) as caught:
        await queue.run(Bid("a", 1000, time_left_s=5.0), work.named("never"))
    assert 10 <= caught.value.retry_after_s <= 15
    second = asyncio.create_task(queue.run(Bid("a", 1000, time_left_s=100.0), work.named("second")))
    await settle()
    work.held.set()
    await asyncio.gather(holder, first, second)
    assert work.done == ["first", "second"]


async def test_cancelled_and_late_work_is_never_computed(pool: ThreadPoolExecutor) -> None:
    """It leaves the queue at once; what waits behind it is computed, and every place is given back."""
    metrics = Metrics()
    queue, work = admission(pool, metrics), Work()
    holder = await busy(queue, work)
    cancelled = asyncio.create_task(queue.run(Bid("a"), work.named("cancelled")))
    late = asyncio.create_task(queue.run(Bid("a", time_left_s=0.02, begun=True), work.named("late")))
    kept = asyncio.create_task(queue.run(Bid("a"), work.named("kept")))
    await settle()
    assert metrics.registry.get_sample_value("augment_queue_depth") == 3
    cancelled.cancel()
    with pytest.raises(asyncio.CancelledError):
        await cancelled
    with pytest.raises(OverloadedError):
        await late
    assert metrics.registry.get_sample_value("augment_queue_depth") == 1
    work.held.set()
    await asyncio.gather(holder, kept)
    await asyncio.sleep(0.1)
    assert work.done == ["kept"]
    assert metrics.registry.get_sample_value("augment_running") == 0
    assert metrics.registry.get_sample_value("augment_queue_rows") == 0


async def test_a_place_is_kept_until_the_work_is_done(pool: ThreadPoolExecutor) -> None:
    """Cancelling who waits for running work begins no other work beside it."""
    metrics = Metrics()
    queue, work = admission(pool, metrics), Work()
    holder = await busy(queue, work)
    holder.cancel()
    await settle()
    assert metrics.registry.get_sample_value("augment_running") == 1
    after = asyncio.create_task(queue.run(Bid("a"), work.named("after")))
    await settle()
    assert not after.done()
    work.held.set()
    assert await after == "after"


async def test_work_that_fails_gives_its_place_back(pool: ThreadPoolExecutor) -> None:
    """Its error is the caller's."""
    queue = admission(pool)

    def fail() -> None:
        raise ValueError("x")

    for _ in range(3):
        with pytest.raises(ValueError, match="x"):
            await queue.run(Bid("a"), fail)


def test_the_rate_follows_what_is_measured() -> None:
    """Nothing is known at first; later computations count more than earlier ones."""
    rate = Rate()
    assert rate.seconds(100) == 0
    rate.add(100, 1.0)
    assert rate.seconds(100) == pytest.approx(1.0)
    for _ in range(50):
        rate.add(100, 4.0)
    assert rate.seconds(100) == pytest.approx(4.0, rel=0.01)


async def test_what_costs_more_than_it_takes_does_not_make_the_rate_look_high(
    pool: ThreadPoolExecutor,
) -> None:
    """The first turn of a stream: by it, what waits would seem to be done at once."""
    queue, work = admission(pool, max_queue_s=1.0), Work()
    await queue.run(Bid("a", 256), lambda: time.sleep(0.1))
    await queue.run(Bid("a", 10**6, is_priced=False), lambda: None)
    holding = await busy(queue, work)
    waiting = asyncio.create_task(queue.run(Bid("a", 4096), work.named("waits")))
    await settle()
    with pytest.raises(OverloadedError):
        queue.require_room(Bid("a", 4096))
    work.held.set()
    await asyncio.gather(holding, waiting)
