from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from augment_client import Client, UnavailableError
from augment_proto.reasons import SERVICE
from augment_proto.v1 import augment_pb2 as pb
from augment_server.main import main
from augment_server.settings import Settings
from tests.server.running import ServerProcess, environment

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def process(models_dir: Path) -> Iterator[ServerProcess]:
    """A server process, ended at the latest after the test."""
    started = time.monotonic()
    running = ServerProcess(models_dir)
    print(f"\nready after {time.monotonic() - started:.2f} s")  # noqa: T201 - shown, not asserted
    yield running
    running.kill()


def test_the_ready_line_tells_where_and_what(process: ServerProcess) -> None:
    """Programs that start the server read address and models from one JSON line."""
    assert process.ready["models"] == ["tiny/1"]
    assert process.ready["host"] == "127.0.0.1"
    with Client(process.target) as client:
        assert [model.name for model in client.models()] == ["tiny"]


def test_sigterm_lets_the_stream_in_flight_finish_and_exits_with_0(process: ServerProcess) -> None:
    """All rows of a stream that runs when SIGTERM comes arrive; then the process ends in good order."""
    with Client(process.target) as client:
        with client.generate_batches("tiny", 60_000, seed=3) as stream:
            rows = next(stream).num_rows
            process.terminate()
            time.sleep(0.3)
            rows += sum(batch.num_rows for batch in stream)
        assert rows == 60_000
        assert process.finish() == 0
        with pytest.raises(UnavailableError):
            client.models(timeout_s=5)
    events = [line["event"] for line in process.lines]
    assert events[-3:] == ["stopping", "call", "stopped"]
    assert process.lines[-2]["status"] == "OK"
    assert len(process.lines[-2]["request_id"]) == 32


def test_after_sigterm_health_turns_first_and_calls_are_taken_for_a_while(models_dir: Path) -> None:
    """With `--drain-delay-s` balancers see NOT_SERVING while calls still get answers."""
    running = ServerProcess(models_dir, "--drain-delay-s", "60")
    try:
        with grpc.insecure_channel(running.target) as channel, Client(running.target) as client:
            health: Any = health_pb2_grpc.HealthStub(channel)
            following = health.Watch(health_pb2.HealthCheckRequest(service="tiny"), timeout=30)
            assert next(following).status == health_pb2.HealthCheckResponse.SERVING
            running.terminate()
            assert next(following).status == health_pb2.HealthCheckResponse.NOT_SERVING
            assert client.generate("tiny", 3, seed=1).num_rows == 3
            running.terminate()
            assert running.finish() == 0
    finally:
        running.kill()


def test_a_second_signal_does_not_wait(process: ServerProcess) -> None:
    """Whoever signals twice wants the end now, calls in flight or not."""
    with Client(process.target) as client, client.generate_batches("tiny", 100_000_000) as stream:
        next(stream)
        process.terminate()
        time.sleep(0.3)
        started = time.monotonic()
        process.terminate()
        assert process.finish() == 0
        assert time.monotonic() - started < 10


def test_refused_requests_leave_no_memory_behind(process: ServerProcess) -> None:
    """30 refused requests of 10 MB cost about what one does: nothing holds those before."""
    body = pb.EncodeRequest(model="tiny", records=b"\xff" * 10_000_000).SerializeToString()
    with grpc.insecure_channel(process.target) as channel:
        call: Any = channel.unary_unary(f"/{SERVICE}/Encode")
        sizes = []
        for _ in range(30):
            with pytest.raises(grpc.RpcError):
                call(body, timeout=30)
            pages = int(Path(f"/proc/{process.pid}/statm").read_text().split()[1])
            sizes.append(pages * os.sysconf("SC_PAGE_SIZE") / 2**20)
    assert max(sizes[3:]) - sizes[2] < 60, sizes


def test_no_torch_in_the_server(models_dir: Path) -> None:
    """A server that has loaded a model and answered has no torch, no training and no pickle-made model."""
    program = f"""
import asyncio, sys
from pathlib import Path
from augment_server import Registry, Server, Settings
options = Settings(models=Path({str(models_dir)!r}), port=0)
async def run():
    server = await Server.start(options, Registry.open(options))
    await server.stop()
asyncio.run(run())
print([name for name in sys.modules if name.split(".")[0] in ("torch", "onnx", "sklearn", "matplotlib")
       or name.startswith(("augment.models", "augment.training"))])
"""
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", program], env=environment(), capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_what_cannot_be_served_ends_with_2_and_a_sentence(
    tmp_path: Path, models_dir: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A missing directory, a taken port and settings out of range exit with 2, each naming its field."""
    monkeypatch.chdir(tmp_path)
    other = socket.create_server(("127.0.0.1", 0))
    taken_port = other.getsockname()[1]
    for arguments, words in (
        (["--models", str(tmp_path / "none")], "models must be a directory"),
        (["--models", str(tmp_path)], "models must hold a usable bundle"),
        (["--models", str(models_dir / "tiny")], f"Give the directory that holds the models: {models_dir}"),
        (["--models", str(models_dir / "tiny" / "1")], f"that holds the models: {models_dir}"),
        (["--port", "70000"], "port"),
        (
            ["--models", str(models_dir), "--host", "256.0.0.1", "--plaintext"],
            "host must be a name or an address of this machine",
        ),
        (["--models", str(models_dir), "--port", str(taken_port)], "port must be free to listen on"),
    ):
        assert main(arguments) == 2, arguments
        error = capsys.readouterr().err
        assert words in error
        assert "Traceback" not in error
    other.close()


SECRET = "http://me:hunter2@collector:4317"  # noqa: S105 - made up
BROKEN = {
    "--port (AUGMENT_PORT) must be less than or equal to 65535, got '70000'. It is: port": [
        "--port",
        "70000",
    ],
    "--admin-port (AUGMENT_ADMIN_PORT) must come with --admin-token-file, got '1'. Give": [
        "--admin-port",
        "1",
    ],
    "--default-rows-per-minute (AUGMENT_DEFAULT_ROWS_PER_MINUTE) must come with --clients or --jwt-keys": [
        "--default-rows-per-minute",
        "5",
    ],
    "--versions (AUGMENT_VERSIONS) must match pattern": ["--versions", "0"],
    "--pin.adult (AUGMENT_PIN) must be a valid integer": ["--pin", "adult=x"],
    "--pin (AUGMENT_PIN) must be NAME=VALUE as a flag": ["--pin", "adult"],
    "--idle-s (AUGMENT_IDLE_S) must be greater than 0, got '0'": ["--idle-s", "0"],
    "got '//...@bucket/models'": ["--hang-s", "//key:hunter2@bucket/models"],
}


@pytest.mark.parametrize("told", BROKEN)
def test_a_setting_that_breaks_a_rule_is_told_alone(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, told: str
) -> None:
    """Flag and variable, the rule, the value and a remedy on one line; no other setting, no secret."""
    monkeypatch.setenv("AUGMENT_OTLP_ENDPOINT", SECRET)
    assert main(["--host", "kept.example", *BROKEN[told]]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: --")
    assert told in line
    assert not [word for word in ("hunter2", "kept.example", "collector", "Traceback") if word in line]


def test_variables_that_break_rules_are_told_each_on_a_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also such as cannot be read at all."""
    monkeypatch.setenv("AUGMENT_WORKERS", "0")
    monkeypatch.setenv("AUGMENT_PORT", "x")
    assert main([]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(" ", 3)[1] for line in lines] == ["--workers", "--port"]
    monkeypatch.setenv("AUGMENT_PIN", "adult=3")
    assert main([]) == 2
    assert "--pin (AUGMENT_PIN) must be NAME=VALUE as a flag, JSON as a variable, got 'adult=3'" in (
        capsys.readouterr().err
    )


def test_a_port_is_not_shared(process: ServerProcess, models_dir: Path) -> None:
    """A second server on the port is refused: it would take half of the calls."""
    arguments = ["--models", str(models_dir), "--port", str(process.ready["port"])]
    assert main(arguments) == 2


def test_settings_come_from_flags_then_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """AUGMENT_ variables set what no argument does, and are checked alike."""
    monkeypatch.setenv("AUGMENT_MODELS", str(tmp_path))
    monkeypatch.setenv("AUGMENT_PORT", "1234")
    assert (Settings().models, Settings().port, Settings(port=5).port) == (tmp_path, 1234, 5)
    monkeypatch.setenv("AUGMENT_GRACE_S", "-1")
    assert main([]) == 2


def test_workers_have_time_for_several_signs_of_life(capsys: pytest.CaptureFixture[str]) -> None:
    """They give one each half second: with less patience than that good ones would be killed."""
    assert main(["--hang-s", "0.5"]) == 2
    assert "hang_s" in capsys.readouterr().err.replace("-", "_")


def test_console_logs_are_for_people(models_dir: Path) -> None:
    """With `--log-format console` the log is no JSON."""
    command = [sys.executable, "-m", "augment_server", "--models", str(models_dir), "--port", "0"]
    with subprocess.Popen(  # noqa: S603 - our own module
        [*command, "--log-format", "console"], env=environment(), stderr=subprocess.PIPE, text=True
    ) as running:
        assert running.stderr is not None
        line = next(line for line in running.stderr if "ready" in line)
        running.terminate()
        assert running.wait(30) == 0
    with pytest.raises(json.JSONDecodeError):
        json.loads(line)
