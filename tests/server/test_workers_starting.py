"""Workers that hang before they are ready: for real, at a pipe that nobody writes to."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from augment_client import Client, UnauthenticatedError
from augment_server.principals import hash_of
from augment_server.supervision.pulse import Pulse
from tests.server.running import ServerProcess, environment

if TYPE_CHECKING:
    from collections.abc import Iterator

SECONDS = 120
TOKEN = "a-clients-token-0123456789"  # noqa: S105 - made up


@pytest.fixture
def clients(tmp_path: Path) -> Path:
    """A clients' file."""
    path = tmp_path / "clients.yaml"
    path.write_text(yaml.safe_dump({"clients": {"one": {"tokens": [hash_of(TOKEN)], "scopes": ["*:*"]}}}))
    return path


@contextmanager
def blocked(path: Path) -> Iterator[Path]:
    """Put a pipe in the place of a file: who reads it waits for ever. Tell where the file is now."""
    good = path.rename(path.with_suffix(".good"))
    os.mkfifo(path)
    pipe = os.open(path, os.O_RDWR)
    try:
        yield good
    finally:
        os.close(pipe)


def waiting(pipe: Path, count: int) -> list[int]:
    """Return the workers that read a pipe, once there are so many."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        found = [int(place.name) for place in Path("/proc").glob("[0-9]*") if _reads(place, pipe)]
        if len(found) == count:
            return found
        time.sleep(0.1)
    raise AssertionError(f"{count} workers should wait")


def _reads(process: Path, pipe: Path) -> bool:
    try:
        if b"augment_server.supervision" not in (process / "cmdline").read_bytes():
            return False
        return any(file.readlink() == pipe for file in (process / "fd").iterdir())
    except OSError:  # it has ended meanwhile
        return False


async def test_a_report_that_does_not_come_is_waited_for_so_long() -> None:
    """And one that comes is read, however late; the end of the worker is no report."""
    reading, writing = os.pipe()
    pulse = await Pulse.open(reading)
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        await pulse.report(1.0)
    assert 0.9 <= time.monotonic() - began < SECONDS
    os.write(writing, b"ready\n")
    assert await pulse.report(1.0) == b"ready\n"
    os.close(writing)
    assert await pulse.report(1.0) == b""
    pulse.close()


@pytest.mark.slow
def test_workers_that_hang_while_they_start_are_replaced(flat_dir: Path, clients: Path) -> None:
    """At the first start and at a later one: the log says so, and the next one serves."""

    def mend() -> None:
        waiting(clients, 2)
        good.replace(clients)

    with blocked(clients) as good:
        threading.Thread(target=mend, daemon=True).start()
        flags = ("--workers", "2", "--start-s", "10", "--clients", str(clients))
        server = ServerProcess(flat_dir, *flags)
    try:
        for worker in (0, 1):
            assert server.wait_for("worker hangs while it starts", worker=worker)["start_s"] == 10.0
        with blocked(clients) as good:
            os.kill(server.told("worker ready", worker=0)[0]["pid"], signal.SIGKILL)
            waiting(clients, 1)
            good.replace(clients)
            server.wait_for("worker hangs while it starts", 2, worker=0)
            server.wait_for("worker ready", 2, worker=0)
        with Client(server.target) as stranger, pytest.raises(UnauthenticatedError):
            stranger.models()
        with Client(server.target, token=TOKEN) as client:
            assert [model.name for model in client.models()] == ["flat"]
        server.terminate()
        assert server.finish() == 0
    finally:
        server.kill()


@pytest.mark.slow
def test_a_server_whose_workers_hang_while_they_start_can_be_stopped(flat_dir: Path, clients: Path) -> None:
    """Also where they do not even hear that they are to end."""
    command = [sys.executable, "-m", "augment_server", "--models", str(flat_dir), "--port", "0"]
    with (
        blocked(clients),
        subprocess.Popen(  # noqa: S603 - our own module
            [*command, "--workers", "2", "--clients", str(clients)], env=environment()
        ) as server,
    ):
        workers = waiting(clients, 2)
        os.kill(workers[0], signal.SIGSTOP)
        server.terminate()
        assert server.wait(SECONDS) == 0
        assert not waiting(clients, 0)
