from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Any

import grpc
import pytest

from augment.runtime import Model
from augment_proto.arrow import to_ipc
from augment_proto.reasons import SERVICE
from augment_proto.v1 import augment_pb2 as pb
from augment_server.fair_queue import FairQueue, Ticket
from tests.server.running import threaded_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pyarrow as pa

    from tests.server.running import ServerThread

Asked = tuple[str, bytes]


@pytest.fixture(scope="module", params=["flat", "tiny"])
def models(request: pytest.FixtureRequest) -> Path:
    """A models directory, without arrays and dictionaries, or with both."""
    directory: Path = request.getfixturevalue("flat_dir" if request.param == "flat" else "models_dir")
    return directory


@pytest.fixture(scope="module")
def server(models: Path) -> Iterator[ServerThread]:
    """A server that computes one thing at a time, so that others wait."""
    with threaded_server(models, computations=1, max_queue_s=600.0) as running:
        yield running


@pytest.fixture(scope="module")
def single(models: Path) -> Iterator[ServerThread]:
    """A server that computes each call by itself."""
    with threaded_server(models, computations=1, max_queue_s=600.0, max_batch_rows=0) as running:
        yield running


@pytest.fixture(scope="module")
def name(models: Path) -> str:
    """The name of the model."""
    return next(models.iterdir()).name


@pytest.fixture(scope="module")
def records(models: Path, name: str) -> pa.Table:
    """Records of the model."""
    return Model.open(models / name / "1", threads=1).generate(200, seed=1)


def asked(name: str, records: pa.Table, chance: random.Random) -> Asked:
    """Return any small call."""
    start, rows = chance.randrange(150), chance.choice([1, 2, 5, 10, 50])
    data = to_ipc(records.slice(start, rows))
    first = chance.randrange(1000)
    requests: tuple[Any, ...] = (
        pb.EncodeRequest(model=name, records=data),
        pb.ScoreRequest(model=name, records=data),
        pb.ReconstructRequest(model=name, records=data, first_row=first),
        pb.DenoiseRequest(model=name, records=data, first_row=first),
        pb.DenoiseRequest(model=name, records=data, threshold=chance.choice([0.0, 0.9])),
        pb.DenoiseRequest(model=name, records=data, numbers="median"),
        pb.DenoiseRequest(model=name, records=data, threshold=7.0),
        pb.EncodeRequest(model=name, records=data[:-3]),
    )
    request = chance.choices(requests, (4, 4, 2, 4, 2, 2, 1, 1))[0]
    return type(request).__name__.removesuffix("Request"), request.SerializeToString()


async def answer(channel: grpc.aio.Channel, call: Asked) -> tuple[str, bytes | str]:
    """Return the bytes of an answer, or what the call failed with."""
    method: Any = channel.unary_unary(f"/{SERVICE}/{call[0]}")
    try:
        return ("OK", await method(call[1]))
    except grpc.aio.AioRpcError as error:
        return (error.code().name, error.details() or "")


async def all_at_once(target: str, calls: list[Asked]) -> list[tuple[str, bytes | str]]:
    async with grpc.aio.insecure_channel(target) as channel:
        return await asyncio.gather(*(answer(channel, call) for call in calls))


def counted(server: ServerThread, name: str, **labels: str) -> float:
    return server.server.metrics.registry.get_sample_value(f"augment_{name}", labels) or 0.0


@pytest.mark.parametrize("seed", range(2))
def test_calls_in_company_get_the_bytes_that_they_get_alone(
    server: ServerThread, single: ServerThread, records: pa.Table, name: str, seed: int
) -> None:
    """Methods, options, sizes and mistakes mixed, many in flight: each answer and each error is as alone."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    calls = [asked(name, records, chance) for _ in range(60)]
    computed, rows = counted(server, "batch_calls_count"), counted(server, "batch_rows_sum")
    rows_alone = counted(single, "batch_rows_sum")
    together = asyncio.run(all_at_once(server.target, calls))
    computations = counted(server, "batch_calls_count") - computed
    alone = asyncio.run(all_at_once(single.target, calls))
    assert [status for status, _ in together] == [status for status, _ in alone]
    assert together == alone
    assert {"OK", "INVALID_ARGUMENT"} == {status for status, _ in alone}
    assert computations < 40
    assert counted(server, "batch_rows_sum") - rows == counted(single, "batch_rows_sum") - rows_alone > 0
    assert counted(single, "batch_rows_bucket", le="16.0") > 0  # small calls are told as such
    assert counted(single, "batch_calls_count") == counted(single, "batch_calls_sum")


async def test_a_cancelled_call_takes_nobody_with_it(
    server: ServerThread, records: pa.Table, name: str
) -> None:
    """Of calls that wait together, those that are cancelled are not computed, and the others are."""
    data = to_ipc(records.slice(0, 3))
    call = ("Score", pb.ScoreRequest(model=name, records=data).SerializeToString())
    holding = ("Denoise", pb.DenoiseRequest(model=name, records=to_ipc(records)).SerializeToString())
    before = counted(server, "batch_calls_sum")
    async with grpc.aio.insecure_channel(server.target) as channel:
        first = asyncio.create_task(answer(channel, holding))
        tasks = [asyncio.create_task(answer(channel, call)) for _ in range(20)]
        while counted(server, "queue_depth") < 20 and not first.done():  # noqa: ASYNC110 - another loop's
            await asyncio.sleep(0.001)
        for task in tasks[::2]:
            task.cancel()
        kept = await asyncio.gather(*tasks[1::2])
        await first
    assert {status for status, _ in kept} == {"OK"}
    assert len({body for _, body in kept}) == 1
    assert counted(server, "batch_calls_sum") - before <= 21
    assert counted(server, "running") == 0
    assert counted(server, "queue_depth") == 0


def test_company_is_charged_and_bounded() -> None:
    """What is done along is of the same kind, no more than there is room for, and paid by its clients."""
    queue = FairQueue()
    for number in range(6):
        queue.put(Ticket("a", 256, "encode", 16, number))
    queue.put(Ticket("b", 256, "score", 16, 6))
    queue.put(Ticket("b", 256, "encode", 16, 7))
    first = queue.pop()
    assert first is not None
    along = queue.pop_alike(first, 64)
    assert [ticket.job for ticket in along] == [1, 2, 3]
    assert (len(queue), queue.rows, queue.rows_of("a")) == (4, 1024, 512)
    assert queue.pop_alike(along[0], 16) == []
    rest = queue.pop_alike(along[0], 1000)
    assert [ticket.job for ticket in rest] == [4, 5, 7]
    last = queue.pop()
    assert last is not None
    assert last.job == 6
    assert (queue.pop(), len(queue), queue.rows, queue._kinds) == (None, 0, 0, {})
    alone = Ticket("a", 256, None, 16)
    queue.put(Ticket("a", 256, None, 16))
    assert queue.pop_alike(alone, 1000) == []
