from __future__ import annotations

import asyncio
import gc
from typing import TYPE_CHECKING

import grpc
import pytest
from structlog.testing import capture_logs

from augment_client import AsyncClient
from augment_proto.v1 import augment_pb2 as pb
from augment_proto.v1.augment_pb2_grpc import AugmentServiceStub
from augment_server import Registry, Server
from tests.server.running import settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, MutableMapping
    from pathlib import Path
    from typing import Any

ROWS = 50_000_000


@pytest.fixture
async def server(models_dir: Path) -> AsyncIterator[Server]:
    """A server on the test's own event loop, so that its tasks can be counted."""
    options = settings(models_dir)
    running = await Server.start(options, Registry.open(options))
    yield running
    await running.stop(grace_s=0)


async def lines(logs: list[MutableMapping[str, Any]], count: int) -> list[MutableMapping[str, Any]]:
    for _ in range(200):
        found = [line for line in logs if line["event"] == "call"]
        if len(found) >= count:
            return found
        await asyncio.sleep(0.05)
    raise AssertionError(f"{count} calls must be logged within 10 s, got {logs}")


async def test_a_cancelled_stream_stops_computing_and_leaves_no_task(server: Server) -> None:
    """Twenty streams of which two messages are read and the rest cancelled end where they are."""
    async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        stub = AugmentServiceStub(channel)
        await stub.ListModels(pb.ListModelsRequest())
        before = len(asyncio.all_tasks())
        with capture_logs() as logs:
            for seed in range(20):
                call = stub.Generate(pb.GenerateRequest(model="tiny", rows=ROWS, seed=seed))
                await call.read()
                await call.read()
                call.cancel()
            ended = await lines(logs, 20)
        assert {line["status"] for line in ended} == {"CANCELLED"}
        assert max(line["rows"] for line in ended) < ROWS / 50
        await asyncio.sleep(0.2)
        assert len(asyncio.all_tasks()) <= before + 1


async def test_a_stream_that_is_dropped_is_cancelled(server: Server) -> None:
    """Leaving an `async for`, or losing the iterator, ends the call (grpc#43462 keeps it otherwise)."""
    async with AsyncClient(f"127.0.0.1:{server.port}") as client:
        with capture_logs() as logs:
            async for batch in client.generate_batches("tiny", ROWS):
                assert batch.num_rows
                break
            gc.collect()
            (line,) = await lines(logs, 1)
    assert line["status"] == "CANCELLED"
    assert line["rows"] < ROWS / 50


async def test_a_cancelled_task_cancels_its_call(server: Server) -> None:
    """`asyncio.timeout` around a call ends it on the server too."""
    async with AsyncClient(f"127.0.0.1:{server.port}") as client:
        with capture_logs() as logs:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.5):
                    await client.generate("tiny", ROWS)
            (line,) = await lines(logs, 1)
    assert line["status"] == "CANCELLED"


async def test_stopping_lets_a_stream_finish_and_refuses_new_calls(server: Server) -> None:
    """After `stop` a running stream still gets all its rows; a new call finds nobody."""
    async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        stub = AugmentServiceStub(channel)
        call = stub.Generate(pb.GenerateRequest(model="tiny", rows=60_000, seed=1))
        messages = aiter(call)
        assert (await anext(messages)).HasField("header")
        stopping = asyncio.create_task(server.stop(grace_s=60))
        await asyncio.sleep(0.1)
        rows = 0
        async for message in messages:
            rows += message.chunk.row_count
        assert rows == 60_000
        await asyncio.wait_for(stopping, 60)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        with pytest.raises(grpc.RpcError) as caught:
            await AugmentServiceStub(channel).ListModels(pb.ListModelsRequest(), timeout=5)
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
