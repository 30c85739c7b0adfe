"""Streams whose next message does not come fall under the budget of requests that are read."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from augment_client import AsyncClient, Client, OverloadedError
from augment_proto.arrow import to_ipc
from augment_proto.v1 import augment_pb2 as pb
from augment_proto.v1.augment_pb2_grpc import AugmentServiceStub
from serving.stalled import half_sent
from tests.server.running import threaded_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    import pyarrow as pa

SECONDS = 60
PLACES = 4
BYTES = 320 * 2**20 // PLACES


class Sending:
    """A DenoiseStream that has sent its header and sends no more until it is told to."""

    def __init__(self, stub: AugmentServiceStub, chunk: pb.DenoiseChunk) -> None:
        self.more = threading.Event()
        self._chunk = chunk
        self.call: Any = stub.DenoiseStream(self._requests(), timeout=SECONDS)
        assert next(self.call).HasField("start")

    def _requests(self) -> Iterator[pb.DenoiseStreamRequest]:
        yield pb.DenoiseStreamRequest(header=pb.DenoiseStreamHeader(model="flat"))
        if self.more.wait(SECONDS):
            yield pb.DenoiseStreamRequest(chunk=self._chunk)


def test_streams_that_stall_make_room_oldest_first(flat_dir: Path, flat_table: pa.Table) -> None:
    """With all its places taken by streams that send nothing a client's call is answered; the oldest ends."""
    records = flat_table.slice(0, 5).drop_columns(["note"])
    chunk = pb.DenoiseChunk(records=to_ipc(records))
    with (
        threaded_server(flat_dir, max_request_bytes=BYTES, idle_s=SECONDS) as server,
        grpc.insecure_channel(server.target) as channel,
        Client(server.target, timeout_s=SECONDS / 2) as client,
    ):
        stub = AugmentServiceStub(channel)
        streams = [Sending(stub, chunk) for _ in range(PLACES - 1)]  # one is kept for other clients
        expected = client.denoise("flat", records).records
        with pytest.raises(grpc.RpcError) as caught:
            next(streams[0].call)
        error: Any = caught.value
        assert error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        assert "next message was not sent" in error.details()
        for stream in streams[1:]:
            stream.more.set()
            answer = next(stream.call).chunk
            assert answer.row_count == expected.num_rows
        streams[0].more.set()


def test_a_client_whose_stream_made_room_goes_on_by_itself(flat_dir: Path, flat_table: pa.Table) -> None:
    """Its next portion comes late, after it was cut off: the whole table is answered all the same."""
    records = flat_table.slice(0, 30).drop_columns(["note"])
    portions = [records.slice(at, 10) for at in range(0, 30, 10)]
    with (
        threaded_server(flat_dir, max_request_bytes=BYTES, idle_s=1.0) as server,
        Client(server.target) as client,
    ):
        whole = [part.records.to_pylist() for part in client.denoise_batches("flat", portions)]
        cut = server.server.metrics.registry.get_sample_value

        def late() -> Iterator[pa.Table]:
            for number, portion in enumerate(portions):
                while number and not cut(
                    "augment_failures_total", {"method": "DenoiseStream", "reason": "IDLE"}
                ):
                    threading.Event().wait(0.05)
                yield portion

        parts = [part.records.to_pylist() for part in client.denoise_batches("flat", late())]
    assert parts == whole


def denoised(target: str, portions: Iterable[pa.Table]) -> list[Any]:
    """Return denoised portions."""
    with Client(target) as client:
        return [part.records.to_pylist() for part in client.denoise_batches("flat", portions)]


def denoised_async(target: str, portions: Iterable[pa.Table]) -> list[Any]:
    """Return the same by the other client."""

    async def run() -> list[Any]:
        async with AsyncClient(target) as client:
            return [part.records.to_pylist() async for part in client.denoise_batches("flat", portions)]

    return asyncio.run(run())


@pytest.mark.parametrize("way", [denoised, denoised_async])
def test_who_finds_no_place_because_others_stall_goes_on_by_itself(
    flat_dir: Path, flat_table: pa.Table, way: Callable[[str, Iterable[pa.Table]], list[Any]]
) -> None:
    """A call is told that the server is busy, and when to come again; streams that have begun do so."""
    records = flat_table.slice(0, 20).drop_columns(["note"])
    portions = [records.slice(at, 5) for at in range(0, 20, 5)]
    with (
        threaded_server(flat_dir, max_request_bytes=BYTES, idle_s=1.0) as server,
        Client(server.target) as another,
    ):
        counted = server.server.metrics.registry.get_sample_value
        whole = way(server.target, portions)

        def refused(method: str) -> float:
            reason = {"method": method, "reason": "OVERLOADED"}
            return counted("augment_failures_total", reason) or 0.0

        def late() -> Iterator[pa.Table]:
            yield portions[0]
            stalled.extend(half_sent(server.target, 2**20) for _ in range(30))
            with pytest.raises(OverloadedError) as caught:
                another.encode("flat", records)
            assert 0.1 <= (caught.value.retry_after_s or 0.0) <= 1.5
            stalled.extend(half_sent(server.target, 2**20) for _ in range(30))
            yield from portions[1:]

        stalled: list[socket.socket] = []
        assert way(server.target, late()) == whole
        assert refused("Encode") == 1
        assert refused("DenoiseStream") >= 1
        for connection in stalled:
            connection.close()


def test_health_and_reflection_have_places_of_their_own(flat_dir: Path) -> None:
    """Requests to them that stall give way to the next, and keep neither each other nor our own waiting."""
    health, reflection = "grpc.health.v1.Health/Check", "grpc.reflection.v1alpha.ServerReflection"
    stalled = [health] * 12 + [f"{reflection}/ServerReflectionInfo"] * 12
    with (
        threaded_server(flat_dir, max_request_bytes=BYTES, idle_s=SECONDS) as server,
        grpc.insecure_channel(server.target) as channel,
        Client(server.target) as client,
    ):
        connections = [half_sent(server.target, 2**20, path) for path in stalled]
        stub: Any = health_pb2_grpc.HealthStub(channel)
        assert client.generate("flat", 5).num_rows == 5
        answer = stub.Check(health_pb2.HealthCheckRequest(), timeout=SECONDS / 2)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
        for connection in connections:
            connection.close()


def test_a_probe_does_not_wait_for_requests_that_stall(flat_dir: Path) -> None:
    """Whoever sends no credentials and no requests, on ever so many connections, keeps no probe waiting."""
    with (
        threaded_server(flat_dir, idle_s=SECONDS) as server,
        grpc.insecure_channel(server.target) as channel,
    ):
        stub: Any = health_pb2_grpc.HealthStub(channel)
        assert stub.Check(health_pb2.HealthCheckRequest(), timeout=SECONDS / 2).status
        stalled = [half_sent(server.target, 2**20, "grpc.health.v1.Health/Check") for _ in range(60)]
        assert stub.Check(health_pb2.HealthCheckRequest(), timeout=3).status  # it was half a minute
        for connection in stalled:
            connection.close()


def test_a_connection_has_so_many_calls_at_a_time(flat_dir: Path) -> None:
    """The server says so in its first frame of HTTP/2, whose settings are pairs of a number and a value."""
    with (
        threaded_server(flat_dir) as server,
        socket.create_connection(("127.0.0.1", server.server.port), timeout=SECONDS) as connection,
    ):
        connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0")
        with connection.makefile("rb") as frames:
            head = frames.read(9)
            body = frames.read(int.from_bytes(head[:3], "big"))
    assert head[3] == 4
    assert dict(struct.iter_unpack(">HI", body))[3] == 1024


def test_what_stalled_callers_pinned_is_given_back(flat_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Soon after one is cut off, and not before."""
    given = threading.Event()
    monkeypatch.setattr("augment_server.hosting.memory.give_back_memory", given.set)
    with threaded_server(flat_dir, idle_s=0.5) as server:
        with Client(server.target) as client:
            client.generate("flat", 5)
        assert not given.wait(1.5)
        with half_sent(server.target, 2**20):
            assert given.wait(SECONDS)


def test_a_caller_that_goes_away_is_no_fault(
    flat_dir: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Where gRPC cannot write to it any more, the call was cancelled."""

    async def gone(*_: object) -> None:
        raise grpc.aio.InternalError

    monkeypatch.setattr("augment_server.wire.Wire.write", gone)
    with (
        threaded_server(flat_dir) as server,
        grpc.insecure_channel(server.target) as channel,
        pytest.raises(grpc.RpcError),
    ):
        AugmentServiceStub(channel).GetServerInfo(pb.GetServerInfoRequest(), timeout=5)
    told = "".join(capfd.readouterr())
    assert "CANCELLED" in told
    assert "fault" not in told
