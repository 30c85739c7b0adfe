"""Places for requests that are read: clients take turns, none has all, and nobody's place is lost."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from contextlib import suppress

import pytest

from augment_server.denials import OverloadedError
from augment_server.uploads import SMALL, Kind, Uploads

IDLE_S = 20.0
BYTES = 2**20
EIGHT = Kind(8 * BYTES, 0.2, newest_first=False)


async def read_never(uploads: Uploads, client: str) -> None:
    """Have a place, or wait for one, and send nothing."""
    async with uploads.place(client):
        await asyncio.Event().wait()


async def stall(uploads: Uploads, client: str) -> None:
    """Have a place, or wait for one, until that takes too long."""
    with suppress(TimeoutError, OverloadedError):
        await read_never(uploads, client)


async def read(uploads: Uploads, client: str) -> float:
    """Have a place for a moment; return how long it took to get it."""
    now = asyncio.get_running_loop().time
    began = now()
    async with uploads.place(client):
        return now() - began


async def cancelled(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def test_one_that_stalls_keeps_no_other_client_waiting() -> None:
    """Its calls are a hundred, and others are read at once; its own wait for each other."""

    async def run() -> tuple[float, float]:
        uploads = Uploads(BYTES, IDLE_S, kind=EIGHT)
        stalling = [asyncio.create_task(stall(uploads, "stalls")) for _ in range(100)]
        await asyncio.sleep(0)
        other, own = await read(uploads, "other"), read(uploads, "stalls")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(own, 0.1)
        await cancelled(stalling)
        return other, await read(uploads, "stalls")

    other, after = asyncio.run(run())
    assert other < 0.05
    assert after < 0.05


def test_clients_that_wait_take_turns() -> None:
    """With all places taken by many clients that stall, one that comes gets the next, not the last."""

    async def run() -> float:
        uploads = Uploads(BYTES, IDLE_S, kind=EIGHT)
        stalling = [asyncio.create_task(stall(uploads, client)) for client in ("a", "b") for _ in range(100)]
        await asyncio.sleep(0)
        waited = await read(uploads, "other")
        await cancelled(stalling)
        return waited

    assert asyncio.run(run()) < 10 * EIGHT.least_s  # one after the other it were 24 times that


def test_who_finds_no_place_is_not_told_that_it_was_idle() -> None:
    """Others stalled: the server is busy, and says when to come again; who had a place was idle."""

    async def run() -> list[BaseException]:
        uploads = Uploads(2 * BYTES, 0.5, kind=EIGHT)
        stalling = [asyncio.create_task(read_never(uploads, "stalls")) for _ in range(12)]
        waiting = asyncio.create_task(read(uploads, "stalls"))
        ended = await asyncio.gather(*stalling, waiting, return_exceptions=True)
        assert await read(uploads, "stalls") < 0.05
        return [each for each in ended if isinstance(each, BaseException)]

    errors = asyncio.run(run())
    assert len(errors) == 13
    assert [type(error) for error in errors[:3]] == [TimeoutError] * 3
    busy = errors[-1]
    assert isinstance(busy, OverloadedError)
    assert "the server is busy" in str(busy)
    assert "wait to be read" in str(busy)
    assert 0.1 <= busy.retry_after_s <= 1.5 * 0.5


def test_of_small_requests_the_newest_is_read_first() -> None:
    """A probe waits for none of those that came before it and stall, be they its own client's."""

    async def run() -> float:
        uploads = Uploads(16 * BYTES, IDLE_S, kind=SMALL)
        stalling = [asyncio.create_task(stall(uploads, "here")) for _ in range(200)]
        await asyncio.sleep(0)
        waited = await read(uploads, "here")
        await cancelled(stalling)
        return waited

    assert asyncio.run(run()) < 10 * SMALL.least_s


@pytest.mark.parametrize("seed", range(5))
def test_no_place_is_lost(seed: int) -> None:
    """However calls come, end, stall and are cancelled: there are never too many, and all are free after."""
    chance = random.Random(seed)  # noqa: S311 - no secret

    async def run() -> None:
        uploads = Uploads(BYTES, IDLE_S, kind=Kind(8 * BYTES, 0.01, newest_first=bool(seed % 2)))
        held: Counter[str] = Counter()

        async def call(client: str, seconds: float) -> None:
            with suppress(TimeoutError):
                async with uploads.place(client):
                    held[client] += 1
                    assert held.total() <= 8
                    assert held[client] <= 6
                    try:
                        await asyncio.sleep(seconds)
                    finally:
                        held[client] -= 1

        calls = []
        for _ in range(400):
            seconds = chance.choice([0, 0.001, 0.02, 9.0])
            calls.append(asyncio.create_task(call(chance.choice("abc"), seconds)))
            if chance.random() < 0.3:
                chance.choice(calls).cancel()
            await asyncio.sleep(chance.choice([0, 0, 0.001]))
        ended = await asyncio.gather(*calls, return_exceptions=True)
        assert not [each for each in ended if isinstance(each, AssertionError)]
        assert not held.total()
        places = [uploads.place(client) for client in "aaaaaabb"]
        for place in places:
            await asyncio.wait_for(place.__aenter__(), 0.5)
        for place in places:
            await place.__aexit__(None, None, None)

    asyncio.run(run())


def test_nothing_is_read_while_too_much_waits_for_its_answer() -> None:
    """One client's requests wait for its own answers, at three quarters of the memory; others' are read."""

    async def run() -> None:
        uploads = Uploads(BYTES, IDLE_S, kind=Kind(16 * BYTES, 0.2, newest_first=False))
        uploads.keep("keeps", 6 * BYTES)
        waiting = asyncio.create_task(read(uploads, "keeps"))
        assert await read(uploads, "other") < 0.05
        uploads.keep("other", 2 * BYTES)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(read(uploads, "a third"), 0.05)
        assert not waiting.done()
        uploads.let_go("keeps", 3 * BYTES)
        assert await waiting >= 0.05
        assert await read(uploads, "a third") < 0.05

    asyncio.run(run())
