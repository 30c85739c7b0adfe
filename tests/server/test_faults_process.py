"""A server process whose disk is full, whose file handles are used up, or that is stopped for a while."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from augment.runtime import Model
from augment_client import Client, DeadlineError
from augment_proto.v1 import augment_pb2 as pb
from augment_proto.v1.augment_pb2_grpc import AugmentServiceStub
from serving.processes import ServedProcess
from tests.server.running import environment
from tests.server.versions import copied

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SECONDS = 60
ROWS = 40


@contextmanager
def served(models: Path | str, scratch: Path, *flags: str) -> Iterator[ServedProcess]:
    """Run a server whose log is a file."""
    with ServedProcess(models, scratch / "log", *flags, variables=environment()) as running:
        yield running


@contextmanager
def limited(server: ServedProcess, kind: int, most: int) -> Iterator[None]:
    """Hold a running process to a limit of the system."""
    before = resource.prlimit(server.pid, kind)
    resource.prlimit(server.pid, kind, (most, before[1]))
    try:
        yield
    finally:
        resource.prlimit(server.pid, kind, before)


def open_files(server: ServedProcess) -> int:
    return len(os.listdir(f"/proc/{server.pid}/fd"))  # noqa: PTH208 - no paths wanted


def until(what: Any) -> None:
    ends = time.monotonic() + SECONDS
    while not what():
        assert time.monotonic() < ends
        time.sleep(0.05)


def test_with_a_full_disk_calls_go_on_and_versions_wait(tiny_bundle: Path, tmp_path: Path) -> None:
    """Neither the log nor copies of remote bundles can be written; what is loaded serves on all the same."""
    models, cache = tmp_path / "models", tmp_path / "cache"
    copied(tiny_bundle, models, 1)
    expected = Model.open(tiny_bundle, threads=1).generate(ROWS, seed=3)
    flags = ("--cache-dir", str(cache), "--watch-s", "0.1")
    with served(f"file://{models}", tmp_path, *flags) as server, Client(server.target) as client:
        assert client.model("tiny").version == 1
        with limited(server, resource.RLIMIT_FSIZE, 1):
            logged = len(server.events("call"))
            copied(tiny_bundle, models, 2)
            for _ in range(20):
                assert client.generate("tiny", ROWS, seed=3).equals(expected)
                assert client.model("tiny").version == 1
                time.sleep(0.05)
            assert len(server.events("call")) == logged
        until(lambda: client.model("tiny").version == 2)
        assert client.generate("tiny", ROWS, seed=3).equals(expected)
        assert len(server.events("call")) > logged
    assert not list(cache.glob("*/.fetch-*"))


@pytest.mark.parametrize("flags", [(), ("--workers", "2")])
def test_a_log_that_nobody_reads_stops_no_call(tiny_bundle: Path, flags: tuple[str, ...]) -> None:
    """A pipe holds some hundred lines. Calls go on; once it is read, a line says how many were lost."""
    command = [sys.executable, "-m", "augment_server", "--models", str(tiny_bundle.parents[1]), "--port", "0"]
    with subprocess.Popen([*command, *flags], env=environment(), stderr=subprocess.PIPE) as server:  # noqa: S603
        try:
            lines = iter(server.stderr or ())
            told = map(json.loads, (line for line in lines if line.startswith(b"{")))
            ready = next(line for line in told if line["event"] == "ready")
            with Client(f"127.0.0.1:{ready['port']}", timeout_s=30) as client:
                for _ in range(2000):
                    client.server_info()
                some = [next(told) for _ in range(100)]
                for _ in range(20):
                    client.server_info()
                lost = next(line for line in told if "lost" in line["event"])
            assert {line["event"] for line in some} == {"call"}
            assert lost["lines"] > 500
        finally:
            server.kill()


def test_without_file_handles_the_connected_are_served_and_others_once_there_are_some(
    tiny_bundle: Path, tmp_path: Path
) -> None:
    """Who is connected notices nothing, also where the models cannot be looked at; newcomers get in later."""
    models = copied(tiny_bundle, tmp_path / "models", 1)
    expected = Model.open(tiny_bundle, threads=1).generate(ROWS, seed=3)
    with served(models, tmp_path, "--watch-s", "0.1") as server, Client(server.target) as client:
        assert client.generate("tiny", ROWS, seed=3).equals(expected)
        with limited(server, resource.RLIMIT_NOFILE, open_files(server)):
            with pytest.raises(grpc.RpcError) as caught:
                listed_by_a_newcomer(server, 2)
            assert caught.value.code() in (grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.UNAVAILABLE)
            for _ in range(10):
                assert client.generate("tiny", ROWS, seed=3).equals(expected)
                time.sleep(0.05)
        assert listed_by_a_newcomer(server, SECONDS) == ["tiny"]
        copied(tiny_bundle, models, 2)
        until(lambda: client.model("tiny").version == 2)
        assert server.events("models unreadable, those loaded serve on")


def listed_by_a_newcomer(server: ServedProcess, timeout_s: float) -> list[str]:
    """Return the models' names by a connection of its own."""
    with grpc.insecure_channel(server.target, [("grpc.use_local_subchannel_pool", 1)]) as channel:
        stub: Any = AugmentServiceStub(channel)
        told = stub.ListModels(pb.ListModelsRequest(), timeout=timeout_s, wait_for_ready=True)
    return [model.name for model in told.models]


@pytest.mark.parametrize("stopped_s", [2, pytest.param(30, marks=pytest.mark.slow)])
def test_a_server_that_is_stopped_for_a_while_loses_nothing(
    tiny_bundle: Path, tmp_path: Path, stopped_s: int
) -> None:
    """Calls with deadlines end at them, streams go on where they were, the next call is answered."""
    models, rows = copied(tiny_bundle, tmp_path / "models", 1), 50_000
    expected = Model.open(tiny_bundle, threads=1).generate(rows, seed=5, sampler="vae")
    with (
        served(models, tmp_path) as server,
        Client(server.target) as client,
        grpc.insecure_channel(server.target) as channel,
        ThreadPoolExecutor(4) as pool,
    ):
        health: Any = health_pb2_grpc.HealthStub(channel)
        health.Check(health_pb2.HealthCheckRequest(), timeout=SECONDS)
        with client.generate_batches("tiny", rows, seed=5, sampler="vae") as stream:
            batches = [next(stream)]
            os.kill(server.pid, signal.SIGSTOP)
            began = time.monotonic()
            calls = [pool.submit(client.generate, "tiny", ROWS, seed=1, timeout_s=1) for _ in range(4)]
            for call in calls:
                with pytest.raises(DeadlineError):
                    call.result()
            with pytest.raises(grpc.RpcError) as caught:
                health.Check(health_pb2.HealthCheckRequest(), timeout=0.5)
            assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
            time.sleep(max(0.0, began + stopped_s - time.monotonic()))
            os.kill(server.pid, signal.SIGCONT)
            batches += list(stream)
        assert sum(batch.num_rows for batch in batches) == rows
        found = expected.schema.empty_table().from_batches(batches)
        assert found.equals(expected)
        assert client.generate("tiny", ROWS, seed=5, sampler="vae").equals(expected.slice(0, ROWS))
