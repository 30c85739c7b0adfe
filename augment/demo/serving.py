"""The real server in a process of its own, on a free port, always stopped in the end."""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["Serving", "ServingError", "serving"]

_START_TIMEOUT_S = 120.0
_STOP_TIMEOUT_S = 10.0


class ServingError(RuntimeError):
    """The server did not start; the message holds what it logged."""


@dataclass(frozen=True)
class Serving:
    """A running server: its address, and how long it took to be ready."""

    address: str
    start_seconds: float


@contextmanager
def serving(models: Path, log: Path) -> Iterator[Serving]:
    """Start `python -m augment_server` on a free port and stop it in the end, whatever happens.

    Args:
        models: The directory of bundles.
        log: Where the server's log lines go.

    Raises:
        ServingError: It was not ready in time.
    """
    started = time.monotonic()
    command = [sys.executable, "-m", "augment_server", "--models", str(models), "--port", "0"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AUGMENT_")}
    process = subprocess.Popen(command, stderr=subprocess.PIPE, env=environment)  # noqa: S603 - our own server
    keeper: threading.Thread | None = None
    try:
        port = _wait_until_ready(process, log)
        keeper = threading.Thread(target=_keep, args=(_stderr(process), log), daemon=True)
        keeper.start()
        yield Serving(f"127.0.0.1:{port}", time.monotonic() - started)
    finally:
        _stop(process, keeper)


def _wait_until_ready(process: subprocess.Popen[bytes], log: Path) -> int:
    """Return the port of the server's own line that says it is ready."""
    stream = _stderr(process)
    lines: list[bytes] = []
    deadline = time.monotonic() + _START_TIMEOUT_S
    with selectors.DefaultSelector() as selector:
        selector.register(stream, selectors.EVENT_READ)
        while selector.select(max(0.0, deadline - time.monotonic())):
            line = stream.readline()
            lines.append(line)
            log.write_bytes(b"".join(lines))
            event = _event(line)
            if event.get("event") == "ready":
                return int(event["port"])
            if not line:
                break
    raise ServingError(f"the server must be ready within {_START_TIMEOUT_S:.0f} s, got:\n{_text(lines)}")


def _event(line: bytes) -> dict[str, str]:
    try:
        event = json.loads(line)
    except ValueError:  # a line that is no log event, e.g. a warning of Python's
        return {}
    return event if isinstance(event, dict) else {}


def _text(lines: list[bytes]) -> str:
    return b"".join(lines).decode(errors="replace").strip() or "no word from it"


def _stderr(process: subprocess.Popen[bytes]) -> IO[bytes]:
    assert process.stderr is not None  # noqa: S101 - it was asked for
    return process.stderr


def _keep(stream: IO[bytes], log: Path) -> None:
    """Write what the server says to its log until it ends: a full pipe that nobody reads would stop it."""
    with suppress(OSError, ValueError), log.open("ab") as file:  # the log is a service, no reason to fail
        for line in stream:
            with suppress(OSError):
                file.write(line)
                file.flush()


def _stop(process: subprocess.Popen[bytes], keeper: threading.Thread | None) -> None:
    process.terminate()
    try:
        process.wait(_STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if keeper is not None:
        keeper.join(_STOP_TIMEOUT_S)
    _stderr(process).close()
