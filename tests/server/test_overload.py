from __future__ import annotations

import threading
import time
import urllib.request
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from augment_client import AsyncClient, Client, DeadlineError, OverloadedError
from augment_client.patience import Patience
from augment_proto.reasons import Reason
from augment_proto.refusal import Refusal
from augment_proto.v1 import augment_pb2 as pb
from augment_proto.v1.augment_pb2_grpc import AugmentServiceStub
from augment_server import Registry
from tests.server.running import settings, threaded_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.server.running import ServerThread

SECONDS = 60
RECORDS: list[dict[str, int | None]] = [{"age": 40}, {"age": None}]


class Held:
    """A registry that answers when it is let: a server that has its hands full."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self.free = threading.Event()
        self.asked = threading.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._registry, name)

    def get(self, name: str, version: int = 0) -> Any:
        """One model, later."""
        self.asked.set()
        assert self.free.wait(SECONDS)
        return self._registry.get(name, version)


@contextmanager
def held_server(models: Path, **changes: Any) -> Iterator[tuple[ServerThread, Held]]:
    """Run a server whose one computation is under way and takes until `free` is set."""
    registry = Held(Registry.open(settings(models)))
    with (
        threaded_server(models, registry, computations=1, **changes) as server,
        grpc.insecure_channel(server.target) as channel,
    ):
        holding = AugmentServiceStub(channel).GetModel.future(pb.GetModelRequest(model="flat"))
        assert registry.asked.wait(SECONDS)
        try:
            yield server, registry
        finally:
            registry.free.set()
        holding.result(SECONDS)


def gauge(server: ServerThread, name: str, **labels: str) -> float:
    value = server.server.metrics.registry.get_sample_value(f"augment_{name}", labels)
    return 0.0 if value is None else value


def until(what: Any) -> None:
    ends = time.monotonic() + SECONDS
    while not what():
        assert time.monotonic() < ends
        time.sleep(0.02)


def test_a_busy_server_refuses_at_once_and_tells_its_health(flat_dir: Path) -> None:
    """A full queue refuses with OVERLOADED and a time, in both clients; health and GetServerInfo answer."""
    with held_server(flat_dir, max_queue_rows=256, max_queue_s=60.0) as (server, registry):
        with Client(server.target) as client:
            waiting = threading.Thread(target=client.model, args=("flat",), daemon=True)
            waiting.start()
            until(lambda: gauge(server, "queue_depth") == 1)
            for call in (
                client.models,
                lambda: client.generate("flat", 10),
                lambda: client.encode("flat", RECORDS),
            ):
                with pytest.raises(OverloadedError) as caught:
                    call()
                assert (caught.value.retry_after_s or 0) >= 0.1
                assert caught.value.refusal.code == grpc.StatusCode.RESOURCE_EXHAUSTED.value[0]
            assert client.server_info().models == 1
            with grpc.insecure_channel(server.target) as channel:
                stub: Any = health_pb2_grpc.HealthStub(channel)
                answer = stub.Check(health_pb2.HealthCheckRequest(), timeout=SECONDS)
                assert answer.status == health_pb2.HealthCheckResponse.SERVING
            registry.free.set()
            waiting.join(SECONDS)
            assert client.generate("flat", 10).num_rows == 10
        assert gauge(server, "failures_total", method="ListModels", reason="OVERLOADED") == 1
        assert gauge(server, "failures_total", method="Encode", reason="OVERLOADED") == 1


def test_a_call_whose_deadline_passes_in_the_queue_is_not_computed(flat_dir: Path) -> None:
    """Its caller sees DEADLINE_EXCEEDED, and the queue is empty before there is a free place."""
    with held_server(flat_dir, max_queue_s=60.0) as (server, registry):
        with grpc.insecure_channel(server.target) as channel:
            stub = AugmentServiceStub(channel)
            with pytest.raises(grpc.RpcError) as caught:
                stub.ListModels(pb.ListModelsRequest(), timeout=0.5)
            assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
            until(lambda: gauge(server, "queue_depth") == 0)
            computed = gauge(server, "compute_seconds_count")
            registry.free.set()
            until(lambda: gauge(server, "compute_seconds_count") > computed)
        time.sleep(0.2)
        assert gauge(server, "compute_seconds_count") == computed + 1


def test_a_refused_stream_goes_on_when_the_server_has_room() -> None:
    """A stream that has begun waits as long as it is told; one that has not is refused."""
    error = OverloadedError(Refusal(8, Reason.OVERLOADED, "busy", retry_after_s=2.5))
    assert Patience().wait_s(error, began=True) == 2.5
    with pytest.raises(OverloadedError):
        Patience().wait_s(error, began=False)
    assert Patience(replicas=2).wait_s(error, began=False) == 0


def test_a_stream_whose_request_came_too_late_is_opened_again() -> None:
    """It had not begun, and nothing of it was answered; after three more attempts it is told why."""
    error = DeadlineError(Refusal(4, Reason.IDLE, "the request was not sent in time"))
    assert Patience().wait_s(error, began=True) > 0
    patience = Patience()
    assert all(0 < patience.wait_s(error, began=False) < 1 for _ in range(3))
    with pytest.raises(DeadlineError):
        patience.wait_s(error, began=False)
    late = DeadlineError(Refusal(4, Reason.UNSPECIFIED, "the caller's own deadline"))
    with pytest.raises(DeadlineError):
        Patience().wait_s(late, began=False)


@pytest.fixture(scope="module")
def impatient(flat_dir: Path) -> Iterator[ServerThread]:
    """A server that waits a second for who stalls, with its metrics on a page."""
    with threaded_server(flat_dir, idle_s=1.0, metrics_port=0) as server:
        yield server


def test_who_does_not_read_is_cut_off_and_goes_on_later(impatient: ServerThread) -> None:
    """A stream that nobody reads ends on the server; whoever reads on still gets every row once."""
    before = gauge(impatient, "failures_total", method="Generate", reason="IDLE")
    with Client(impatient.target) as client:
        stream = client.generate_batches("flat", 600_000, seed=3)
        rows = next(stream).num_rows
        until(lambda: gauge(impatient, "failures_total", method="Generate", reason="IDLE") == before + 1)
        assert gauge(impatient, "running") == 0
        offset = rows
        for batch in stream:
            offset += batch.num_rows
            if offset > 560_000:
                break
        expected = client.generate("flat", batch.num_rows, seed=3, offset=offset - batch.num_rows)
        stream.close()
    assert batch.to_pylist() == expected.to_pylist()


def test_who_does_not_send_is_cut_off(impatient: ServerThread) -> None:
    """A stream of chunks without a chunk, and a call without its request, end after the idle time."""
    with grpc.insecure_channel(impatient.target) as channel:
        stalled = threading.Event()

        def requests() -> Iterator[pb.DenoiseStreamRequest]:
            yield pb.DenoiseStreamRequest(header=pb.DenoiseStreamHeader(model="flat"))
            stalled.wait(SECONDS)

        def nothing() -> Iterator[bytes]:
            stalled.wait(SECONDS)
            yield b""

        unary: Any = channel.stream_unary("/augment.v1.AugmentService/Denoise")
        stub = AugmentServiceStub(channel)
        for call in (lambda: list(stub.DenoiseStream(requests())), lambda: unary(nothing())):
            with pytest.raises(grpc.RpcError) as caught:
                call()
            error: Any = caught.value
            assert error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
            assert "sent" in error.details()
        stalled.set()


def test_the_metrics_are_those_of_the_calls_made(flat_dir: Path) -> None:
    """Requests, failures, rows, bytes, batches and models stand on the page with their values."""
    with threaded_server(flat_dir, metrics_port=0) as server, Client(server.target) as client:
        client.generate("flat", 5000, seed=1)
        client.denoise("flat", RECORDS)
        list(client.denoise_batches("flat", [RECORDS] * 3))
        with pytest.raises(LookupError):
            client.model("nothing")
        page = server.server.metrics_page
        assert page is not None
        with urllib.request.urlopen(f"http://127.0.0.1:{page.port}/metrics", timeout=SECONDS) as answer:
            text = answer.read().decode()
        lines = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    values = {name: float(value) for name, value in lines.items()}
    assert values['augment_requests_total{method="Generate",status="OK"}'] == 1
    assert values['augment_requests_total{method="GetModel",status="NOT_FOUND"}'] == 1
    assert values['augment_failures_total{method="GetModel",reason="MODEL_NOT_FOUND"}'] == 1
    assert values['augment_rows_total{method="Generate",model="flat"}'] == 5000
    assert values['augment_rows_total{method="Denoise",model="flat"}'] == 2
    assert values['augment_rows_total{method="DenoiseStream",model="flat"}'] == 6
    assert values['augment_response_bytes_total{method="Generate"}'] > 5000
    assert values['augment_request_bytes_total{method="Denoise"}'] > 100
    assert values['augment_first_batch_seconds_count{method="Generate"}'] == 1
    assert values['augment_call_seconds_count{method="Denoise"}'] == 1
    assert values['augment_models{state="ready"}'] == 1
    assert values["augment_queue_depth"] == values["augment_queue_rows"] == values["augment_running"] == 0
    assert values["augment_queue_seconds_count"] >= 3
    assert values["augment_batch_rows_sum"] == 5000 + 2 + 6
    described = 2  # the model that there is not, and the beginning of the stream of chunks
    assert values["augment_compute_seconds_count"] == values["augment_batch_rows_count"] + described


async def test_the_server_tells_of_itself(impatient: ServerThread, flat_dir: Path) -> None:
    """Version, limits, uptime and features are those of the server, in both clients."""
    with Client(impatient.target) as client:
        told = client.server_info()
    async with AsyncClient(impatient.target) as other:
        again = await other.server_info()
    assert (told.started_at, told.version) == (again.started_at, again.version)
    assert again.uptime_s > told.uptime_s > 0
    assert (told.models, told.features, told.idle_s) == (1, (), 1.0)
    limits = settings(flat_dir)
    assert told.max_rows_per_request == limits.max_rows_per_request
    assert told.max_request_bytes == limits.max_request_bytes
    assert told.max_stream_rows == limits.max_stream_rows
    assert (told.max_queue_rows, told.max_queue_s) == (limits.max_queue_rows, limits.max_queue_s)
