from __future__ import annotations

import itertools
import os
import signal
import socket
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.request import Request, urlopen

import grpc
import pyarrow as pa
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from augment.runtime import Model
from augment_client import Client, QuotaExceededError
from augment_client.channel import channel_options
from augment_proto.reasons import Reason
from augment_proto.v1 import admin_pb2 as pb
from augment_proto.v1.admin_pb2_grpc import AdminServiceStub
from augment_server.main import main
from augment_server.principals import hash_of
from augment_server.supervision.held_port import HeldPort
from tests.server.running import ServerProcess, threaded_server
from tests.server.test_admin import METADATA, TOKEN, refused
from tests.server.versions import copied

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.server.running import ServerThread

ROWS = 700
"""More than a block of 512 rows."""

SECRET = "a-clients-token-0123456789"  # noqa: S105 - made up


@pytest.fixture(scope="module", autouse=True)
def connections() -> Iterator[None]:
    """Give each client a connection of its own: gRPC shares those of one process, and one has one worker."""
    own = [*channel_options("localhost"), ("grpc.use_local_subchannel_pool", 1)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("augment_client.client.channel_options", lambda _: own)
        yield


@pytest.fixture(scope="module")
def flat(flat_dir: Path) -> Model:
    """What the servers host, in process."""
    return Model.open(flat_dir / "flat" / "1", threads=1)


@pytest.fixture(scope="module")
def whole(flat: Model) -> dict[str, pa.Table]:
    """What must come, by sampler."""
    return {sampler: flat.generate(ROWS, seed=7, sampler=sampler) for sampler in ("vae", "denoiser")}


@pytest.fixture(scope="module")
def one(flat_dir: Path) -> Iterator[ServerThread]:
    """A server without workers."""
    with threaded_server(flat_dir, max_queue_s=60) as server:
        yield server


@contextmanager
def serving(models: Path, workers: int, *flags: str) -> Iterator[ServerProcess]:
    """Run a server with so many workers."""
    server = ServerProcess(models, "--workers", str(workers), *flags)
    try:
        yield server
    finally:
        server.kill()


@pytest.fixture(scope="module")
def four(flat_dir: Path) -> Iterator[ServerProcess]:
    """A server with four workers."""
    with serving(flat_dir, 4, "--metrics-port", "0", "--max-queue-s", "60") as server:
        yield server


@pytest.fixture
def two(flat_dir: Path) -> Iterator[ServerProcess]:
    """A server with two workers."""
    with serving(flat_dir, 2) as server:
        yield server


def pieces(cuts: list[int]) -> list[tuple[int, int]]:
    """Return the first row and the number of rows of each part of the table."""
    ends = sorted({0, ROWS, *cuts})
    return [(start, end - start) for start, end in itertools.pairwise(ends)]


def asked(target: str, sampler: str, piece: tuple[int, int], *, streamed: bool) -> pa.Table:
    """Return some rows, over a connection of their own, in batches or in one."""
    offset, rows = piece
    with Client(target) as client:
        if not streamed:
            return client.generate("flat", rows, seed=7, offset=offset, sampler=sampler)
        with client.generate_batches("flat", rows, seed=7, offset=offset, sampler=sampler) as stream:
            return pa.Table.from_batches(list(stream))


def page(server: ServerProcess, accept: str = "text/plain") -> str:
    """Return the metrics page."""
    url = f"http://127.0.0.1:{server.ready['metrics_port']}/metrics"
    with urlopen(Request(url, headers={"Accept": accept}), timeout=30) as found:
        text: str = found.read().decode()
        return text


def metric(server: ServerProcess, name: str) -> dict[str, float]:
    """Return the sum of a metric's samples on the metrics page, by worker."""
    sums: dict[str, float] = {}
    for family in text_string_to_metric_families(page(server)):
        for sample in family.samples:
            if sample.name == name:
                worker = sample.labels["worker"]
                sums[worker] = sums.get(worker, 0.0) + sample.value
    return sums


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from(["vae", "denoiser"]),
    st.lists(st.integers(0, ROWS), max_size=7),
    st.booleans(),
    st.data(),
)
def test_rows_are_the_same_of_one_worker_and_of_four(
    one: ServerThread,
    four: ServerProcess,
    whole: Mapping[str, pa.Table],
    sampler: str,
    cuts: list[int],
    at_once: bool,  # noqa: FBT001 - drawn
    data: st.DataObject,
) -> None:
    """However [0, n) is split into requests, whoever answers, under load or not: the rows made in process."""
    parts = pieces(cuts)
    ways = [(data.draw(st.sampled_from([one.target, four.target])), data.draw(st.booleans())) for _ in parts]
    with ThreadPoolExecutor(len(parts) if at_once else 1) as pool:
        jobs = [
            pool.submit(asked, target, sampler, part, streamed=streamed)
            for part, (target, streamed) in zip(parts, ways, strict=True)
        ]
    assert pa.concat_tables(job.result() for job in jobs).equals(whole[sampler])


@pytest.mark.slow
def test_connections_reach_several_workers_which_one_page_tells(
    four: ServerProcess, whole: Mapping[str, pa.Table]
) -> None:
    """Of 24 connections no worker has all; a page tells each worker's calls, and sums to what was done."""
    before = metric(four, "augment_rows_total")
    for _ in range(24):
        assert asked(four.target, "vae", (0, 10), streamed=False).equals(whole["vae"].slice(0, 10))
    rows = metric(four, "augment_rows_total")
    done = {worker: count - before.get(worker, 0.0) for worker, count in rows.items()}
    assert sum(done.values()) == 240
    assert len([count for count in done.values() if count]) > 1
    assert metric(four, "process_resident_memory_bytes").keys() == {"0", "1", "2", "3"}


@pytest.mark.slow
def test_a_worker_that_hangs_is_left_out_of_the_page(four: ServerProcess) -> None:
    """The page comes without it, soon, in the format that Prometheus asks for too."""
    hanging = four.told("worker ready", worker=2)[-1]["pid"]
    os.kill(hanging, signal.SIGSTOP)
    try:
        text = page(four, "application/openmetrics-text; version=1.0.0")
    finally:
        os.kill(hanging, signal.SIGCONT)
    strictly: Any = openmetrics.text_string_to_metric_families  # has no types
    samples = [sample for family in strictly(text) for sample in family.samples]
    assert {sample.labels["worker"] for sample in samples if sample.name == "augment_running"} == set("013")
    assert metric(four, "augment_running").keys() == set("0123")


@pytest.mark.slow
def test_a_killed_worker_is_replaced_and_its_stream_goes_on(four: ServerProcess, flat: Model) -> None:
    """Killed in mid-stream: the rest comes from another worker, the table is whole, and a new one starts."""
    with Client(four.target) as client, client.generate_batches("flat", 60_000, seed=5) as stream:
        batches = [next(stream)]
        (busy,) = (w for w, count in metric(four, "augment_calls_in_flight").items() if count)
        lost = four.wait_for("worker ready", worker=int(busy))
        os.kill(lost["pid"], signal.SIGKILL)
        batches += stream
    assert pa.Table.from_batches(batches).equals(flat.generate(60_000, seed=5))
    assert four.wait_for("worker ready", 2, worker=int(busy))["pid"] != lost["pid"]
    assert four.told("worker ended", exit_code=-signal.SIGKILL, worker=int(busy))
    deadline = time.monotonic() + 30
    while len(metric(four, "augment_calls_in_flight")) < 4 and time.monotonic() < deadline:
        time.sleep(0.1)
    assert metric(four, "augment_worker_restarts_total")[busy] == 1
    assert len(metric(four, "augment_calls_in_flight")) == 4


@pytest.mark.slow
def test_a_worker_that_hangs_is_replaced(flat_dir: Path, flat: Model) -> None:
    """Its stream goes on at another one; a worker is left alone while the whole server is stopped with it."""
    with (
        serving(flat_dir, 2, "--hang-s", "3") as server,
        Client(server.target) as client,
        client.generate_batches("flat", 300_000, seed=5) as stream,
    ):
        batches = [next(stream)]
        pids = {line["worker"]: line["pid"] for line in server.told("worker ready")}
        everyone = [server.pid, *pids.values()]
        for number in (signal.SIGSTOP, signal.SIGCONT):
            for pid in everyone:
                os.kill(pid, number)
            time.sleep(5)
        assert not server.told("worker hangs")
        for pid in pids.values():
            os.kill(pid, signal.SIGSTOP)
        batches += stream
        for worker, pid in pids.items():
            assert server.wait_for("worker ready", 2, worker=worker)["pid"] != pid
    assert pa.Table.from_batches(batches).equals(flat.generate(300_000, seed=5))


def test_sigterm_ends_all_workers_once_their_streams_are_done(two: ServerProcess) -> None:
    """The stream in flight arrives whole, the exit code is 0, and no process is left."""
    assert (two.ready["models"], two.ready["workers"]) == (["flat/1"], 2)
    with Client(two.target) as client, client.generate_batches("flat", 60_000, seed=3) as stream:
        rows = next(stream).num_rows
        two.terminate()
        assert rows + sum(batch.num_rows for batch in stream) == 60_000
    assert two.finish() == 0
    assert sorted(str(line.get("worker")) for line in two.told("stopped")) == ["0", "1", "None"]
    assert all("worker" in line for line in two.told("call"))


@pytest.mark.slow
def test_a_second_signal_hurries_all_workers(two: ServerProcess) -> None:
    """Whoever signals twice wants the end now, calls in flight or not."""
    with Client(two.target, retries=0) as client, client.generate_batches("flat", 100_000_000) as stream:
        next(stream)
        two.terminate()
        two.wait_for("stopping", 3)
        two.terminate()
        assert two.finish(timeout_s=20) == 0  # of 30 that the stream may go on for
    assert len(two.told("stopped")) == 3  # who is killed says nothing


@pytest.mark.slow
def test_workers_do_not_outlive_their_supervisor(two: ServerProcess) -> None:
    """When it is killed, each worker finishes what it does and ends."""
    with Client(two.target) as client, client.generate_batches("flat", 60_000, seed=3) as stream:
        rows = next(stream).num_rows
        os.kill(two.pid, signal.SIGKILL)
        assert rows + sum(batch.num_rows for batch in stream) == 60_000
    assert two.finish() == -signal.SIGKILL


def test_a_port_is_shared_with_nobody_else(
    one: ServerThread, flat_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither a server with workers nor one without gets a port of the other, listening yet or not."""
    with HeldPort("127.0.0.1", 0) as held:
        for port, workers in ((held.port, 2), (held.port, 1), (one.server.port, 2)):
            given = ["--models", str(flat_dir), "--port", str(port), "--workers", str(workers)]
            assert main(given) == 2
            assert "port must be free to listen on" in capsys.readouterr().err
        with socket.create_server(("127.0.0.1", held.port), reuse_port=True):  # a worker
            assert main([*given[:2], "--port", str(held.port)]) == 2
    with HeldPort("localhost", held.port) as again:
        assert again.port == held.port


def test_what_workers_cannot_serve_ends_with_2_and_a_sentence(
    flat_dir: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The settings of workers are checked like others, and what a worker finds wrong is told once."""
    for arguments, words in (
        (
            ["--models", str(flat_dir), "--workers", "0"],
            "--workers (AUGMENT_WORKERS) must be greater than or equal to 1, got '0'",
        ),
        (
            ["--models", str(flat_dir), "--workers", "300"],
            "--workers (AUGMENT_WORKERS) must be less than or equal to 256, got '300'",
        ),
        (["--models", str(tmp_path), "--workers", "2", "--port", "0"], "models must hold a usable bundle"),
        (["--workers", "2", "--host", "0.0.0.0"], "host must be this machine's own where there is no TLS"),  # noqa: S104 - refused
        (
            ["--workers", "2", "--host", "256.0.0.1", "--plaintext"],
            "host must be a name or an address of this",
        ),
    ):
        assert main(arguments) == 2, arguments
        error = capfd.readouterr().err
        assert error.count(words) == 1
        assert "Traceback" not in error


def test_what_cannot_be_started_is_said(
    flat_dir: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error of the system ends the server with a sentence."""
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    assert main(["--models", str(flat_dir), "--workers", "2", "--port", "0"]) == 2
    assert "cannot be started: No such file or directory" in capsys.readouterr().err


@pytest.mark.slow
def test_the_operator_and_quotas_reach_all_workers(tiny_bundle: Path, tmp_path: Path) -> None:
    """Loading, unloading and aliases hold in each worker, in a new one too; a quota holds over all."""
    models = copied(tiny_bundle, tmp_path / "models", 1, 2)
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    poor = {"tokens": [hash_of(SECRET)], "scopes": ["*:*"], "rows_per_minute": 600}
    usual = {"tokens": [hash_of(f"usual-{SECRET}")], "scopes": ["*:*"]}
    (tmp_path / "clients").write_text(yaml.safe_dump({"clients": {"poor": poor, "usual": usual}}))
    flags = ["--watch-s", "0", "--clients", str(tmp_path / "clients"), "--default-rows-per-minute", "300"]
    flags += ["--admin-port", "0", "--admin-token-file", str(tmp_path / "token")]
    with (
        serving(models, 2, *flags) as server,
        grpc.insecure_channel(f"127.0.0.1:{server.ready['admin_port']}") as channel,
    ):
        _operate(server, AdminServiceStub(channel))
        _overdraw(server, SECRET, 600)
        _overdraw(server, f"usual-{SECRET}", 300)


def _operate(server: ServerProcess, stub: AdminServiceStub) -> None:
    told = refused(lambda: stub.UnloadModel(pb.UnloadModelRequest(model="tiny"), metadata=()))
    assert told.reason is Reason.UNAUTHENTICATED
    told = refused(lambda: stub.LoadModel(pb.LoadModelRequest(model="tiny", version=9), metadata=METADATA))
    assert told.reason is Reason.VERSION_NOT_FOUND
    assert told.request_id
    assert _known(server) == [(2, {}), (2, {})]
    gone = stub.UnloadModel(pb.UnloadModelRequest(model="tiny", version=2), metadata=METADATA)
    assert gone.versions == [2]
    stub.SetAlias(pb.SetAliasRequest(model="tiny", alias="stable", version=1), metadata=METADATA)
    assert _known(server) == [(1, {"stable": 1}), (1, {"stable": 1})]
    os.kill(server.told("worker ready", worker=0)[0]["pid"], signal.SIGKILL)
    server.wait_for("worker ready", 2, worker=0)
    assert _known(server) == [(1, {"stable": 1}), (1, {"stable": 1})]
    delete = partial(stub.DeleteAlias, pb.DeleteAliasRequest(model="tiny", alias="stable"), metadata=METADATA)
    delete()
    assert refused(delete).reason is Reason.ALIAS_NOT_FOUND
    stub.LoadModel(pb.LoadModelRequest(model="tiny", version=2), metadata=METADATA)
    assert _known(server) == [(2, {}), (2, {})]
    (model,) = stub.ListVersions(pb.ListVersionsRequest(), metadata=METADATA).models
    assert model.served == 2


def _known(server: ServerProcess) -> list[tuple[int, dict[str, int]]]:
    """Return what each worker serves, and its aliases, by its own listener."""
    known = []
    for worker in range(2):
        port = server.told("worker ready", worker=worker)[-1]["admin_port"]
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            (model,) = (
                AdminServiceStub(channel).ListVersions(pb.ListVersionsRequest(), metadata=METADATA).models
            )
        known.append((model.served, dict(model.aliases)))
    return known


def _overdraw(server: ServerProcess, token: str, quota: int) -> None:
    """Ask for 60 rows at a time over new connections until it is enough: a minute's, and more each second."""
    began, rows, refusal = time.monotonic(), 0, None
    while refusal is None and rows < 6 * quota:
        with Client(server.target, token=token) as client:
            try:
                rows += client.generate("tiny", 60, seed=1, sampler="vae").num_rows
            except QuotaExceededError as error:
                refusal = error
    assert quota <= rows < quota + 60 + quota / 60 * (time.monotonic() - began)
    calls: list[Any] = [line for line in server.told("call") if line["method"] == "Generate"]
    assert {line["worker"] for line in calls} == {0, 1}
