from __future__ import annotations

import asyncio
import json
import signal
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from augment_server import Registry, Server
from augment_server.process import serve_until
from augment_server.stopping import Stopping
from tests.server.running import environment, settings

if TYPE_CHECKING:
    from pathlib import Path

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HEADERS, SETTINGS, DATA = 1, 4, 0
CALLS: dict[str, dict[bytes, bytes]] = {
    "a path that is no UTF-8": {b":path": b"/x/\xff"},
    "one that begins like ours": {b":path": b"/augment.v1.AugmentService/Generate\xff"},
    "half of a pair": {b":path": b"/\xed\xa0\x80/x"},
    "no path": {b":path": b""},
    "a path with NUL": {b":path": b"/a\0b/c"},
    "an authority of bytes": {b":authority": b"\xff\xfe"},
    "metadata of bytes": {b"x-request-id": b"\xff" * 8},
    "a token of bytes": {b"authorization": b"Bearer \xff"},
    "an unknown compression": {b"grpc-encoding": b"nope"},
    "a deadline that is none": {b"grpc-timeout": b"\xff"},
}


def frame(kind: int, flags: int, stream: int, body: bytes = b"") -> bytes:
    """Return a frame of HTTP/2 (RFC 9113, 4.1)."""
    return len(body).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + body


def call(changes: dict[bytes, bytes]) -> bytes:
    """Return the bytes of a connection with one call, whose headers may be anything."""
    usual = {b":method": b"POST", b":scheme": b"http", b":path": b"/grpc.health.v1.Health/Check"}
    rest = {b":authority": b"x", b"te": b"trailers", b"content-type": b"application/grpc"}
    fields = {**usual, **rest, **changes}
    block = b"".join(b"\0" + bytes([len(k)]) + k + bytes([len(v)]) + v for k, v in fields.items())
    return PREFACE + frame(SETTINGS, 0, 0) + frame(HEADERS, 4, 1, block) + frame(DATA, 1, 1, b"\0" * 5)


def health_of(port: int) -> int:
    """Return what a newcomer is told."""
    options = [("grpc.use_local_subchannel_pool", 1)]
    with grpc.insecure_channel(f"127.0.0.1:{port}", options) as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        return int(stub.Check(health_pb2.HealthCheckRequest(), timeout=10).status)


def test_calls_of_strangers_end_no_server_and_write_no_lines_but_json(models_dir: Path) -> None:
    """Headers that no client of gRPC sends: after each, and after what is no call, newcomers are served."""
    command = [sys.executable, "-m", "augment_server", "--models", str(models_dir), "--port", "0"]
    variables = environment()
    variables.pop("GRPC_VERBOSITY", None)
    with subprocess.Popen(command, env=variables, stderr=subprocess.PIPE, text=True) as server:  # noqa: S603
        assert server.stderr is not None
        lines: list[dict[str, Any]] = []
        while not (lines and lines[-1].get("event") == "ready"):
            lines.append(json.loads(server.stderr.readline()))
        port = lines[-1]["port"]
        for what, sent in {**{name: call(each) for name, each in CALLS.items()}, "HTTP/1": b"GET /"}.items():
            with socket.create_connection(("127.0.0.1", port), 10) as connection:
                connection.sendall(sent)
                time.sleep(0.2)
            assert health_of(port) == health_pb2.HealthCheckResponse.SERVING, what
        server.send_signal(signal.SIGTERM)
        rest = server.stderr.read().splitlines()
    assert server.returncode == 0, rest[-5:]
    assert [line for line in rest if not line.startswith("{")] == []


def test_a_process_whose_grpc_has_ended_ends(models_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is answered any more, so that whoever watches over the process has to start it anew."""
    options, start = settings(models_dir), Server.start
    ending: list[asyncio.Task[None]] = []

    async def started(*given: Any) -> Server:
        server = await start(*given)
        ending.append(asyncio.create_task(server._server.stop(0)))
        return server

    monkeypatch.setattr(Server, "start", started)
    with pytest.raises(SystemExit) as ended:
        asyncio.run(serve_until(Stopping(), options, Registry.open(options), lambda _: None))
    assert ended.value.code == 1
