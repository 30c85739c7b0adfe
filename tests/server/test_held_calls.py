"""Calls of health and reflection that stay open: bounded in number, and no burden to anybody else."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from augment_client.failures import error_of
from augment_proto.reasons import Reason
from augment_server.denials import OverloadedError
from augment_server.held_calls import HeldCalls
from serving.stalled import unread
from tests.server.running import threaded_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SECONDS = 60
SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING
ALL = health_pb2.HealthCheckRequest()


@pytest.fixture
def four(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let servers hold four calls of a kind, three of them of one client."""
    monkeypatch.setattr("augment_server.interceptor.HeldCalls", partial(HeldCalls, most=4))


def test_no_client_holds_all() -> None:
    """One has three quarters of them, and who comes beyond all is refused until one ends."""
    calls = HeldCalls("Watch", most=8)
    with ExitStack() as held:
        for _ in range(6):
            held.enter_context(calls.holding("a"))
        with pytest.raises(OverloadedError, match="6 calls of Watch are open, of at most 8, 6 of them from"):
            held.enter_context(calls.holding("a"))
        held.enter_context(calls.holding("b"))
        with calls.holding("c"), pytest.raises(OverloadedError, match="8 calls"):
            held.enter_context(calls.holding("d"))
        held.enter_context(calls.holding("d"))
    with calls.holding("a"):
        pass


@pytest.mark.usefixtures("four")
def test_watches_are_bounded_and_checks_are_not(flat_dir: Path) -> None:
    """Beyond so many a Watch is told why; each Check is answered; a Watch that ended counts no more."""
    with threaded_server(flat_dir) as server, grpc.insecure_channel(server.target) as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        watches = [stub.Watch(ALL, timeout=SECONDS) for _ in range(3)]
        assert [next(each).status for each in watches] == [SERVING] * 3
        with pytest.raises(grpc.RpcError) as caught:
            next(stub.Watch(ALL, timeout=SECONDS))
        refusal = error_of(caught.value).refusal
        assert refusal.code == grpc.StatusCode.RESOURCE_EXHAUSTED.value[0]
        assert (refusal.reason, bool(refusal.retry_after_s)) == (Reason.OVERLOADED, True)
        assert "3 calls of Watch are open, of at most 4" in refusal.message
        assert [stub.Check(ALL, timeout=SECONDS).status for _ in range(5)] == [SERVING] * 5
        watches[0].cancel()
        assert _watched_again(stub) == SERVING


def _watched_again(stub: Any) -> int:
    """Return what a Watch tells, once there is room for it."""
    deadline = time.monotonic() + SECONDS
    while True:
        try:
            return int(next(stub.Watch(ALL, timeout=SECONDS)).status)
        except grpc.RpcError:
            assert time.monotonic() < deadline
            time.sleep(0.05)


@pytest.mark.usefixtures("four")
def test_reflection_is_bounded_apart(flat_dir: Path) -> None:
    """Streams of reflection that stay open keep out others of their kind, and no Watch."""
    done = threading.Event()

    def asking() -> Iterator[reflection_pb2.ServerReflectionRequest]:
        yield reflection_pb2.ServerReflectionRequest(list_services="")
        done.wait(SECONDS)

    with threaded_server(flat_dir) as server, grpc.insecure_channel(server.target) as channel:
        stub: Any = reflection_pb2_grpc.ServerReflectionStub(channel)
        streams = [stub.ServerReflectionInfo(asking(), timeout=SECONDS) for _ in range(3)]
        assert all(next(each).list_services_response.service for each in streams)
        with pytest.raises(grpc.RpcError) as caught:
            next(stub.ServerReflectionInfo(asking(), timeout=SECONDS))
        assert error_of(caught.value).refusal.reason is Reason.OVERLOADED
        health: Any = health_pb2_grpc.HealthStub(channel)
        assert next(health.Watch(ALL, timeout=SECONDS)).status == SERVING
        done.set()


def test_who_does_not_read_keeps_no_other_watch_waiting(flat_dir: Path) -> None:
    """Nor the server's end: health of the same name is told to others, also that it is over."""
    with threaded_server(flat_dir) as server, grpc.insecure_channel(server.target) as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        connection = unread(server.target, "grpc.health.v1.Health/Watch", ALL.SerializeToString())
        time.sleep(0.5)
        watch = stub.Watch(ALL, timeout=SECONDS / 2)
        assert next(watch).status == SERVING
        stopping = threading.Thread(target=partial(server.run, server.server.stop(grace_s=SECONDS)))
        began = time.monotonic()
        stopping.start()
        assert next(watch).status == NOT_SERVING
        with pytest.raises(grpc.RpcError) as caught:
            next(watch)
        error: Any = caught.value
        assert error.code() is grpc.StatusCode.UNAVAILABLE
        connection.close()
        stopping.join(SECONDS)
        assert time.monotonic() - began < SECONDS / 2


@pytest.mark.usefixtures("four")
def test_who_does_not_read_a_watch_is_cut_off(flat_dir: Path) -> None:
    """After the idle time its place is another's."""
    with threaded_server(flat_dir, idle_s=1.0) as server, grpc.insecure_channel(server.target) as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        method, message = "grpc.health.v1.Health/Watch", ALL.SerializeToString()
        connections = [unread(server.target, method, message) for _ in range(3)]
        time.sleep(0.5)
        with pytest.raises(grpc.RpcError):
            next(stub.Watch(ALL, timeout=SECONDS))
        assert _watched_again(stub) == SERVING
        for connection in connections:
            connection.close()


def test_names_have_an_end(flat_dir: Path) -> None:
    """A request of health that is larger than any name is refused: a Watch would keep it in memory."""
    long = health_pb2.HealthCheckRequest(service="x" * 5000)
    with threaded_server(flat_dir) as server, grpc.insecure_channel(server.target) as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        calls: tuple[Callable[[], Any], ...] = (
            lambda: stub.Check(long, timeout=SECONDS),
            lambda: next(stub.Watch(long, timeout=SECONDS)),
        )
        for call in calls:
            with pytest.raises(grpc.RpcError) as caught:
                call()
            error: Any = caught.value
            assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
            assert "must have at most 4096 bytes" in error.details()
